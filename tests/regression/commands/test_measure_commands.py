"""Pairs of processes of small commands, and what is recorded of them."""

import math
import os

import pytest
from support.commands import command_plan

from bench.records import store
from bench.regression.commands import measure_commands
from bench.regression.commands.measure_commands import (
    CommandPairs,
    choose_metric,
    measure_processes,
)
from bench.regression.commands.proof import BYTECODE
from bench.regression.commands.sides import CommandSide
from bench.regression.pairs import loop
from bench.runner.process.outcome import Outcome


@pytest.fixture
def sides(tmp_path):
    """Sides with a folder and a variable SIDE each."""
    made = {}
    for name in ("base", "candidate"):
        (tmp_path / name).mkdir()
        software = {"python": "3.11", "distributions": {"numpy": "2.0"}}
        variables = {**os.environ, "SIDE": name, BYTECODE: str(tmp_path / "bytecode")}
        made[name] = CommandSide(tmp_path / name, variables, False, software)
    return made


@pytest.fixture
def measured(tmp_path, sides):
    """Measure the first pair of a shell script, or until the end of a budget.

    Return the records and how they are judged.
    """

    def call(script, end=None, **changes):
        folder = tmp_path / "out"
        pairs = CommandPairs(command_plan(**{"arguments": f"sh -c '{script}'", **changes}), sides)
        pairs.create(folder)
        if end is None:
            pairs.measure(0)
        else:
            loop.measure_until_decided(pairs, end, lambda _: None)
        return store.read_commands(folder), pairs.judge()[0]

    return call


def test_pair_that_warms_up_is_recorded_in_the_order_of_its_coin(measured, tmp_path, monkeypatch):
    monkeypatch.setattr(measure_commands, "order_sides", lambda: ["candidate", "base"])
    records, case = measured("echo why >&2; pwd")
    assert [record.trial for record in records] == ["w1-candidate", "w1-base"]
    assert (case.verdict, case.pairs) == ("undecided", 0)
    environments = store.read_environments(tmp_path / "out")
    for record in records:
        assert (record.status, record.round) == ("ok", 0)
        assert record.values == {"time": record.wall_seconds}
        assert record.stderr_tail.strip() == "why"
        assert record.conditions["seconds"] >= record.wall_seconds
        software = environments[record.environment].software
        assert software["distributions"] == {"numpy": "2.0"}


def test_process_has_its_sides_folder_and_records_hide_it(measured):
    records, case = measured('echo "$PWD of $SIDE" >&2; exit 3')
    assert case.verdict == "failed"
    for record in records:
        assert record.stderr_tail.strip() == f"<checkout> of {record.version}"
        assert record.reason.endswith(f"exit status 3: <checkout> of {record.version}")


# Processes that run one after the other, and at once.
WAYS = ["time", "cpu-time"]


@pytest.mark.parametrize("metric", WAYS)
def test_each_process_is_prepared(measured, metric):
    records, _ = measured("rm ready", prepare="touch ready", metric=metric)
    assert [record.status for record in records] == ["ok"] * 2


@pytest.mark.parametrize("metric", WAYS)
def test_failed_preparation_fails_its_process(measured, metric):
    prepare = 'sh -c "[ $SIDE = base ] || exit 7"'
    records, case = measured("true", prepare=prepare, metric=metric)
    assert case.remarks == ("candidate: failed: --prepare: the process ended with exit status 7",)
    assert {record.status for record in records if record.version == "base"} <= {"ok"}


def test_output_without_a_value_fails_its_process(measured):
    records, _ = measured("echo nothing", metric="json:0")
    assert {record.reason for record in records} == {
        "neither its output nor the last line of it is JSON"
    }


# ----- the metric

COMPUTES = "both sides compute most of the time (90%)"
STARTS = (
    "the start of Python is 40% of it, so a change of 5 % in the rest looks like 3.0 % "
    "(--pytest leaves it out)"
)
PARALLEL = (
    "it would compute on 1.9 cores, and has one here. To judge the time on several, add --threads 2"
)


@pytest.mark.parametrize(
    ("shares", "metric", "chosen"),
    [
        ([0.95, 0.9, 0.05], "cpu-time", COMPUTES),
        ([0.95, 0.9, 0.38], "cpu-time", f"{COMPUTES}; {STARTS}"),
        ([0.95, 0.5, 0.6, 0.4], "time", "a side computes for 50% of its time only"),
        ([0.95, 0.5, 0.6, 0.9, 0.05], "cpu-time", COMPUTES),  # other processes had the core
        ([0.6, 0.7], "cpu-time", "both sides compute most of the time (60%)"),  # of pytest
        ([0.95, None], "time", ""),  # it fails, and the first pair says why
        ([0.95, 0.9, 0.05], "cpu-time", f"{COMPUTES}; {PARALLEL}"),
    ],
)
def test_metric_follows_from_the_share_of_computing(sides, monkeypatch, shares, metric, chosen):
    left = iter(shares)
    monkeypatch.setattr(
        CommandPairs,
        "run_once",
        lambda *_, **__: (share := next(left)) and Outcome("ok", None, {}, "", 1, share),
    )
    monkeypatch.setattr(CommandPairs, "find_cache", lambda *_: False)
    pairs = CommandPairs(command_plan(pytest=chosen.endswith("(60%)")), sides)
    pairs.parallel = 1.9 if PARALLEL in chosen else 1.0
    choose_metric(pairs)
    plan = pairs.command_plan
    assert (plan.metric, plan.chosen, next(left, "none left")) == (metric, chosen, "none left")


@pytest.mark.parametrize(
    "changes", [{"threads": 2}, {"arguments": "python -m pytest --benchmark-timer=clock.now"}]
)
def test_time_is_judged_where_processor_time_would_hide_something(sides, changes):
    plan = command_plan(**changes)
    pairs = CommandPairs(plan, sides)
    choose_metric(pairs)
    assert pairs.command_plan == plan


def test_share_of_computing_is_that_of_a_process(sides):
    pairs = CommandPairs(command_plan(), sides)
    outcomes = [pairs.run_once("base", ["sh", "-c", script]) for script in ("sleep 0.3", "exit 3")]
    assert 0 <= outcomes[0].computing < 0.9
    assert outcomes[1] is None


# ----- both at once

MEET = "touch ../$SIDE-is-here; until [ -e ../base-is-here ] && [ -e ../candidate-is-here ]; do :; "


def test_processes_of_which_the_processor_time_counts_run_at_once(measured):
    records, _ = measured(f"{MEET}done", metric="cpu-time")
    for record in records:
        assert record.status == "ok"
        assert list(record.values) == ["cpu-time"]


def test_rounds_of_benchmarks_are_few_unless_the_user_wants_more(measured):
    script = """'echo "$0 $@" >&2; exit 3'"""
    records, _ = measured("", arguments=f"sh -c {script} mine", pytest=True, metric="cpu-time")
    for record in records:
        *few, mine = record.stderr_tail.split()[:3]
        others = record.stderr_tail.split()[3:]
        assert (few, mine) == (["--benchmark-max-time=0.2", "--benchmark-min-rounds=1"], "mine")
        assert "--benchmark-timer=time.process_time" in others


@pytest.mark.parametrize(
    ("hangs", "status", "verdict"),
    [(0.0, "timeout", "failed"), (math.inf, "interrupted", "undecided")],
)
def test_budget_ends_a_process_and_one_that_hangs_has_failed(
    sides, tmp_path, monkeypatch, hangs, status, verdict
):
    monkeypatch.setattr(measure_commands, "HANGS", hangs)
    script = "[ $SIDE = base ] || exec sleep 600"
    pairs = CommandPairs(command_plan(arguments=f"sh -c '{script}'", budget=2.0), sides)
    measure_processes(pairs, tmp_path / "out", lambda _: None)
    assert [record.status for record in store.read_commands(tmp_path / "out")] == [status]
    assert [case.verdict for case in pairs.judge()] == [verdict]
