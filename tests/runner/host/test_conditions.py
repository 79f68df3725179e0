"""What may disturb a measurement, on machines of several kinds."""

import os
from types import SimpleNamespace

import psutil
import pytest

from bench.runner import doctor
from bench.runner.doctor import find_disturbances
from bench.runner.host import machine as host
from bench.runner.host.gpu import Diagnosis
from bench.runner.host.machine import compare_readings, read_conditions

CPU = "sys/devices/system/cpu"
QUIET = {"user": 2.0, "nice": 0.4, "system": 0.6, "irq": 0.12, "softirq": 0.08, "steal": 0.8}


class Machine:
    """A folder like the root of a machine of four processors, and its clock.

    It may use processors 0 and 1. ``meanwhile`` is called while the processors are watched.
    """

    def __init__(self, root):
        self.root = root
        self.seconds = 1000.0
        self.watched = []
        self.own = os.times_result((1.0, 0.5, 0.25, 0.125, 77.0))
        self.cores = [0, 1]
        self.affinity = {0, 1}
        self.gpus = {"0": []}
        self.meanwhile = lambda: None
        self.cpu = SimpleNamespace(**QUIET, idle=80.0, iowait=10.0, guest=140.0)

    def put(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def watch(self, *arguments):
        *nothing, seconds = arguments
        assert nothing == [[], [], []]
        self.watched.append(seconds)
        self.seconds += seconds
        self.meanwhile()


@pytest.fixture
def machine(tmp_path, monkeypatch):
    made = Machine(tmp_path)
    monkeypatch.setattr(host, "now", lambda: made.seconds)
    for module in (host, doctor):
        monkeypatch.setattr(module, "list_usable_cores", lambda: made.cores)
    monkeypatch.setattr(doctor, "select", SimpleNamespace(select=made.watch))
    monkeypatch.setattr(psutil, "cpu_times", lambda: SimpleNamespace(**vars(made.cpu)))
    monkeypatch.setattr(psutil, "cpu_freq", lambda: SimpleNamespace(current=2500.25))
    monkeypatch.setattr(os, "times", lambda: made.own)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.5, 6.0, 7.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: made.affinity)
    monkeypatch.setattr(
        doctor,
        "GpuMonitor",
        lambda token: SimpleNamespace(examine=lambda: made.gpus[token]),
    )
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return made


# ----- readings


def test_reading_has_load_clock_and_counters(machine, monkeypatch):
    whole = {
        "seconds": 1000.0,
        "load": 0.5,
        "mhz": 2500.25,
        "busy_seconds": pytest.approx(3.2),  # neither idle, waiting, stolen nor a guest's
        "steal_seconds": 0.8,
        "throttled": None,
        "own_seconds": 1.875,
    }
    assert read_conditions(machine.root) == whole
    monkeypatch.setattr(psutil, "cpu_freq", lambda: None)
    del machine.cpu.steal
    assert read_conditions(machine.root) == {**whole, "mhz": None, "steal_seconds": None}


@pytest.mark.parametrize(
    ("counts", "throttled"),
    [(["3\n", "4\n", "500\n"], 7), (["nonsense", "4"], 4), (["", "0"], 0), ([], None)],
)
def test_throttling_is_summed_over_the_usable_cores(machine, counts, throttled):
    for core, count in enumerate(counts):
        machine.put(f"{CPU}/cpu{core}/thermal_throttle/core_throttle_count", count)
    assert read_conditions(machine.root)["throttled"] == throttled


BEFORE = {
    "seconds": 100.0,
    "load": 0.5,
    "mhz": 2000.0,
    "busy_seconds": 50.0,
    "steal_seconds": 1.0,
    "throttled": 3,
    "own_seconds": 7.0,
}
AFTER = {
    "seconds": 110.0,
    "load": 1.5,
    "mhz": 2500.0,
    "busy_seconds": 65.0,
    "steal_seconds": 1.25,
    "throttled": 5,
    "own_seconds": 19.0,
}


def test_comparison_has_loads_clocks_and_differences():
    # The processors were busy for 15 s, of which 12 were ours.
    assert compare_readings(BEFORE, AFTER) == {
        "load_before": 0.5,
        "load_after": 1.5,
        "mhz_before": 2000.0,
        "mhz_after": 2500.0,
        "seconds": 10.0,
        "steal_seconds": 0.25,
        "throttled": 2,
        "others_seconds": 3.0,
    }
    assert compare_readings(BEFORE, {**AFTER, "own_seconds": 22.5})["others_seconds"] == 0


# ----- what would disturb a run


def test_quiet_machine_has_no_disturbances(machine):
    for core in range(4):
        machine.put(f"{CPU}/cpu{core}/cpufreq/scaling_governor", "performance\n")
        machine.put(f"{CPU}/cpu{core}/topology/thread_siblings_list", f"{core}\n")
    machine.put(f"{CPU}/intel_pstate/no_turbo", "1\n")
    machine.put(f"{CPU}/cpufreq/boost", "0\n")
    machine.put("sys/fs/cgroup/cpu.max", "max 100000\n")
    assert find_disturbances(machine.root) == []
    assert machine.watched == [doctor.WATCH_SECONDS]


HUGE_PAGES = "sys/kernel/mm/transparent_hugepage/enabled"
DAMON, BALLOON = "sys/kernel/mm/damon/admin/kdamonds/0", "sys/bus/virtio/drivers/virtio_balloon"
ACTION = f"{DAMON}/contexts/0/schemes/0/action"


@pytest.mark.parametrize(
    ("files", "start"),
    [
        # Processor 2 may not be used.
        ({f"{CPU}/cpu2/cpufreq/scaling_governor": "ondemand"}, None),
        (
            {
                f"{CPU}/cpu0/cpufreq/scaling_governor": "schedutil",
                f"{CPU}/cpu1/cpufreq/scaling_governor": "x",
            },
            "the frequency governor is schedutil and x:",
        ),
        ({f"{CPU}/intel_pstate/no_turbo": "0"}, "turbo is on"),
        ({f"{CPU}/cpufreq/boost": "1"}, "turbo is on"),
        ({f"{CPU}/cpu0/topology/thread_siblings_list": "0-1"}, "cores 0 are hardware threads"),
        ({f"{CPU}/cpu1/topology/thread_siblings_list": "1,4-5,0"}, "cores 1 are hardware threads"),
        ({f"{CPU}/cpu0/topology/thread_siblings_list": "0,2"}, None),
        ({f"{CPU}/cpu0/topology/thread_siblings_list": "2-3,0"}, None),
        ({HUGE_PAGES: "always madvise [never]"}, "huge pages are off"),
        ({HUGE_PAGES: "[always] madvise never"}, None),
        # What takes memory away.
        ({f"{DAMON}/state": "on", ACTION: "pageout"}, "the kernel takes away what"),
        ({f"{DAMON}/state": "off", ACTION: "pageout"}, None),
        ({f"{DAMON}/state": "on", ACTION: "stat"}, None),
        ({f"{BALLOON}/virtio0/features": "011001"}, "the hypervisor takes back free memory"),
        ({f"{BALLOON}/virtio0/features": "011010"}, None),
        ({"sys/kernel/mm/ksm/run": "1"}, "the kernel merges equal pages"),
        ({"sys/kernel/mm/ksm/run": "0"}, None),
        ({"sys/fs/cgroup/memory.high": f"{3 << 30}"}, "a container's memory.high of 3,072 MiB"),
        ({"sys/fs/cgroup/memory.high": "max"}, None),
    ],
    ids=str,
)
def test_settings_that_make_times_vary_or_take_memory_are_named(machine, files, start):
    for path, text in files.items():
        machine.put(path, f"{text}\n")
    lines = find_disturbances(machine.root)
    assert len(lines) == (start is not None)
    assert all(line.startswith(start) for line in lines)


def test_quota_below_the_affinity_is_named(machine):
    machine.put("sys/fs/cgroup/cpu.max", "150000 100000\n")
    machine.cores = [0]  # which are cut to the quota
    (line,) = find_disturbances(machine.root)
    assert line.startswith("a container's quota of 1.5 cores")
    machine.affinity = {0}
    assert find_disturbances(machine.root) == []


@pytest.mark.parametrize(
    ("seconds", "own", "watched", "percent"),
    [
        (0.18, 0.0, 1, None),
        (0.24, 0.0, 1, "6%"),
        (2.0, 0.0, 1, "50%"),
        (2.0, 2.0, 1, None),  # our own work
        (1.0, 0.0, 10, None),  # the time that passed counts, not the time that was asked for
    ],
)
def test_busy_processes_are_named_above_a_share(machine, seconds, own, watched, percent):
    def compute():
        machine.seconds += watched - 1
        machine.cpu.user += seconds
        machine.own = os.times_result((1.0 + own, 0.5, 0.25, 0.125, 78.0))

    machine.meanwhile = compute
    lines = [f"other processes take {percent} of the 4 cores. End them, or wait"]
    assert find_disturbances(machine.root) == (lines if percent else [])


def test_stolen_time_is_named(machine):
    machine.meanwhile = lambda: setattr(machine.cpu, "steal", 0.82)
    (line,) = find_disturbances(machine.root)
    assert "steal" in line


def test_disturbances_of_the_visible_gpu_are_named(machine, monkeypatch):
    well, shared = Diagnosis("MIG", "off"), Diagnosis("MPS", "on", "Stop it")
    machine.gpus = {"0": [well], "2": [well, shared]}
    assert find_disturbances(machine.root) == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert find_disturbances(machine.root) == ["GPU 2: MPS on. Stop it"]
