"""A stand-in for NVML's Python module that answers from a session, and a recorder of sessions.

A session is a JSON object. ``calls`` has a list of answers for each call, such as
``nvmlDeviceGetClockInfo(0, NVML_CLOCK_SM)``, where 0 is the index of the GPU; the last answer is
given again and again. An object is a struct, ``{"error": text}`` an error of NVML. Of
``{"grows": number}`` the answer grows by so much a second.

``python tests/support/nvml.py FILE run --device cpu,gpu --quick`` records the session of a command
line on a real GPU.
"""

import importlib
import json
import sys
from pathlib import Path

# A file, because workers get a link to the module as to the real one.
TEXT = """
import json
from time import perf_counter

SESSION = json.loads({session!r})
lost = False
open = 0  # how often NVML was initialised and not shut down


class NVMLError(Exception):
    pass


class NVMLError_LibraryNotFound(NVMLError):
    pass


class Struct:
    def __init__(self, **values):
        vars(self).update(values)


def replay(name, *arguments):
    global open
    open += {"nvmlInit": 1, "nvmlShutdown": -1}.get(name, 0)
    answers = SESSION["calls"].get(f"{name}({', '.join(map(str, arguments))})")
    if answers is None:
        raise NVMLError("Not Supported")
    return decode(answers.pop(0) if len(answers) > 1 else answers[0])


def decode(answer):
    if isinstance(answer, list):
        return [decode(one) for one in answer]
    if not isinstance(answer, dict):
        return answer
    if "error" in answer:
        raise NVMLError(answer["error"])
    if "grows" in answer:
        return int(answer["grows"] * perf_counter())
    return Struct(**answer)


FUNCTIONS = {call.partition("(")[0] for call in SESSION["calls"]}


def __getattr__(name):
    if name.startswith("NVML_"):  # a constant
        return name
    if name not in FUNCTIONS and name != "nvmlShutdown":
        raise AttributeError(name)

    def call(*arguments):
        global lost
        if SESSION.get("no_library"):
            raise NVMLError_LibraryNotFound("NVML Shared Library Not Found")
        if lost:
            raise NVMLError("GPU is lost")
        if name in SESSION.get("failing", ()):
            raise NVMLError(SESSION["failing"][name])
        lost = name == SESSION.get("lost_after")
        return replay(name, *arguments)

    return call
"""
LOST = [{"error": "GPU is lost"}]
POLICIES = ("POWER", "THERMAL", "BOARD_LIMIT", "RELIABILITY")


def gpu(
    name="A GPU",
    uuid="GPU-aaaa",
    used=(2**20,),
    celsius=40,
    limited=(),
    persistent=1,
    cap=(700, 700),
    mps=0,
    others=0,
    divided=None,
    reasons=0x1,
    mode=0,
):
    """Return the answers about one GPU by function and further arguments; None as name: it is lost.

    used: bytes in use of 8 GiB, one number for each call. limited: nanoseconds by perf policy.
    cap: watts, and the maker's. divided: by MIG; None where NVML does not know.
    """
    violations = {
        f"nvmlDeviceGetViolationStatus NVML_PERF_POLICY_{policy}": [
            {"referenceTime": 0, "violationTime": dict(limited).get(policy, 0)}
        ]
        for policy in POLICIES
    }
    return violations | {
        "nvmlDeviceGetName": LOST if name is None else [name],
        "nvmlDeviceGetUUID": [uuid],
        "nvmlDeviceGetMigMode": [{"error": "Not Supported"} if divided is None else [divided, 0]],
        "nvmlDeviceGetMemoryInfo": [{"total": 2**33, "used": one} for one in used],
        "nvmlDeviceGetClockInfo NVML_CLOCK_SM": [900],
        "nvmlDeviceGetClockInfo NVML_CLOCK_MEM": [2000],
        "nvmlDeviceGetMaxClockInfo NVML_CLOCK_SM": [1800],
        "nvmlDeviceGetCurrentClocksEventReasons": [reasons],
        "nvmlDeviceGetTemperature NVML_TEMPERATURE_GPU": [celsius],
        "nvmlDeviceGetComputeMode": [mode],
        "nvmlDeviceGetPersistenceMode": [persistent],
        "nvmlDeviceGetEnforcedPowerLimit": [1000 * cap[0]],
        "nvmlDeviceGetPowerManagementDefaultLimit": [1000 * cap[1]],
        "nvmlDeviceGetMPSComputeRunningProcesses": [[{"pid": 1}] * mps],
        "nvmlDeviceGetComputeRunningProcesses": [[{"pid": 1}] * others],
        "nvmlDeviceGetTotalEnergyConsumption": [{"grows": 100_000}],  # 100 W in millijoules
    }


def describe_session(gpus, **options):
    """Return the session of a driver with these GPUs."""
    calls = {
        "nvmlInit()": [None],
        "nvmlSystemGetDriverVersion()": ["580.65.06"],
        "nvmlSystemGetCudaDriverVersion_v2()": [13010],
        "nvmlDeviceGetCount()": [len(gpus)],
    }
    for index, answers in enumerate(gpus):
        calls[f"nvmlDeviceGetHandleByIndex({index})"] = [index]
        for key, values in answers.items():
            function, *arguments = key.split()
            calls[f"{function}({', '.join([str(index), *arguments])})"] = values
    return {"calls": calls, **options}


def install(monkeypatch, folder, session):
    """Install the stand-in with a session for this process and its workers."""
    folder.mkdir(exist_ok=True)
    (folder / "pynvml.py").write_text(TEXT.replace("{session!r}", repr(json.dumps(session))))
    sys.modules.pop("pynvml", None)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.syspath_prepend(folder)


class Recorder:
    """Calls NVML as ``bench.runner.gpu`` does, and keeps the answers."""

    def __init__(self, call):
        self.call = call
        self.calls = {}
        self.handles = []  # each with its index

    def __call__(self, function, *arguments):
        """Call a function of NVML; its error goes through."""
        names = [
            next((str(index) for handle, index in self.handles if handle is argument), argument)
            for argument in arguments
        ]
        answers = self.calls.setdefault(f"{function}({', '.join(map(str, names))})", [])
        try:
            answer = self.call(function, *arguments)
        except Exception as error:
            answers.append({"error": str(error).removeprefix("NVML says: ")})
            raise
        if function == "nvmlDeviceGetHandleByIndex":
            self.handles.append((answer, arguments[0]))
            answers.append(arguments[0])
        elif function == "nvmlDeviceGetUUID":  # it identifies the machine
            answers.append("GPU-hidden")
        else:
            answers.append(encode(answer))
        return answer


def encode(answer):
    """Return an answer of NVML as JSON; numbers of processes are hidden."""
    if isinstance(answer, list):
        return [encode(one) for one in answer]
    if isinstance(answer, bytes):
        return answer.decode()
    if hasattr(answer, "_fields_"):
        return {name: getattr(answer, name) for name, *_ in answer._fields_}
    if hasattr(answer, "pid"):
        return {"pid": 1}
    return vars(answer) if hasattr(answer, "__dict__") else answer


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    module = importlib.import_module("bench.runner.gpu")
    path, *words = sys.argv[1:]
    module._call = recorder = Recorder(module._call)
    sys.argv = ["bench", *words]
    try:
        importlib.import_module("bench.cli.app").main()
    finally:
        session = {"source": "recorded on a GPU", "calls": recorder.calls}
        Path(path).write_text(json.dumps(session, indent=1) + "\n")
