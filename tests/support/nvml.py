"""A stand-in for NVML's Python module, as a file: workers get a link to it as to the real one."""

import json
import sys

TEXT = """
import json
from time import perf_counter

STATE = json.loads({state!r})
NVML_TEMPERATURE_GPU, NVML_CLOCK_SM, NVML_CLOCK_MEM = 0, 1, 2
NVML_PERF_POLICY_POWER, NVML_PERF_POLICY_THERMAL = 0, 1
NVML_PERF_POLICY_BOARD_LIMIT, NVML_PERF_POLICY_RELIABILITY = 3, 5
lost = False
open = 0  # how often NVML was initialised and not shut down


class NVMLError(Exception):
    pass


class NVMLError_LibraryNotFound(NVMLError):
    pass


class Struct:
    def __init__(self, **values):
        vars(self).update(values)


def refuse(value, reason):
    if value is None:
        raise NVMLError(reason)
    return value


def count(change):
    global open
    open += change


def use_memory(gpu):
    used = gpu["used"].pop(0) if len(gpu["used"]) > 1 else gpu["used"][0]
    return Struct(total=gpu["memory"], used=used)


ANSWERS = {
    "nvmlInit": lambda: count(1),
    "nvmlShutdown": lambda: count(-1),
    "nvmlSystemGetDriverVersion": lambda: "580.65.06",
    "nvmlSystemGetCudaDriverVersion_v2": lambda: 13010,
    "nvmlDeviceGetCount": lambda: len(STATE["gpus"]),
    "nvmlDeviceGetHandleByIndex": lambda index: STATE["gpus"][index],
    "nvmlDeviceGetName": lambda gpu: refuse(gpu["name"], "GPU is lost"),
    "nvmlDeviceGetMigMode": lambda gpu: [int(refuse(gpu["divided"], "Not Supported")), 0],
    "nvmlDeviceGetUUID": lambda gpu: gpu["uuid"],
    "nvmlDeviceGetMemoryInfo": use_memory,
    "nvmlDeviceGetClockInfo": lambda gpu, kind: gpu["clocks"][kind],
    "nvmlDeviceGetTemperature": lambda gpu, sensor: gpu["celsius"],
    "nvmlDeviceGetViolationStatus": lambda gpu, policy: Struct(
        referenceTime=0, violationTime=gpu["limited"].get(str(policy), 0)
    ),
    "nvmlDeviceGetPersistenceMode": lambda gpu: gpu["persistent"],
    "nvmlDeviceGetEnforcedPowerLimit": lambda gpu: 1000 * gpu["cap"][0],
    "nvmlDeviceGetPowerManagementDefaultLimit": lambda gpu: 1000 * gpu["cap"][1],
    "nvmlDeviceGetMPSComputeRunningProcesses": lambda gpu: [Struct(pid=1)] * gpu["mps"],
    "nvmlDeviceGetTotalEnergyConsumption": lambda gpu: int(1000 * gpu["watts"] * perf_counter()),
    "nvmlDeviceGetComputeRunningProcesses": lambda gpu: [Struct(pid=1)] * gpu["others"],
}


def __getattr__(name):
    if name not in ANSWERS:
        raise AttributeError(name)

    def call(*arguments):
        global lost
        if STATE["no_library"]:
            raise NVMLError_LibraryNotFound("NVML Shared Library Not Found")
        if lost:
            raise NVMLError("GPU is lost")
        if name in STATE["failing"]:
            raise NVMLError(STATE["failing"][name])
        lost = name == STATE["lost_after"]
        return ANSWERS[name](*arguments)

    return call
"""


def gpu(**changes):
    """Return the facts of a GPU; without a name it is lost.

    used: bytes in use, one number for each call. divided: by MIG; None where NVML does not know.
    limited: nanoseconds by the number of a perf policy. cap: watts, and the maker's.
    """
    return {
        "name": "A GPU",
        "uuid": "GPU-aaaa",
        "memory": 8 * 2**30,
        "used": [2**20],
        "clocks": [0, 900, 2000],
        "celsius": 40,
        "limited": {},
        "persistent": 1,
        "cap": [700, 700],
        "mps": 0,
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
