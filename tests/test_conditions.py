"""What may disturb a measurement, from files as several machines have them."""

import os
from types import SimpleNamespace

import pytest
import typer

from bench import conditions
from bench.cli import show
from bench.conditions import compare_readings, find_disturbances, read_conditions

CPU = "sys/devices/system/cpu"
READ = {
    "seconds", "load", "mhz", "busy_seconds", "steal_seconds", "throttled", "own_seconds",
}  # fmt: skip


class Machine:
    """A folder like the root of a machine of four processors, and the clock of its own.

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
        self.stat()

    def put(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def stat(self, user=100, steal=40):
        """Write /proc/stat in ticks, of which 50 are a second; guests' time is in user's."""
        self.put(
            "proc/stat",
            f"cpu  {user} 20 30 4000 500 6 4 {steal} 7000 8000\n"
            "cpu0 1 1 1 1 1 1 1 1 0 0\nintr 5 0\n",
        )  # fmt: skip

    def watch(self, *arguments):
        *nothing, seconds = arguments
        assert nothing == [[], [], []]
        self.watched.append(seconds)
        self.seconds += seconds
        self.meanwhile()


@pytest.fixture
def machine(tmp_path, monkeypatch):
    made = Machine(tmp_path)
    monkeypatch.setattr(conditions, "now", lambda: made.seconds)
    monkeypatch.setattr(conditions, "usable_cores", lambda: made.cores)
    monkeypatch.setattr(conditions, "select", SimpleNamespace(select=made.watch))
    monkeypatch.setattr(os, "times", lambda: made.own)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.5, 6.0, 7.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: made.affinity)
    monkeypatch.setattr(os, "sysconf", lambda name: {"SC_CLK_TCK": 50}[name])
    monkeypatch.setattr(conditions, "GpuMonitor", lambda token: made.gpus[token])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return made


# ----- readings


def test_this_machine_can_be_read():
    found = read_conditions()
    assert found.keys() == READ
    assert found["load"] >= 0
    assert found["own_seconds"] > 0
    assert found["mhz"] is None or found["mhz"] > 0
    for name in ("busy_seconds", "steal_seconds", "throttled"):
        assert found[name] is None or found[name] >= 0
    assert read_conditions()["seconds"] > found["seconds"]


def test_busy_and_stolen_seconds_are_of_all_processors_and_idle_ones_wait(machine):
    # 100 + 20 + 30 + 6 + 4 ticks are busy, 40 stolen; idle, waiting and guests are neither.
    found = read_conditions(machine.root)
    assert (found["busy_seconds"], found["steal_seconds"]) == pytest.approx((3.2, 0.8))


def test_every_kind_of_busy_time_counts(machine):
    # Powers of two: any sum has one set of addends only.
    machine.put("proc/stat", "cpu 1 2 4 8 16 32 64 128 256 512\n")
    found = read_conditions(machine.root)
    assert found["busy_seconds"] == pytest.approx((1 + 2 + 4 + 32 + 64) / 50)
    assert found["steal_seconds"] == pytest.approx(128 / 50)


@pytest.mark.parametrize(
    "text", [None, "", "cpu\n", "cpu 1 2 3 4 5 6 7\n", "cpu a b c d e f g h\n"]
)
def test_without_counters_of_processors_nothing_is_said_of_them(machine, text):
    (machine.root / "proc/stat").unlink()
    if text is not None:
        machine.put("proc/stat", text)
    found = read_conditions(machine.root)
    assert (found["busy_seconds"], found["steal_seconds"]) == (None, None)


def test_a_line_of_just_the_eight_fields_is_enough(machine):
    machine.put("proc/stat", "cpu 50 0 0 0 0 0 0 100")
    found = read_conditions(machine.root)
    assert (found["busy_seconds"], found["steal_seconds"]) == (1.0, 2.0)


def test_own_time_is_of_this_process_and_its_children_in_user_and_system(machine):
    found = read_conditions(machine.root)
    assert found["own_seconds"] == 1.875
    assert (found["seconds"], found["load"]) == (1000.0, 0.5)


def test_the_clock_is_the_mean_over_the_processors(machine):
    machine.put(
        "proc/cpuinfo",
        "processor\t: 0\nmodel name\t: A 2.40GHz\ncpu MHz\t\t: 2000.500\n\n"
        "processor\t: 1\nnot cpu MHz\t: 9\ncpu MHz\t\t: 3000.000\n",
    )
    assert read_conditions(machine.root)["mhz"] == 2500.25


def test_throttling_is_summed_over_the_usable_cores(machine):
    for core, count in enumerate(["3\n", "4\n", "500\n"]):
        machine.put(f"{CPU}/cpu{core}/thermal_throttle/core_throttle_count", count)
    assert read_conditions(machine.root)["throttled"] == 7
    machine.put(f"{CPU}/cpu0/thermal_throttle/core_throttle_count", "nonsense\n")
    assert read_conditions(machine.root)["throttled"] == 4
    machine.put(f"{CPU}/cpu1/thermal_throttle/core_throttle_count", "0\n")
    assert read_conditions(machine.root)["throttled"] == 0


def test_what_a_machine_does_not_tell_is_none(tmp_path):
    found = read_conditions(tmp_path)
    assert found.keys() == READ
    absent = {name for name, value in found.items() if value is None}
    assert absent == {"mhz", "busy_seconds", "steal_seconds", "throttled"}


def test_a_cpuinfo_without_clocks_as_on_arm_gives_none(machine):
    machine.put("proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 50.00\n")
    assert read_conditions(machine.root)["mhz"] is None


BEFORE = {"seconds": 100.0, "load": 0.5, "mhz": 2000.0, "busy_seconds": 50.0,
          "steal_seconds": 1.0, "throttled": 3, "own_seconds": 7.0}  # fmt: skip
AFTER = {"seconds": 110.0, "load": 1.5, "mhz": 2500.0, "busy_seconds": 65.0,
         "steal_seconds": 1.25, "throttled": 5, "own_seconds": 19.0}  # fmt: skip


def test_a_record_keeps_both_loads_and_clocks_and_what_was_counted():
    # The processors were busy for 15 s, of which 12 were ours.
    assert compare_readings(BEFORE, AFTER) == {
        "load_before": 0.5, "load_after": 1.5, "mhz_before": 2000.0, "mhz_after": 2500.0,
        "seconds": 10.0, "steal_seconds": 0.25, "throttled": 2,
        "others_seconds": 3.0,
    }  # fmt: skip


def test_ticks_that_are_rounded_never_make_others_negative():
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
def test_what_one_reading_lacks_has_no_difference(side, name, lost):
    before, after = dict(BEFORE), dict(AFTER)
    (before if side == "before" else after)[name] = None
    found = compare_readings(before, after)
    assert {key for key, value in found.items() if value is None} == lost


def test_two_readings_of_a_machine_fit_together(machine):
    before = read_conditions(machine.root)
    machine.seconds += 4
    machine.stat(user=300, steal=90)
    machine.own = os.times_result((1.5, 0.5, 1.25, 0.125, 99.0))
    found = compare_readings(before, read_conditions(machine.root))
    assert found["seconds"] == 4
    # 200 ticks are 4 s, of which this process and its children took 1.5 s.
    assert found["others_seconds"] == pytest.approx(2.5)
    assert found["steal_seconds"] == pytest.approx(1.0)


# ----- what would disturb a run


def test_on_a_quiet_machine_that_is_set_up_nothing_disturbs(machine):
    for core in range(4):
        machine.put(f"{CPU}/cpu{core}/cpufreq/scaling_governor", "performance\n")
        machine.put(f"{CPU}/cpu{core}/topology/thread_siblings_list", f"{core}\n")
    machine.put(f"{CPU}/intel_pstate/no_turbo", "1\n")
    machine.put(f"{CPU}/cpufreq/boost", "0\n")
    machine.put("sys/fs/cgroup/cpu.max", "max 100000\n")
    assert find_disturbances(machine.root) == []
    assert machine.watched == [conditions.WATCH_SECONDS]


def test_a_machine_that_tells_nothing_is_called_quiet(machine):
    (machine.root / "proc/stat").unlink()
    assert find_disturbances(machine.root) == []


def test_a_governor_that_lets_the_clock_follow_the_load_is_named(machine):
    machine.put(f"{CPU}/cpu0/cpufreq/scaling_governor", "performance\n")
    machine.put(f"{CPU}/cpu1/cpufreq/scaling_governor", "powersave\n")
    machine.put(f"{CPU}/cpu2/cpufreq/scaling_governor", "ondemand\n")
    (found,) = find_disturbances(machine.root)
    assert found.startswith("the frequency governor is performance and powersave:")
    assert "cpupower frequency-set -g performance" in found


def test_a_governor_of_one_core_is_enough(machine):
    machine.put(f"{CPU}/cpu1/cpufreq/scaling_governor", "powersave\n")
    (found,) = find_disturbances(machine.root)
    assert found.startswith("the frequency governor is powersave:")


@pytest.mark.parametrize(
    ("path", "text", "on"),
    [
        ("intel_pstate/no_turbo", "0\n", True),
        ("intel_pstate/no_turbo", "1\n", False),
        ("cpufreq/boost", "1\n", True),
        ("cpufreq/boost", "0\n", False),
    ],
)
def test_turbo_that_is_on_is_named(machine, path, text, on):
    machine.put(f"{CPU}/{path}", text)
    found = find_disturbances(machine.root)
    assert [line.startswith("turbo is on") for line in found] == [True] * on


@pytest.mark.parametrize("siblings", ["0-1", "0,1", "0,4-5,1", "0-3"])
def test_hardware_threads_of_one_core_that_are_both_used_are_named(machine, siblings):
    for core in machine.cores:
        machine.put(f"{CPU}/cpu{core}/topology/thread_siblings_list", f"{siblings}\n")
    (found,) = find_disturbances(machine.root)
    assert found.startswith("cores 0, 1 are hardware threads")


@pytest.mark.parametrize("siblings", ["{core}", "{core},{other}", "{other}-{other},{core}"])
def test_a_hardware_thread_whose_sibling_is_not_used_is_its_own_core(machine, siblings):
    for core in machine.cores:
        text = siblings.format(core=core, other=core + 2)
        machine.put(f"{CPU}/cpu{core}/topology/thread_siblings_list", f"{text}\n")
    assert find_disturbances(machine.root) == []


def test_only_the_cores_that_share_are_named(machine):
    machine.cores = [1, 2, 3, 7]
    for core, siblings in ((1, "1"), (2, "0-2"), (3, "3,7"), (7, "3,7"), (0, "0-2")):
        machine.put(f"{CPU}/cpu{core}/topology/thread_siblings_list", siblings)
    (found,) = find_disturbances(machine.root)
    assert found.startswith("cores 2, 3, 7 are hardware threads")


@pytest.mark.parametrize(
    ("quota", "named"),
    [("150000 100000", "1.5"), ("100000 100000", "1"), ("200000 100000", None),
     ("300000 100000", None), ("max 100000", None)],
)  # fmt: skip
def test_a_quota_that_is_smaller_than_the_affinity_is_named(machine, quota, named):
    machine.put("sys/fs/cgroup/cpu.max", f"{quota}\n")
    found = find_disturbances(machine.root)
    assert [f"a container's quota of {named} cores" in line for line in found] == [True] * bool(
        named
    )


def test_a_quota_is_compared_with_the_affinity_and_not_with_what_it_left_of_it(machine):
    machine.cores = [0]
    machine.put("sys/fs/cgroup/cpu.max", "100000 100000\n")
    assert len(find_disturbances(machine.root)) == 1
    machine.affinity = {0}
    assert find_disturbances(machine.root) == []


@pytest.mark.parametrize(
    ("ticks", "says"),
    [
        # One second of four processors has 200 ticks, of which 5 % are 10.
        (9, []),
        (10, []),
        (12, ["other processes take 6% of the 4 cores; end them, or wait"]),
        (100, ["other processes take 50% of the 4 cores; end them, or wait"]),
    ],
)
def test_other_processes_are_named_above_a_twentieth_of_all_processors(machine, ticks, says):
    # From zero on, a fifth of a second is the same float as it is in the threshold.
    machine.put("proc/stat", "cpu 0 0 0 0 0 0 0 0")
    machine.meanwhile = lambda: machine.put("proc/stat", f"cpu {ticks} 0 0 0 0 0 0 0")
    assert find_disturbances(machine.root) == says


def test_the_time_that_passed_counts_and_not_the_time_that_was_asked_for(machine):
    def sleep_long():
        machine.seconds += 9
        machine.stat(user=150)

    machine.meanwhile = sleep_long
    # 50 ticks of 10 s of four processors: 2.5 %; of one second they would be 25 %.
    assert find_disturbances(machine.root) == []


def test_ones_own_work_is_nobody_elses(machine):
    def work():
        machine.stat(user=200)
        machine.own = os.times_result((3.0, 0.5, 0.25, 0.125, 78.0))

    machine.meanwhile = work
    assert find_disturbances(machine.root) == []


@pytest.mark.parametrize(("ticks", "named"), [(40, False), (41, True)])
def test_any_time_that_the_hypervisor_takes_is_named(machine, ticks, named):
    machine.meanwhile = lambda: machine.stat(steal=ticks)
    found = find_disturbances(machine.root)
    assert ["steal" in line for line in found] == [True] * named


def test_everything_is_named_at_once_settings_first(machine):
    for core in machine.cores:
        machine.put(f"{CPU}/cpu{core}/cpufreq/scaling_governor", "schedutil")
        machine.put(f"{CPU}/cpu{core}/topology/thread_siblings_list", "0-1")
    machine.put(f"{CPU}/cpufreq/boost", "1")
    machine.put("sys/fs/cgroup/cpu.max", "50000 100000")
    machine.meanwhile = lambda: machine.stat(user=300, steal=90)
    found = find_disturbances(machine.root)
    starts = [
        "the frequency",
        "turbo",
        "cores 0, 1",
        "a container's quota of 0.5",
        "other",
        "the h",
    ]
    assert len(found) == len(starts)
    assert all(line.startswith(start) for line, start in zip(found, starts, strict=True))


# ----- the verb


def test_a_machine_that_is_checked_and_quiet_ends_well(monkeypatch, capsys):
    monkeypatch.setattr(conditions, "find_disturbances", list)
    with pytest.raises(typer.Exit) as ended:
        show.machine(check=True)
    assert ended.value.exit_code == 0
    *facts, last = capsys.readouterr().out.splitlines()
    assert any(line.startswith("cores ") for line in facts)
    assert last.startswith("nothing")


def test_what_else_computes_on_the_gpu_that_a_run_would_take_disturbs(machine, monkeypatch):
    machine.gpus = {n: SimpleNamespace(other_processes=int(n)) for n in ("0", "2")}
    assert find_disturbances(machine.root) == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert find_disturbances(machine.root) == [
        (
            "2 other processes compute on GPU 2; end them, or choose another GPU "
            "(CUDA_VISIBLE_DEVICES)"
        )
    ]


def test_a_machine_that_would_disturb_a_run_is_an_error_that_names_everything(monkeypatch, capsys):
    lines = ["it is [b]hot[/b]", "x" * 500]
    monkeypatch.setattr(conditions, "find_disturbances", lambda: lines)
    with pytest.raises(typer.Exit) as ended:
        show.machine(check=True)
    assert ended.value.exit_code == 1
    assert capsys.readouterr().out.splitlines()[-2:] == lines


def test_a_machine_that_is_not_to_be_checked_is_not(monkeypatch, capsys):
    monkeypatch.setattr(conditions, "find_disturbances", lambda: pytest.fail("it was checked"))
    show.machine()
    assert "nothing found" not in capsys.readouterr().out
