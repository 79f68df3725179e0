"""What may disturb a measurement, on machines of several kinds."""

import os
from types import SimpleNamespace

import psutil
import pytest

from bench.runner import machine as host
from bench.runner.machine import compare_readings, find_disturbances, read_conditions

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
        self.gpus = {"0": SimpleNamespace(other_processes=None)}
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
    monkeypatch.setattr(host, "list_usable_cores", lambda: made.cores)
    monkeypatch.setattr(host, "select", SimpleNamespace(select=made.watch))
    monkeypatch.setattr(psutil, "cpu_times", lambda: SimpleNamespace(**vars(made.cpu)))
    monkeypatch.setattr(psutil, "cpu_freq", lambda: SimpleNamespace(current=2500.25))
    monkeypatch.setattr(os, "times", lambda: made.own)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.5, 6.0, 7.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: made.affinity)
    monkeypatch.setattr(host, "GpuMonitor", lambda token: made.gpus[token])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return made


# ----- readings


def test_this_machine_can_be_read():
    reading = read_conditions()
    assert reading["load"] >= 0
    assert reading["own_seconds"] > 0
    assert reading["busy_seconds"] > 0
    for name in ("mhz", "steal_seconds", "throttled"):
        assert reading[name] is None or reading[name] >= 0
    assert read_conditions()["seconds"] > reading["seconds"]


def test_reading_has_load_clock_and_counters(machine):
    assert read_conditions(machine.root) == {
        "seconds": 1000.0,
        "load": 0.5,
        "mhz": 2500.25,
        "busy_seconds": pytest.approx(3.2),  # neither idle, waiting, stolen nor a guest's
        "steal_seconds": 0.8,
        "throttled": None,
        "own_seconds": 1.875,
    }


def test_throttling_is_summed_over_the_usable_cores(machine):
    for core, count in enumerate(["3\n", "4\n", "500\n"]):
        machine.put(f"{CPU}/cpu{core}/thermal_throttle/core_throttle_count", count)
    assert read_conditions(machine.root)["throttled"] == 7
    machine.put(f"{CPU}/cpu0/thermal_throttle/core_throttle_count", "nonsense\n")
    assert read_conditions(machine.root)["throttled"] == 4
    machine.put(f"{CPU}/cpu1/thermal_throttle/core_throttle_count", "0\n")
    assert read_conditions(machine.root)["throttled"] == 0


def test_clock_and_steal_are_none_where_a_machine_does_not_tell(machine, monkeypatch):
    monkeypatch.setattr(psutil, "cpu_freq", lambda: None)
    del machine.cpu.steal
    reading = read_conditions(machine.root)
    assert (reading["mhz"], reading["steal_seconds"]) == (None, None)


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


def test_others_seconds_are_never_negative():
    assert compare_readings(BEFORE, {**AFTER, "own_seconds": 22.5})["others_seconds"] == 0


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("busy_seconds", {"others_seconds"}),
        ("own_seconds", {"others_seconds"}),
        ("steal_seconds", {"steal_seconds"}),
        ("throttled", {"throttled"}),
    ],
)
def test_missing_reading_has_no_difference(side, name, lost):
    before, after = dict(BEFORE), dict(AFTER)
    (before if side == "before" else after)[name] = None
    result = compare_readings(before, after)
    assert {key for key, value in result.items() if value is None} == lost


def test_two_readings_can_be_compared(machine):
    before = read_conditions(machine.root)
    machine.seconds += 4
    machine.cpu.user += 4.0
    machine.cpu.steal += 1.0
    machine.own = os.times_result((1.5, 0.5, 1.25, 0.125, 99.0))
    result = compare_readings(before, read_conditions(machine.root))
    assert result["seconds"] == 4
    # Of 4 s, this process and its children took 1.5 s.
    assert result["others_seconds"] == pytest.approx(2.5)
    assert result["steal_seconds"] == pytest.approx(1.0)


# ----- what would disturb a run


def test_quiet_machine_has_no_disturbances(machine):
    for core in range(4):
        machine.put(f"{CPU}/cpu{core}/cpufreq/scaling_governor", "performance\n")
        machine.put(f"{CPU}/cpu{core}/topology/thread_siblings_list", f"{core}\n")
    machine.put(f"{CPU}/intel_pstate/no_turbo", "1\n")
    machine.put(f"{CPU}/cpufreq/boost", "0\n")
    machine.put("sys/fs/cgroup/cpu.max", "max 100000\n")
    assert find_disturbances(machine.root) == []
    assert machine.watched == [host.WATCH_SECONDS]


def test_governor_other_than_performance_is_named(machine):
    machine.put(f"{CPU}/cpu0/cpufreq/scaling_governor", "performance\n")
    machine.put(f"{CPU}/cpu1/cpufreq/scaling_governor", "powersave\n")
    machine.put(f"{CPU}/cpu2/cpufreq/scaling_governor", "ondemand\n")
    (result,) = find_disturbances(machine.root)
    assert result.startswith("the frequency governor is performance and powersave:")
    assert "cpupower frequency-set -g performance" in result


@pytest.mark.parametrize(
    ("path", "text", "on"),
    [
        ("intel_pstate/no_turbo", "0\n", True),
        ("intel_pstate/no_turbo", "1\n", False),
        ("cpufreq/boost", "1\n", True),
        ("cpufreq/boost", "0\n", False),
    ],
)
def test_turbo_is_named(machine, path, text, on):
    machine.put(f"{CPU}/{path}", text)
    result = find_disturbances(machine.root)
    assert [line.startswith("turbo is on") for line in result] == [True] * on


@pytest.mark.parametrize("siblings", ["0-1", "0,1", "0,4-5,1", "0-3"])
def test_usable_siblings_are_named(machine, siblings):
    for core in machine.cores:
        machine.put(f"{CPU}/cpu{core}/topology/thread_siblings_list", f"{siblings}\n")
    (result,) = find_disturbances(machine.root)
    assert result.startswith("cores 0, 1 are hardware threads")


@pytest.mark.parametrize("siblings", ["{core}", "{core},{other}", "{other}-{other},{core}"])
def test_unusable_sibling_does_not_count(machine, siblings):
    for core in machine.cores:
        text = siblings.format(core=core, other=core + 2)
        machine.put(f"{CPU}/cpu{core}/topology/thread_siblings_list", f"{text}\n")
    assert find_disturbances(machine.root) == []


def test_only_cores_that_share_are_named(machine):
    machine.cores = [1, 2, 3, 7]
    for core, siblings in ((1, "1"), (2, "0-2"), (3, "3,7"), (7, "3,7"), (0, "0-2")):
        machine.put(f"{CPU}/cpu{core}/topology/thread_siblings_list", siblings)
    (result,) = find_disturbances(machine.root)
    assert result.startswith("cores 2, 3, 7 are hardware threads")


@pytest.mark.parametrize(
    ("quota", "named"),
    [
        ("150000 100000", "1.5"),
        ("100000 100000", "1"),
        ("200000 100000", None),
        ("300000 100000", None),
        ("max 100000", None),
    ],
)
def test_quota_below_the_affinity_is_named(machine, quota, named):
    machine.put("sys/fs/cgroup/cpu.max", f"{quota}\n")
    result = find_disturbances(machine.root)
    assert [f"a container's quota of {named} cores" in line for line in result] == [True] * bool(
        named
    )


def test_quota_is_compared_with_the_whole_affinity(machine):
    machine.cores = [0]
    machine.put("sys/fs/cgroup/cpu.max", "100000 100000\n")
    assert len(find_disturbances(machine.root)) == 1
    machine.affinity = {0}
    assert find_disturbances(machine.root) == []


@pytest.mark.parametrize(
    ("seconds", "watched", "says"),
    [
        (0.18, 1, []),
        (0.24, 1, ["other processes take 6% of the 4 cores; end them, or wait"]),
        (2.0, 1, ["other processes take 50% of the 4 cores; end them, or wait"]),
        (1.0, 10, []),  # the time that passed counts, not the time that was asked for
    ],
)
def test_busy_processes_are_named_above_a_share(machine, seconds, watched, says):
    def compute():
        machine.seconds += watched - 1
        machine.cpu.user += seconds

    machine.meanwhile = compute
    assert find_disturbances(machine.root) == says


def test_own_work_is_no_disturbance(machine):
    def work():
        machine.cpu.user += 2.0
        machine.own = os.times_result((3.0, 0.5, 0.25, 0.125, 78.0))

    machine.meanwhile = work
    assert find_disturbances(machine.root) == []


def test_stolen_time_is_named(machine):
    machine.meanwhile = lambda: setattr(machine.cpu, "steal", 0.82)
    (line,) = find_disturbances(machine.root)
    assert "steal" in line


def test_all_disturbances_are_named_settings_first(machine):
    for core in machine.cores:
        machine.put(f"{CPU}/cpu{core}/cpufreq/scaling_governor", "schedutil")
        machine.put(f"{CPU}/cpu{core}/topology/thread_siblings_list", "0-1")
    machine.put(f"{CPU}/cpufreq/boost", "1")
    machine.put("sys/fs/cgroup/cpu.max", "50000 100000")
    machine.meanwhile = lambda: vars(machine.cpu).update(user=6.0, steal=1.8)
    result = find_disturbances(machine.root)
    starts = [
        "the frequency",
        "turbo",
        "cores 0, 1",
        "a container's quota of 0.5",
        "other",
        "the h",
    ]
    assert len(result) == len(starts)
    assert all(line.startswith(start) for line, start in zip(result, starts, strict=True))


def test_processes_on_the_visible_gpu_are_named(machine, monkeypatch):
    machine.gpus = {n: SimpleNamespace(other_processes=int(n)) for n in ("0", "2")}
    assert find_disturbances(machine.root) == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert find_disturbances(machine.root) == [
        (
            "2 other processes compute on GPU 2; end them, or choose another GPU "
            "(CUDA_VISIBLE_DEVICES)"
        )
    ]
