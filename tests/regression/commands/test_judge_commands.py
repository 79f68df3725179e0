"""Verdicts on commands from made-up records."""

import math

import msgspec
import pytest
from support.commands import command_plan, failure, process, processes, write_pairs
from support.records import MACHINE, environment

from bench.records import store
from bench.records.schema import CommandRecord
from bench.regression.commands.judge_commands import judge_commands, make_command_result
from bench.regression.pairs.judge import read_measured
from bench.report.regression.verdicts import format_change

SLOWER, FASTER, SAME = [0.1] * 20, [-0.1] * 20, [0.001, -0.001] * 10
NOISY = [0.2, -0.2] * 10
LOOKS = (10, 20)
INTERRUPTED = failure("candidate", 0, status="interrupted", reason=None)


def one(records, plan=None):
    (judged,) = judge_commands(plan or command_plan(), records, LOOKS)
    return judged


@pytest.mark.parametrize(
    ("logs", "verdict"),
    [(SLOWER, "slower"), (FASTER, "faster"), (SAME, "no change"), (NOISY, "undecided")],
)
def test_pairs_give_their_verdict(logs, verdict):
    judged = one(processes(logs))
    assert (judged.name, judged.verdict, judged.pairs) == ("python job.py", verdict, 20)
    assert judged.required
    (metric,) = judged.metrics
    assert (metric.name, metric.unit, metric.verdict) == ("time", "seconds", verdict)
    assert metric.baseline == 2.0
    assert math.log(metric.ratio.mean) == pytest.approx(sum(logs) / 20, abs=1e-9)


@pytest.mark.parametrize("metric", ["json:rate", "memory", "time"])
def test_exact_difference_is_printed_as_it_is_though_the_kernel_of_older_records_moved(metric):
    records = [
        msgspec.structs.replace(
            record, kernel_seconds=[0.002 * (3 if record.version == "candidate" else 1)] * 2
        )
        for record in processes([math.log(3)] * 20, name=metric)
    ]
    (judged,) = one(records, command_plan(metric=metric)).metrics
    assert format_change(judged.ratio).startswith("+200.0 %")


@pytest.mark.parametrize(("log", "asked"), [(-0.5, 0), (-0.8, 1), (0.8, 0)])
def test_command_that_takes_less_than_half_is_asked_whether_it_works(log, asked):
    assert len(one(processes([log] * 20)).remarks) == asked


# SAME is within 0.1 %, and these are within the tolerance of 2 %, but not within half of it.
WIDE = [0.015, -0.015] * 10


@pytest.mark.parametrize(
    ("logs", "metric", "others", "verdict"),
    [
        (WIDE, "cpu-time", 0.3, "no change"),
        (WIDE, "cpu-time", 6.0, "undecided"),
        (SAME, "cpu-time", 6.0, "no change"),
        (WIDE, "time", 6.0, "no change"),
        (SLOWER, "cpu-time", 6.0, "slower"),
    ],
)
def test_no_change_of_cpu_time_needs_more_where_others_compute(logs, metric, others, verdict):
    conditions = {"seconds": 6.0, "others_seconds": others}
    judged = one(processes(logs, name=metric, conditions=conditions), command_plan(metric=metric))
    assert judged.verdict == judged.metrics[0].verdict == verdict
    assert len(judged.remarks) == (verdict == "undecided")


def test_undecided_command_says_how_many_pairs_of_which_length_would_decide():
    judged = one(processes(NOISY))
    assert judged.metrics[0].more_pairs > 20
    assert judged.pair_seconds == 3.0  # two processes of 1.5 s
    assert one(processes(SAME)).metrics[0].more_pairs is None


def test_pairs_that_warm_up_or_are_incomplete_do_not_count():
    warm_up = [process("base", 0, value=1), process("candidate", 0, value=9)]
    alone = process("base", 21)
    interrupted = failure("candidate", 21, status="interrupted", reason=None)
    assert one([*warm_up, *processes(SAME), alone, interrupted]) == one(processes(SAME))


def test_failure_on_either_side_is_the_verdict():
    stumble = failure("candidate", 21)
    judged = one([*processes(SLOWER), process("base", 21), stumble, stumble])
    assert (judged.verdict, judged.metrics) == ("failed", ())
    assert judged.remarks == ("candidate: failed: it stumbled",)
    judged = one([failure("base", 0, status="timeout"), process("candidate", 0)])
    assert (judged.verdict, judged.remarks) == ("failed", ("baseline: timeout: it stumbled",))


@pytest.mark.parametrize(
    "records",
    [[], [process("base", 0)], [INTERRUPTED], [process("base", 0), INTERRUPTED]],
    ids=["nothing", "one side", "interrupted", "interrupted later"],
)
def test_command_without_a_pair_is_undecided(records):
    judged = one(records)
    assert (judged.name, judged.verdict) == ("python job.py", "undecided")
    assert (judged.pairs, judged.metrics, judged.remarks) == (0, (), ())


def test_iterations_of_older_records_are_compared_with_their_neighbours():
    # The machine becomes three times as slow in the middle of each pair, sooner or later.
    records = []
    for number in range(1, 11):
        times = [1.0] * (number % 4) + [3.0] * (5 - number % 4)
        records += [
            process("base", number, value=1.0, iteration_seconds=times),
            process("candidate", number, value=1.0, iteration_seconds=[1.1 * one for one in times]),
        ]
    judged = one(records, command_plan(loops=True))
    assert judged.verdict == "slower"
    assert judged.metrics[0].name == "iteration"
    assert judged.metrics[0].ratio.high == pytest.approx(1.1)
    assert judged.pair_seconds == 1.5  # they live at the same time


@pytest.mark.parametrize(
    ("plan", "name", "unit", "seconds"),
    [
        ({"metric": "cpu-time"}, "CPU time", "seconds", 1.5),  # both live at the same time
        ({"metric": "json:a"}, "json:a", "number", 3.0),
        ({"metric": "memory"}, "memory", "bytes", 1.5),
        ({"metric": "cpu-time", "pytest": True}, "mean CPU time", "seconds", 1.5),
    ],
)
def test_metric_has_its_name_its_unit_and_the_seconds_of_a_pair(plan, name, unit, seconds):
    judged = one(processes(SLOWER, name=plan["metric"]), command_plan(**plan))
    assert (judged.verdict, judged.pair_seconds) == ("slower", seconds)
    assert (judged.metrics[0].name, judged.metrics[0].unit) == (name, unit)


# ----- several benchmarks


def benchmarks(lacks=None, **logs):
    """Return pairs of processes with a value for each benchmark.

    logs: of the ratios of each. lacks: a side without the benchmark ``only``.
    """
    records = []
    for number, row in enumerate(zip(*logs.values(), strict=True), 1):
        for version in ("base", "candidate"):
            values = {
                name: math.exp(log) if version == "candidate" else 1.0
                for name, log in zip(logs, row, strict=True)
                if (name, version) != ("only", lacks)
            }
            records.append(process(version, number, values=values))
    return records


SEVERAL = command_plan(arguments="pytest bench.py", pytest=True)


def judge_several(looks=LOOKS, **options):
    judged = judge_commands(SEVERAL, benchmarks(**options), looks)
    return {case.name: case for case in judged}


def test_benchmarks_are_judged_by_name():
    judged = judge_several(slow=SLOWER, same=SAME)
    assert [case.verdict for case in judged.values()] == ["slower", "no change"]
    assert [case.metrics[0].name for case in judged.values()] == ["minimum"] * 2
    assert not any(case.required for case in judged.values())


@pytest.mark.parametrize(
    ("lacks", "verdict"),
    [("base", "missing in baseline"), ("candidate", "missing in candidate")],
)
def test_benchmark_that_a_side_lacks_is_missing_there(lacks, verdict):
    judged = judge_several(same=SAME, only=SAME, lacks=lacks)
    assert (judged["same"].verdict, judged["only"].verdict) == ("no change", verdict)
    assert judged["only"].metrics == ()


def test_benchmarks_are_one_family():
    same, strong = [0.0] * 9, [0.1] * 9
    # In one of nine pairs the smallest difference has the other sign: p = 2 / 2 ** 9 = 0.0039. That
    # is enough for the second rejection of three, and not for the first, at a third of 1 %.
    weak = [-0.01, *(0.1 + number / 1000 for number in range(8))]
    judged = judge_several(strong=strong, weak=weak, same=same, looks=(9,))
    assert [judged[name].verdict for name in ("strong", "weak")] == ["slower"] * 2
    alone = judge_several(weak=weak, looks=(9,))
    among = judge_several(weak=weak, same=same, other=same, looks=(9,))
    assert [each["weak"].verdict for each in (alone, among)] == ["slower", "undecided"]


def test_result_is_loaded_with_the_software_of_each_side(tmp_path):
    plan = command_plan()
    records = [
        msgspec.structs.replace(one, environment="there") if one.version == "candidate" else one
        for one in processes(SLOWER)
    ]
    folder = write_pairs(tmp_path / "out", plan, *records)
    there = environment(id="there", software={"distributions": {"torch": "2.10.0"}})
    store.add_environment(folder, there)
    store.save_looks(folder, {"command": LOOKS})
    result = make_command_result(plan, read_measured(folder, CommandRecord))
    assert result.cases == judge_commands(plan, records, LOOKS)
    assert (result.baseline.name, result.candidate.name) == ("main", ".")
    assert (result.baseline.commit, result.candidate.host) == ("0" * 40, MACHINE["name"])
    torch = result.baseline.software["torch"], result.candidate.software["torch"]
    assert torch == ("2.9.1", "2.10.0")
    assert (result.gated, result.parity, result.exit_status) == (("time",), False, 1)


@pytest.mark.parametrize(
    ("names", "verdict", "unknown"),
    [
        (["b.py::T::test_x[1=a]"], "no change", 0),
        (["b.py::T::test_x"], "no change", 0),
        (["test_x[1=a]"], "no change", 0),
        (["test_x"], "no change", 0),
        (["test_y", "test"], "slower", 2),
    ],
)
def test_benchmark_has_the_tolerance_of_its_name(tmp_path, names, verdict, unknown):
    plan = msgspec.structs.replace(SEVERAL, tolerances=dict.fromkeys(names, 0.2))
    records = benchmarks(**{"b.py::T::test_x[1=a]": SLOWER, "b.py::test_z": SLOWER})
    measured = read_measured(write_pairs(tmp_path / "out", plan, *records), CommandRecord)
    result = make_command_result(plan, measured)
    tolerance = 0.2 if verdict == "no change" else 0.02
    assert [(case.verdict, case.tolerance) for case in result.cases] == [
        (verdict, tolerance),
        ("slower", 0.02),
    ]
    assert (len(result.remarks), result.rule.tolerance) == (unknown, 0.02)


def test_median_and_worst_benchmark_of_equal_code_have_a_detectable_slowdown(tmp_path):
    plan = msgspec.structs.replace(SEVERAL, candidate=SEVERAL.baseline)
    records = benchmarks(quiet=[0.0] * 20, same=SAME, noisy=NOISY)
    folder = write_pairs(tmp_path / "out", plan, *records)
    measured = read_measured(folder, CommandRecord)
    quiet, same, noisy = (case.detectable for case in make_command_result(plan, measured).cases)
    assert quiet is None
    assert 0.02 <= same < 0.2 < noisy
    assert {case.detectable for case in make_command_result(SEVERAL, measured).cases} == {None}
