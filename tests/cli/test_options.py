"""Options are read from text into typed values, or refused with the option's name."""

import inspect
from typing import get_args

import pytest
import typer

from bench.cli import options
from bench.cli.verbs import ab, run
from bench.planning.plan import RunOptions
from bench.planning.presets import ALL_CORES, PRESETS
from bench.regression.programs.judge_pairs import METRICS
from bench.regression.programs.prepare import CaseOptions
from bench.worker.workloads import WORKLOADS


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (options.parse_tolerance, "2%", 0.02),
        (options.parse_tolerance, "0.02", 0.02),
        (options.parse_tolerance, " 1.5% ", 0.015),
        (options.parse_tolerance, ".1", 0.1),
        (options.parse_tolerance, "50%", 0.5),
        (options.parse_tolerance, "0", 0.0),
        (options.parse_tolerance, 0.02, 0.02),
        (options.parse_duration, "90s", 90),
        (options.parse_duration, "10m", 600),
        (options.parse_duration, "1.5h", 5400),
        (options.parse_duration, " 600 ", 600),
        (options.parse_duration, 180.0, 180),
        (options.parse_numbers, "8, 32,8", (8, 32)),
        (options.parse_threads, "1,all", (1, ALL_CORES)),
        (options.parse_thread_count, "all", ALL_CORES),
        (options.parse_thread_count, 1, 1),
        (options.parse_devices, "cpu, gpu", ("cpu", "gpu")),
        (options.parse_workloads, "textbook,sgd,textbook", ("textbook", "sgd")),
    ],
)
def test_text_becomes_value(parse, text, value):
    assert parse(text) == (pytest.approx(value) if isinstance(value, float) else value)


@pytest.mark.parametrize(
    ("parse", "texts"),
    [
        (options.parse_tolerance, ["", "2", "-2%", "51%", "two", "nan", "2%%", "1e-2"]),
        (options.parse_duration, ["", "0s", "0.5s", "-1m", "1d", "h", "9999999s", "nan", "169h"]),
        (options.parse_numbers, ["", "0", "8,,5", "8 5", "1e3", "-1", "99999999999"]),
        (options.parse_threads, ["", "none", "0", "1,"]),
        (options.parse_thread_count, ["1,2", "0"]),
        (options.parse_devices, ["tpu", "", "cpu,", "cpu gpu"]),
        (options.parse_gates, ["epoch", "memory,speed"]),
    ],
)
def test_wrong_text_is_refused(parse, texts):
    for text in texts:
        with pytest.raises(typer.BadParameter):
            parse(text)


def test_known_names_are_those_of_the_suite():
    assert options.parse_workloads(",".join(WORKLOADS)) == tuple(WORKLOADS)
    several = ("many-7", "many-1", "many-10", "many-100", "sgd")
    assert options.parse_workloads("many-7,many,sgd,many-10") == several
    gates = ("import", "memory", "first-epoch", "set-up", "predict")
    assert options.parse_gates(",".join(gates)) == gates
    assert all("epoch" in name for name in METRICS.keys() - gates)


def test_repeated_and_joined_names_count_once():
    names = [options.Names(("memory", "import")), options.Names(("import",))]
    assert options.join_names(names) == ("memory", "import")
    assert options.join_names(None) == ()


def test_defaults_of_the_command_line_are_those_of_the_options():
    flags = inspect.signature(run.run).parameters
    for name in ("timeout", "seed", "preset", "sweep", "data", "epochs", "rounds"):
        assert flags[name].default == getattr(RunOptions(), name), name
    assert get_args(options.PresetName) == tuple(PRESETS)
    flags = inspect.signature(ab.ab).parameters
    for name in ("workload", "device", "batch_size", "threads", "samples", "data"):
        assert flags[name].default == getattr(CaseOptions(), name), name


def test_completion_offers_implementations():
    assert options.complete_implementation("num") == [
        *("numpy", "numba", "numpy-batched", "numba-models", "numpy-processes", "numba-processes")
    ]
