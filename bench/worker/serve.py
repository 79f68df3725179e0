"""Serve the parent's commands: import one implementation, and do what they say.

After the last command, and after one that fails, ``document.json`` is written to the folder.
"""

import ctypes
import importlib
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from bench.contract import Unavailable
from bench.errors import join_lines
from bench.worker import exchange, machine
from bench.worker.exchange import Exchange, ExchangeSize
from bench.worker.guard import ContractError
from bench.worker.imports import find_imports
from bench.worker.roofline import measure_roofline
from bench.worker.session import Document, WorkerSession

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main() -> None:
    """Serve the parent's commands until the last one, or until one fails."""
    folder, descriptors = Path(sys.argv[1]), [int(text) for text in sys.argv[2:]]
    commands, answers, memory_file = descriptors
    end_with_parent()
    for descriptor in descriptors:  # not for the processes that this one starts
        os.set_inheritable(descriptor, False)
    disable_core_dumps()
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    memory = Exchange(memory_file, ExchangeSize(**request["exchange"]))
    session = WorkerSession(request, memory, folder / exchange.NOISE)
    methods = {**session.methods, exchange.RUN: lambda: run_mode(request, session)}
    while command := os.read(commands, 1):
        failure = execute(methods[command], request)
        if failure or command == exchange.END:
            document = failure or {"status": "ok", **session.results}
            (folder / "document.json").write_text(json.dumps(document), encoding="utf-8")
        os.write(answers, exchange.FAILED if failure else command)
        if failure or command == exchange.END:
            return


def end_with_parent() -> None:
    """Let Linux kill this process when its parent dies: an orphan would disturb other trials."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def disable_core_dumps() -> None:
    """Let a crash write no core file: a framework's has gigabytes."""
    _, hard_limit = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard_limit))


def execute(method: Callable[[], None], request: Document) -> Document | None:
    """Execute a command; return None, or status and reason of one line for whatever it raises."""
    try:
        method()
    except (Unavailable, ContractError) as error:
        status = "unavailable" if isinstance(error, Unavailable) else "failed"
        return {"status": status, "reason": join_lines(str(error))}
    except ModuleNotFoundError as error:
        name, remedy = (error.name or "").partition(".")[0], request.get("install")
        if name in {"", "bench", "implementations"} or not remedy:  # our own code lacks it
            traceback.print_exc()
            return {"status": "failed", "reason": _describe(error)}
        return {"status": "unavailable", "reason": f"{name} is not installed: {remedy}"}
    except Exception as error:  # noqa: BLE001 - any failure of an implementation becomes a row
        traceback.print_exc()
        return {"status": "failed", "reason": _describe(error)}
    return None


def run_mode(request: Document, session: WorkerSession) -> None:
    """Do what a request asks for beside training, and keep what it gives for the document."""
    results = session.results
    match request["mode"]:
        case "roofline":
            arguments = request["device"], request["features"], request["samples"]
            results |= asdict(measure_roofline(session.module.Probe, *arguments))
        case "textbook":
            results["quantities"] = session.module.run(session.textbook)
        case "preflight":
            results["trainer"] = callable(getattr(session.module, "Trainer", None))
            results["objective"] = getattr(session.module, "OBJECTIVE", "softmax")
            results["many"] = getattr(session.module, "MANY", False) is True
            if request.get("file"):
                results |= find_imports(Path(request["file"]))
        case "device":  # it raises Unavailable if it sees no such device
            session.train_step(request["device"])
        case "software":
            results["software"] = machine.list_software()
        case "registry":  # of a revision, whose entries may lack fields of ours
            entries = [
                {name: getattr(entry, name) for name in request["fields"] if hasattr(entry, name)}
                for entry in importlib.import_module("implementations").IMPLEMENTATIONS
            ]
            results["registry"] = json.loads(json.dumps(entries, default=str))


def _describe(error: BaseException) -> str:
    return join_lines(f"{type(error).__name__}: {error}")
