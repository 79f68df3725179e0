"""The child process: import one implementation, measure it, write one JSON document.

Usage: ``python -m bench.worker FOLDER DESCRIPTOR``. FOLDER holds ``request.json``; the worker
leaves ``document.json`` there and, for a trial, ``params.npy`` and ``labels.npy``. As it begins and
as it ends it writes a byte to DESCRIPTOR, by which the parent's clock sees how long it took. Needs
the standard library, NumPy and the framework; any interpreter that has these can be a worker.
"""

import importlib
import importlib.util
import json
import os
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
from bench.worker import data as prepared
from bench.worker import guard, limits, machine, slowdown
from bench.worker.conformance import ConformanceRequest, examine
from bench.worker.gpu import VISIBLE, GpuMonitor
from bench.worker.guard import ContractError
from bench.worker.measure import Measurement, Request, measure, now, time_call
from bench.worker.roofline import measure_roofline
from bench.worker.workloads import EXAMINATION, WORKLOADS, draw_initial_params, draw_start_params

Document = dict[str, Any]


def main() -> None:
    """Answer the request in the folder named on the command line."""
    started = now()
    folder, descriptor = Path(sys.argv[1]), int(sys.argv[2])
    limits.end_with_parent()
    os.write(descriptor, b"\n")  # to nobody where the parent has died before that was asked
    os.set_inheritable(descriptor, False)  # not for what it starts
    limits.disable_core_dumps()
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    limits.limit_memory(request.get("memory_limit"))
    document = answer(MODES[request["mode"]], request, folder)
    document["worker_seconds"] = now() - started
    os.write(descriptor, b"\n")
    write(folder / "document.json", document)


def answer(mode: Callable[[Document, Path], Document], request: Document, folder: Path) -> Document:
    """Do what is asked; whatever is raised becomes a status and a reason of one line."""
    try:
        return {"status": "ok", **mode(request, folder)}
    except Unavailable as reason:
        return {"status": "unavailable", "reason": _line(reason)}
    except ModuleNotFoundError as error:
        return _not_installed(error, request)
    except ContractError as fault:
        return {"status": "failed", "reason": _line(fault)}
    except MemoryError:
        return {"status": "out-of-memory", "reason": "the process ran out of memory"}
    except Exception as error:  # noqa: BLE001 - any failure of somebody's code becomes a row
        traceback.print_exc()
        status = "out-of-memory" if _out_of_memory(error) else "failed"
        return {"status": status, "reason": _named(error)}


def trial(request: Document, folder: Path) -> Document:
    """Measure one case, and leave its params and predicted labels beside the document."""
    watch, looking = time_call(watched, request)
    untouched, first = time_call(guard.HarnessSnapshot)
    memory = {"start": machine.peak_rss_bytes()}
    module, import_seconds = time_call(load, request)
    memory["import"] = machine.peak_rss_bytes()
    _, second = time_call(untouched.check)
    (problem, asked), before = time_call(prepare, request, untouched, watch)
    memory["data"] = machine.peak_rss_bytes()
    trainer = slowdown.slow_down(module.Trainer, request.get("slowdown"))
    found, params, predicted = measure(trainer, problem, request["device"], asked)
    found.phase_rss_bytes = {**memory, **found.phase_rss_bytes}
    _, after = time_call(leave, folder, params, predicted)
    _, last = time_call(unchanged, untouched, problem, request)
    found.between_seconds += looking + first + second + before + after + last
    return {"import_seconds": import_seconds, **asdict(found)}


def check(request: Document, folder: Path) -> Document:
    """Put an implementation through the script of ``bench check``; no time of it is reported."""
    untouched = guard.HarnessSnapshot()
    module, import_seconds = time_call(load, request)
    untouched.check()
    (found, params, predicted), seconds = time_call(examined, module, request, untouched)
    leave(folder, params, predicted)
    return {
        "import_seconds": import_seconds,
        "epoch_seconds": found.epoch_seconds,
        "epoch_cpu_seconds": found.epoch_cpu_seconds,
        "between_seconds": seconds - sum(found.epoch_seconds),
    }


def examined(
    module: ModuleType, request: Document, untouched: guard.HarnessSnapshot
) -> tuple[Measurement, NDArray[np.float32], NDArray[np.int64]]:
    """Examine a module's Trainer; return times, params and the labels that it predicted."""
    problem, given = prepare(request, untouched)
    workload = WORKLOADS[request["workload"]]
    sizes = (problem.features, problem.classes, request["seed"])
    starts = {stretch: draw_start_params(stretch, workload, *sizes) for stretch in EXAMINATION}
    asked = ConformanceRequest(starts, given.seed, given.test_images, request["watch"], untouched)
    left = examine(module.Trainer, problem, request["device"], asked)
    unchanged(untouched, problem, request)
    return left


def unchanged(untouched: guard.HarnessSnapshot, problem: Problem, request: Document) -> None:
    """Raise FaultError where the suite or the data are not as they were."""
    untouched.check()
    data = prepared.read_samples(Path(request["data"]), request["samples"])
    guard.require_unchanged(
        "the training data it was given", data, (problem.images, problem.labels)
    )


def watched(request: Document) -> GpuMonitor | None:
    """Watch the GPU that is trained on, from before a framework takes any of its memory."""
    return GpuMonitor(os.environ.get(VISIBLE, "")) if request["device"] == "gpu" else None


def prepare(
    request: Document, untouched: guard.HarnessSnapshot, watch: GpuMonitor | None = None
) -> tuple[Problem, Request]:
    """Read the data, every page of them, and make the initial weights."""
    images, labels = prepared.read_samples(Path(request["data"]), request["samples"])
    test_images, _ = prepared.read(Path(request["data"]), "test")
    workload = WORKLOADS[request["workload"]]
    classes = request["classes"]
    problem = Problem(images, labels, classes, request["batch_size"], workload.optimizer)
    initial = draw_initial_params(workload, problem.features, classes, request["seed"])
    brief = request.get("brief", False)
    return problem, Request(
        initial, request["seed"], request["epochs"], test_images, untouched, brief, watch
    )


def leave(folder: Path, params: NDArray[np.float32], predicted: NDArray[np.int64]) -> None:
    """Leave for the parent's judgement what was trained and predicted."""
    np.save(folder / "params.npy", params)
    np.save(folder / "labels.npy", predicted)


def ceiling(request: Document, folder: Path) -> Document:  # noqa: ARG001 - a mode like the others
    """Find out what a framework can do at all on this machine."""
    module, import_seconds = time_call(load, request)
    found = measure_roofline(
        module.Probe, request["device"], request["features"], request["samples"]
    )
    return {"import_seconds": import_seconds, **asdict(found)}


def figure(request: Document, folder: Path) -> Document:  # noqa: ARG001 - a mode like the others
    """Run one of the textbook's programs; its quantities by name."""
    module, import_seconds = time_call(load, request)
    textbook, between_seconds = time_call(prepared.read_textbook, Path(request["data"]))
    values, seconds = time_call(module.run, textbook)
    return {
        "import_seconds": import_seconds,
        "between_seconds": between_seconds,
        "figure_seconds": seconds,
        "figure": values,
    }


def probe(request: Document, folder: Path) -> Document:  # noqa: ARG001 - a mode like the others
    """Import an implementation once, unmeasured, and say what it is."""
    module = load(request)
    return {
        "trainer": callable(getattr(module, "Trainer", None)),
        "objective": getattr(module, "OBJECTIVE", "softmax"),
    }


def sees(request: Document, folder: Path) -> Document:  # noqa: ARG001 - a mode like the others
    """Begin a framework's probe on a device: it raises Unavailable where it sees none."""
    load(request).Probe(np.zeros((1, 1), np.float32), request["device"])
    return {}


def software(request: Document, folder: Path) -> Document:  # noqa: ARG001 - a mode like the others
    """Say what is installed for this interpreter."""
    return {"software": machine.software()}


MODES = {
    "trial": trial, "check": check, "ceiling": ceiling, "figure": figure, "probe": probe,
    "sees": sees, "software": software,
}  # fmt: skip


def load(request: Document) -> ModuleType:
    """Import the implementation, and its framework with it: a module's name or a file's path."""
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


def write(path: Path, document: Document) -> None:
    """Write the whole document or nothing: a temporary name, then a rename."""
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(document), encoding="utf-8")
    temporary.replace(path)


def _not_installed(error: ModuleNotFoundError, request: Document) -> Document:
    """Tell an absent framework, which is a row's reason, from a module that our own code lacks."""
    absent = (error.name or "").partition(".")[0]
    if absent in {"", "bench", "implementations"} or not request.get("extra"):
        traceback.print_exc()
        return {"status": "failed", "reason": _named(error)}
    reason = f"{absent} is not installed: pip install 'softmax-bench[{request['extra']}]'"
    return {"status": "unavailable", "reason": reason}


def _out_of_memory(error: Exception) -> bool:
    """Tell that a device is full; each framework has its own words: PyTorch, TensorFlow, JAX."""
    by_name = type(error).__name__ in {"OutOfMemoryError", "ResourceExhaustedError"}
    by_words = ("RESOURCE_EXHAUSTED", "CUDA error: out of memory")
    return by_name or str(error).startswith(by_words)


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {_line(error)}"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:500]


if __name__ == "__main__":
    main()
    # Taking a framework apart costs up to a second a process, ten minutes a run are all there is,
    # and the document is written: leave at once. What was printed is evidence, so flush it.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
