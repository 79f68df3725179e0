"""The metrics: what a command printed, pytest-benchmark's file, and what a plan stores."""

import json
import math
import subprocess
from pathlib import Path

import pytest
from support.commands import command_plan, processes

from bench.errors import UserError
from bench.regression.commands.judge_commands import judge_commands
from bench.regression.commands.samplers import (
    SAMPLERS,
    Sampler,
    ValueFault,
    find_sampler,
    list_metrics,
    plan_metric,
    watch_memory,
)
from bench.runner.process.command import CommandSpec
from bench.runner.process.outcome import Outcome
from bench.worker.machine import ROOT


@pytest.fixture
def read(tmp_path):
    """Read the values of a command that took two seconds, computed for one, and printed this."""

    def call(metric, output="", *, pytest=False):
        outcome = Outcome("ok", None, {}, "", 2.0, 1.0, output)
        return find_sampler(metric, pytest=pytest).read(outcome, tmp_path)

    return call


def test_time_is_that_of_the_process(read):
    assert read("time", "5") == {"time": 2.0}
    assert read("cpu-time", "5") == {"cpu-time": 1.0}


@pytest.mark.parametrize(
    ("metric", "output", "value"),
    [
        ("json:seconds", '{"seconds": 3}', 3.0),
        ("json:a.b.1", '{\n"a": {"b": [1, 2.5]}\n}', 2.5),
        ("json:0", "[4]", 4.0),
        ("json:a", 'working\n{"a": 1e-9}\n\n', 1e-9),
    ],
)
def test_number_is_found_in_the_output(read, metric, output, value):
    assert read(metric, output) == {metric: value}


@pytest.mark.parametrize(
    ("metric", "output", "reason"),
    [
        ("json:a", "", "is JSON"),
        ("json:a", "{", "is JSON"),
        ("json:a", "[" * 100_000, "is JSON"),
        ("json:a", '{"b": 1}', "has no a"),
        ("json:a", "5", "has no a"),
        ("json:a", "[1]", "has no a"),
        ("json:3", "[1]", "has no 3"),
        ("json:a.b", '{"a": 1}', "has no a.b"),
        ("json:a", '{"a": "1"}', "is no number"),
        ("json:a", '{"a": true}', "is no number"),
        ("json:a", '{"a": null}', "is no number"),
        ("json:a", '{"a": NaN}', "only numbers from"),
        ("json:a", f'{{"a": {"9" * 400}}}', "only numbers from"),
        ("json:a", '{"a": -1}', "only numbers from"),
        ("json:a", '{"a": 0}', "only numbers from"),
    ],
)
def test_output_without_a_positive_number_is_a_fault(read, metric, output, reason):
    with pytest.raises(ValueFault, match=reason):
        read(metric, output)


def test_benchmarks_have_their_names_and_minima_or_means(read, tmp_path):
    minima = {"bench.py::test_a[1]": 0.5, "bench.py::test_b": 2}
    document = {
        "benchmarks": [
            {"fullname": name, "name": "other", "stats": {"min": least, "mean": math.pi}}
            for name, least in minima.items()
        ]
    }
    (tmp_path / "benchmarks.json").write_text(json.dumps(document))
    assert read("time", pytest=True) == minima
    assert read("cpu-time", pytest=True) == dict.fromkeys(minima, math.pi)


@pytest.mark.parametrize(
    ("script", "code"), [("exit 3", 3), ("kill -9 $$", -9), ("kill -13 $$", -13)]
)
def test_process_whose_memory_is_watched_ends_as_it_does_alone(tmp_path, script, code):
    spec = watch_memory(CommandSpec(["sh", "-c", script], tmp_path, {}, [], 1.0), tmp_path)
    assert subprocess.run(spec.arguments, check=False).returncode == code


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"benchmarks": [{"fullname": "a"}]}', "cannot be read"),
        ('{"benchmarks": []}', "no benchmark"),
        ('{"benchmarks": [{"fullname": "a", "stats": {"min": 0}}]}', "a is 0; only numbers from"),
        (None, "no benchmark ran"),
    ],
)
def test_results_that_cannot_be_read_are_a_fault(read, tmp_path, text, reason):
    if text is not None:
        (tmp_path / "benchmarks.json").write_text(text)
    with pytest.raises(ValueFault, match=reason):
        read("time", pytest=True)


# ----- the options


def test_new_metric_is_a_sampler_and_its_name(monkeypatch):
    sevens = Sampler("sevens", lambda *_: {"sevens": 7.0}, unit="number")
    monkeypatch.setitem(SAMPLERS, "sevens", sevens)
    plan = command_plan(**plan_metric("sevens", pytest=False))
    outcome = Outcome("ok", None, {}, "", 2.0)
    assert plan.sampler.read(outcome, Path()) == {"sevens": 7.0}
    (judged,) = judge_commands(plan, processes([0.1] * 20, name="sevens"), (20,))
    assert (judged.verdict, judged.metrics[0].unit) == ("slower", "number")
    with pytest.raises(UserError, match="sevens"):
        plan_metric("eights", pytest=False)


@pytest.mark.parametrize("name", list_metrics())
def test_metric_is_named_where_people_look_it_up(name):
    assert name in " ".join((ROOT / "action.yml").read_text(encoding="utf-8").split("inputs:")[1:])
    page = ROOT / "docs" / "gate" / "reference.md"
    assert f"--metric {name}" in page.read_text(encoding="utf-8")
