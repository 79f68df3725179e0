"""A stand-in for NVML's Python module, as a file: workers get a link to it as to the real one."""

import json
import sys

TEXT = """
import json
from time import perf_counter

STATE = json.loads({state!r})
NVML_TEMPERATURE_GPU, NVML_CLOCK_SM, NVML_CLOCK_MEM = 0, 1, 2
lost = False


class NVMLError(Exception):
    pass


class NVMLError_LibraryNotFound(NVMLError):
    pass


class Bag:
    def __init__(self, **values):
        vars(self).update(values)


def answer(name, value):
    global lost
    if STATE["no_library"]:
        raise NVMLError_LibraryNotFound("NVML Shared Library Not Found")
    if lost:
        raise NVMLError("GPU is lost")
    if name in STATE["failing"]:
        raise NVMLError(STATE["failing"][name])
    lost = name == STATE["lost_after"]
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
    if one(handle, "name") is None:
        raise NVMLError("GPU is lost")
    return answer("nvmlDeviceGetName", one(handle, "name"))


def nvmlDeviceGetMigMode(handle):
    if one(handle, "divided") is None:
        raise NVMLError("Not Supported")
    return answer("nvmlDeviceGetMigMode", [int(one(handle, "divided")), 0])


def nvmlDeviceGetUUID(handle):
    return answer("nvmlDeviceGetUUID", one(handle, "uuid"))


def nvmlDeviceGetMemoryInfo(handle):
    used = one(handle, "used")
    now = used.pop(0) if len(used) > 1 else used[0]
    return answer("nvmlDeviceGetMemoryInfo", Bag(total=one(handle, "memory"), used=now))


def nvmlDeviceGetClockInfo(handle, kind):
    return answer("nvmlDeviceGetClockInfo", one(handle, "clocks")[kind])


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
    """Return the facts of a GPU; without a name it is lost.

    used: bytes in use, one number for each call. divided: by MIG; None where NVML does not know.
    """
    return {
        "name": "A GPU",
        "uuid": "GPU-aaaa",
        "memory": 8 * 2**30,
        "used": [2**20],
        "clocks": [0, 900, 2000],
        "celsius": 40,
        "throttle": 1,
        "watts": 100,
        "others": 0,
        "divided": None,
        **changes,
    }


def install(monkeypatch, folder, gpus, *, failing=(), lost_after=None, no_library=False):
    """Install the stand-in with these GPUs for this process and its workers.

    failing: error text by function. lost_after: the last function that answers.
    """
    state = {
        "gpus": gpus,
        "failing": dict(failing),
        "lost_after": lost_after,
        "no_library": no_library,
    }
    folder.mkdir(exist_ok=True)
    (folder / "pynvml.py").write_text(TEXT.replace("{state!r}", repr(json.dumps(state))))
    sys.modules.pop("pynvml", None)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.syspath_prepend(folder)
