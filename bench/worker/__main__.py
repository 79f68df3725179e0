"""The worker process: import one implementation, do what is requested, write one JSON document.

Usage: ``python -m bench.worker FOLDER DESCRIPTOR``. FOLDER holds ``request.json``; the worker
writes ``document.json`` there and, for a trial, ``params.npy`` and ``labels.npy``. It writes one
byte to DESCRIPTOR when it begins and one when it ends, so that the parent's clock can check its
own. Any interpreter that has NumPy and the framework can be a worker.
"""

import ctypes
import importlib
import importlib.util
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.contract import Problem, Unavailable
from bench.errors import join_lines
from bench.worker import data, guard, machine
from bench.worker.check import check_trainer
from bench.worker.gpu import VISIBLE, GpuMonitor
from bench.worker.guard import ContractError, SuiteSnapshot
from bench.worker.measure import Measurement, Request, measure, now, time_call
from bench.worker.roofline import measure_roofline
from bench.worker.slowdown import slow_down
from bench.worker.workloads import CHECK_SEGMENTS, WORKLOADS, draw_initial_params, draw_start_params

Document = dict[str, Any]

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main() -> None:
    """Answer the request in the folder that the command line names."""
    folder, descriptor = Path(sys.argv[1]), int(sys.argv[2])
    end_with_parent()
    started = now()
    os.write(descriptor, b"\n")  # fails where the parent died before ``end_with_parent``
    os.set_inheritable(descriptor, False)  # not for the processes that this one starts
    disable_core_dumps()
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    document = answer(MODES[request["mode"]], {**request, "folder": folder})
    document["worker_seconds"] = now() - started
    os.write(descriptor, b"\n")
    write_document(folder / "document.json", document)


def end_with_parent() -> None:
    """Let Linux kill this process when its parent dies: an orphan would disturb other trials."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def disable_core_dumps() -> None:
    """Let a crash write no core file: a framework's has gigabytes."""
    _, hard_limit = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard_limit))


def answer(mode: Callable[[Document], Document], request: Document) -> Document:
    """Run a mode; turn whatever it raises into a status and a reason of one line."""
    try:
        return {"status": "ok", **mode(request)}
    except (Unavailable, ContractError) as error:
        status = "unavailable" if isinstance(error, Unavailable) else "failed"
        return {"status": status, "reason": join_lines(str(error))}
    except ModuleNotFoundError as error:
        name, extra = (error.name or "").partition(".")[0], request.get("extra")
        if name in {"", "bench", "implementations"} or not extra:  # our own code lacks it
            traceback.print_exc()
            return {"status": "failed", "reason": _describe(error)}
        reason = f"{name} is not installed: pip install 'softmax-bench[{extra}]'"
        return {"status": "unavailable", "reason": reason}
    except MemoryError:
        return {"status": "out-of-memory", "reason": "the process ran out of memory"}
    except Exception as error:  # noqa: BLE001 - any failure of an implementation becomes a row
        traceback.print_exc()
        # A device that is full: PyTorch and TensorFlow have classes for it, JAX has words.
        full = type(error).__name__ in {"OutOfMemoryError", "ResourceExhaustedError"} or str(
            error
        ).startswith(("RESOURCE_EXHAUSTED", "CUDA error: out of memory"))
        return {"status": "out-of-memory" if full else "failed", "reason": _describe(error)}


def run_trial(request: Document) -> Document:
    """Measure one case; write its params and predicted labels beside the document."""
    outside = Measurement()  # its ``between_seconds`` are those before and after ``measure``
    monitor = outside.call_between(create_monitor, request)
    snapshot = outside.call_between(SuiteSnapshot)
    outside.record_memory("start")
    module, import_seconds = time_call(load, request)
    outside.record_memory("import")
    outside.call_between(snapshot.check)
    problem, trial = outside.call_between(prepare, request, snapshot, monitor)
    outside.record_memory("data")
    trainer = slow_down(module.Trainer, request.get("slowdown"))
    measurement, params, labels = measure(trainer, problem, request["device"], trial)
    outside.call_between(save_arrays, request, params, labels)
    outside.call_between(require_untouched, snapshot, problem, request)
    measurement.between_seconds += outside.between_seconds
    measurement.phase_rss_bytes = outside.phase_rss_bytes | measurement.phase_rss_bytes
    return {"import_seconds": import_seconds, **asdict(measurement)}


def run_check(request: Document) -> Document:
    """Check an implementation as ``bench check`` asks; its times are not reported."""
    snapshot = SuiteSnapshot()
    module, import_seconds = time_call(load, request)
    snapshot.check()
    (measurement, params, labels), seconds = time_call(check_module, module, request, snapshot)
    save_arrays(request, params, labels)
    return {
        "import_seconds": import_seconds,
        "epoch_seconds": measurement.epoch_seconds,
        "epoch_cpu_seconds": measurement.epoch_cpu_seconds,
        "between_seconds": seconds - sum(measurement.epoch_seconds),
    }


def check_module(
    module: ModuleType, request: Document, snapshot: SuiteSnapshot
) -> tuple[Measurement, NDArray[np.float32], NDArray[np.int64]]:
    """Check a module's Trainer; return the times of its epochs, its params and its labels."""
    problem, trial = prepare(request, snapshot)
    workload = WORKLOADS[request["workload"]]
    sizes = (problem.features, problem.classes, request["seed"])
    starts = {segment: draw_start_params(segment, workload, *sizes) for segment in CHECK_SEGMENTS}
    device, watch = request["device"], request["watch"]
    result = check_trainer(module.Trainer, problem, device, trial, starts, watch=watch)
    require_untouched(snapshot, problem, request)
    return result


def run_roofline(request: Document) -> Document:
    """Measure a framework's peak rate and bandwidth on this machine."""
    module, import_seconds = time_call(load, request)
    sample = measure_roofline(
        module.Probe, request["device"], request["features"], request["samples"]
    )
    return {"import_seconds": import_seconds, **asdict(sample)}


def run_textbook(request: Document) -> Document:
    """Run one of the textbook's programs and return its quantities by name."""
    module, import_seconds = time_call(load, request)
    textbook, between_seconds = time_call(data.read_textbook, Path(request["data"]))
    values, seconds = time_call(module.run, textbook)
    return {
        "import_seconds": import_seconds,
        "between_seconds": between_seconds,
        "program_seconds": seconds,
        "quantities": values,
    }


def run_preflight(request: Document) -> Document:
    """Import an implementation, and say what it is."""
    module = load(request)
    return {
        "trainer": callable(getattr(module, "Trainer", None)),
        "objective": getattr(module, "OBJECTIVE", "softmax"),
    }


def run_device_check(request: Document) -> Document:
    """Create a framework's roofline probe, which raises Unavailable if it sees no such device."""
    load(request).Probe(np.zeros((1, 1), np.float32), request["device"])
    return {}


def run_software(_: Document) -> Document:
    """Return what is installed for this interpreter."""
    return {"software": machine.list_software()}


MODES = {
    "trial": run_trial,
    "check": run_check,
    "roofline": run_roofline,
    "textbook": run_textbook,
    "preflight": run_preflight,
    "device": run_device_check,
    "software": run_software,
}


def create_monitor(request: Document) -> GpuMonitor | None:
    """Return a monitor of the GPU that trains, created before a framework takes its memory."""
    return GpuMonitor(os.environ.get(VISIBLE, "")) if request["device"] == "gpu" else None


def load(request: Document) -> ModuleType:
    """Import the implementation, by its module's name or its file's path, and its framework."""
    if request.get("file") is None:
        return importlib.import_module(f"implementations.{request['module']}")
    path = Path(request["file"])
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def prepare(
    request: Document, snapshot: SuiteSnapshot, monitor: GpuMonitor | None = None
) -> tuple[Problem, Request]:
    """Read every page of the data, and draw the initial weights."""
    folder, workload = Path(request["data"]), WORKLOADS[request["workload"]]
    problem = data.read_problem(
        folder,
        workload.name,
        classes=request["classes"],
        batch_size=request["batch_size"],
        samples=request["samples"],
    )
    test_images, _ = data.read(folder, "test")
    trial = Request(
        initial=draw_initial_params(workload, problem.features, problem.classes, request["seed"]),
        seed=request["seed"],
        epochs=request["epochs"],
        test_images=test_images,
        snapshot=snapshot,
        brief=request.get("brief", False),
        monitor=monitor,
    )
    return problem, trial


def require_untouched(snapshot: SuiteSnapshot, problem: Problem, request: Document) -> None:
    """Raise ContractError where the suite or the training data were changed."""
    snapshot.check()
    samples = data.read_samples(Path(request["data"]), request["samples"])
    what = "the training data that it received"
    guard.require_unchanged(what, samples, (problem.images, problem.labels))


def save_arrays(request: Document, params: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
    """Save what was trained and predicted, for the parent to judge."""
    np.save(request["folder"] / "params.npy", params)
    np.save(request["folder"] / "labels.npy", labels)


def write_document(path: Path, document: Document) -> None:
    """Write the whole document or nothing: a temporary name, then a rename."""
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(document), encoding="utf-8")
    temporary.replace(path)


def _describe(error: BaseException) -> str:
    return join_lines(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
    # Skip interpreter shutdown: frameworks take up to 1 s to tear down, and the document is
    # written. What was printed is evidence, so flush it.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
