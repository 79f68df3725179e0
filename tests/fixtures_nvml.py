"""A stand-in for NVML's Python module, as a file: it is lent to a child as the real one is."""

import json
import sys

TEXT = """
import json
from time import perf_counter

STATE = json.loads({state!r})
NVML_TEMPERATURE_GPU, NVML_CLOCK_SM, NVML_CLOCK_MEM = 0, 1, 2
calls = 0


class NVMLError(Exception):
    pass


class NVMLError_LibraryNotFound(NVMLError):
    pass


class Bag:
    def __init__(self, **values):
        vars(self).update(values)


def answer(name, value):
    global calls
    calls += 1
    if STATE["no_library"]:
        raise NVMLError_LibraryNotFound("NVML Shared Library Not Found")
    if STATE["lost_after"] is not None and calls > STATE["lost_after"]:
        raise NVMLError("GPU is lost")
    if name in STATE["failing"]:
        raise NVMLError(STATE["failing"][name])
    return value


def one(index, name):
    return STATE["gpus"][index][name]


def nvmlInit():
    answer("nvmlInit", None)


def nvmlSystemGetDriverVersion():
    return answer("nvmlSystemGetDriverVersion", "580.65.06")


def nvmlSystemGetCudaDriverVersion_v2():
    return answer("nvmlSystemGetCudaDriverVersion_v2", 13010)


def nvmlDeviceGetCount():
    return answer("nvmlDeviceGetCount", len(STATE["gpus"]))


def nvmlDeviceGetHandleByIndex(index):
    return answer("nvmlDeviceGetHandleByIndex", index)


def nvmlDeviceGetName(handle):
    return answer("nvmlDeviceGetName", one(handle, "name"))


def nvmlDeviceGetUUID(handle):
    return answer("nvmlDeviceGetUUID", one(handle, "uuid"))


def nvmlDeviceGetMemoryInfo(handle):
    used = one(handle, "used")
    now = used.pop(0) if len(used) > 1 else used[0]
    return answer("nvmlDeviceGetMemoryInfo", Bag(total=one(handle, "memory"), used=now))


def nvmlDeviceGetClockInfo(handle, kind):
    return answer("nvmlDeviceGetClockInfo", one(handle, "clocks")[kind])


def nvmlDeviceGetMaxClockInfo(handle, kind):
    return answer("nvmlDeviceGetMaxClockInfo", one(handle, "most")[kind])


def nvmlDeviceGetTemperature(handle, sensor):
    return answer("nvmlDeviceGetTemperature", one(handle, "celsius"))


def nvmlDeviceGetCurrentClocksEventReasons(handle):
    return answer("nvmlDeviceGetCurrentClocksEventReasons", one(handle, "throttle"))


def nvmlDeviceGetTotalEnergyConsumption(handle):
    millijoules = int(1000 * one(handle, "watts") * perf_counter())
    return answer("nvmlDeviceGetTotalEnergyConsumption", millijoules)


def nvmlDeviceGetComputeRunningProcesses(handle):
    return answer("nvmlDeviceGetComputeRunningProcesses", [Bag(pid=1)] * one(handle, "others"))
"""


def gpu(**changes):
    """One GPU as NVML would describe it; ``used`` are the bytes in use, an answer each."""
    return {
        "name": "A GPU", "uuid": "GPU-aaaa", "memory": 8 * 2**30, "used": [2**20],
        "clocks": [0, 900, 2000], "most": [0, 1800, 2000], "celsius": 40, "throttle": 1,
        "watts": 100, "others": 0, **changes,
    }  # fmt: skip


def install(monkeypatch, folder, gpus, *, failing=(), lost_after=None, no_library=False):
    """Have NVML say all this, in this process and in the children that it lends its module to.

    failing: functions and what each of them says. lost_after: so many calls the GPU answers.
    """
    state = {
        "gpus": gpus, "failing": dict(failing), "lost_after": lost_after, "no_library": no_library,
    }  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / "pynvml.py").write_text(TEXT.replace("{state!r}", repr(json.dumps(state))))
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.syspath_prepend(folder)
