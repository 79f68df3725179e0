"""A stand-in for NVML's Python module that answers from a session.

A session is a JSON object. ``calls`` has a list of answers for each call, such as
``nvmlDeviceGetClockInfo(0, NVML_CLOCK_SM)``, where 0 is the index of the GPU; the last answer is
given again and again. An object is a struct, ``{"error": text}`` an error of NVML. Of
``{"grows": number}`` the answer grows by so much a second.
"""

import json
import sys

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
