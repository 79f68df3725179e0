"""Instructions: how they are counted, and what their counts decide beside a time."""

import os
import shlex
import sys

import pytest
from support.commands import command_plan, process, processes

from bench.errors import UserError
from bench.regression.commands import instructions
from bench.regression.commands.instructions import compare_counts, read_count
from bench.regression.commands.judge_commands import judge_commands
from bench.runner.process.command import Command, CommandSpec

SLOWER, SAME, NOISY, FASTER = [0.1] * 20, [0.001, -0.001] * 10, [0.2, -0.2] * 10, [-0.1] * 20


def counts(base, candidate):
    return [
        process(side, 0, name=instructions.INSTRUCTIONS, value=float(value))
        for side, values in (("base", base), ("candidate", candidate))
        for value in values
    ]


@pytest.mark.parametrize(
    ("base", "candidate", "verdict"),
    [
        ([1000, 1001], [1011, 1010], "slower"),
        ([1000, 1001], [1002, 999], "no change"),
        ([1000, 1001], [985, 986], "faster"),
        ([1000, 1001], [1004, 1003], "no change"),  # all are higher, by less than 0.5 %
        ([1000, 1030], [1020, 1040], "undecided"),  # a count does not come again
        ([1000], [1100], "undecided"),
    ],
)
def test_counts_decide_if_all_of_a_side_agree(base, candidate, verdict):
    assert compare_counts(counts(base, candidate), 0.02).verdict == verdict


MORE, EQUAL, FEWER, VAGUE = ([1010] * 2, [1000] * 2, [990] * 2, [900, 1100])


@pytest.mark.parametrize(
    ("after", "logs", "verdict", "unsettled"),
    [
        (MORE, NOISY, "slower", False),
        (MORE, SAME, "slower", False),
        (MORE, FASTER, "faster", False),  # fewer, slower instructions are what nobody wants
        (EQUAL, NOISY, "no change", True),
        (EQUAL, SLOWER, "slower", False),
        (FEWER, SAME, "faster", False),
        (VAGUE, SAME, "no change", False),
        (VAGUE, NOISY, "undecided", True),
    ],
)
def test_counts_decide_where_the_time_shows_no_difference(after, logs, verdict, unsettled):
    records = [*counts([1000, 1000], after), *processes(logs, name="cpu-time")]
    (case,) = judge_commands(command_plan(metric="cpu-time"), records, (10, 20))
    assert (case.verdict, case.unsettled) == (verdict, unsettled)
    assert [metric.name for metric in case.metrics] == ["instructions", "CPU time"]
    assert any("caches" in one for one in case.remarks) == (after == EQUAL and logs == SLOWER)


def test_time_of_too_few_pairs_is_not_judged():
    records = [*counts(*[[1000, 1000]] * 2), *processes([0.1, 0.1], name="cpu-time")]
    (case,) = judge_commands(command_plan(metric="cpu-time"), records, ())
    assert (case.verdict, case.metrics[1].verdict) == ("no change", None)


def test_counts_of_all_processes_are_added(tmp_path):
    (tmp_path / "count.1").write_text(
        "==1== Command: job\n==1== \n==1== I refs:        1,002,003\n"
    )
    (tmp_path / "count.2").write_text("==2== I refs:   7\n")
    assert read_count(tmp_path) == 1_002_010
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "count").write_text(
        "# started\n\n477130504,,instructions:u,9,100.0,,\n"
    )
    assert read_count(tmp_path / "elsewhere") == 477_130_504


def test_counter_of_the_processor_comes_before_valgrind(program, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="needs Valgrind"):
        instructions.choose_counter()
    program("valgrind", "")
    program("perf", "echo '<not supported>,,x' >&2")
    assert instructions.choose_counter() == instructions.VALGRIND
    program("perf", "echo 123,,instructions:u >&2")
    assert instructions.choose_counter() == instructions.PERF


def test_equal_work_has_equal_counts_and_more_work_a_higher_one(tmp_path):
    try:
        counter = instructions.choose_counter()
    except UserError as error:
        pytest.skip(str(error))
    numbers = []
    for number, work in enumerate((20_000, 20_000, 200_000)):
        folder = tmp_path / str(number)
        folder.mkdir()
        python = shlex.quote(sys.executable)
        arguments = ["sh", "-c", f"{python} -S -c 'sum(range({work}))'"]  # of a child, too
        cores = [min(os.sched_getaffinity(0))]
        spec = CommandSpec(arguments, folder, dict(os.environ), cores, 600.0)
        counted = instructions.count(spec, counter, folder)
        with Command(counted, folder) as command:
            assert command.finish().status == "ok"
        numbers.append(read_count(folder))
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-3)
    assert numbers[2] > numbers[0] + 10 * 180_000
