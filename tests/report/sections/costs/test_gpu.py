"""The CPU and the GPU side by side: every cell is worked out by hand."""

import math

import pytest
from support.records import case, environment, read_cells, run
from support.sweeps import on, swept_on, unavailable

from bench.analysis.devices import Crossover, compare_devices, find_crossovers
from bench.analysis.intervals import Interval
from bench.analysis.summary import summarize
from bench.report.sections.costs import gpu

HERE = {"here": environment(data={"features": 784, "classes": 10, "test_images": 10_000})}


def tabulate(*records):
    rows = summarize(records, HERE, run(case()))
    crossovers = find_crossovers(rows, "sgd")
    return gpu.tabulate_devices(compare_devices(rows, "sgd", crossovers), crossovers)


def test_devices_are_compared_at_the_first_size():
    compared, used = tabulate(*on("cpu", predict=0.02), *on("gpu", times=0.5, predict=0.005))
    assert compared.title == "Training and predicting, sgd: batch size 32, 48,000 samples"
    # 48,000 images in 64 ms and in 31.24 ms; 10,000 in 20 and in 5.
    assert read_cells(compared) == [
        {
            "implementation": "a",
            "samples/s, CPU": "750,000",
            "samples/s, GPU": "1,540,000",
            "CPU threads": "2 threads",
            "speedup": "2.05 [2.05, 2.05]",
            "predictions/s, CPU": "500,000",
            "predictions/s, GPU": "2,000,000",
            "speedup of predicting": "4.00 [4.00, 4.00]",
        }
    ]
    assert compared.numeric == set(range(1, 8))
    assert read_cells(used) == [
        {
            "implementation": "a",
            "memory reserved, MiB": "600",
            "memory used, MiB": "200",
            "joules per epoch": "10.0",
        }
    ]


def test_sweep_adds_crossover_and_batch_sizes():
    compared, _, speedups = tabulate(*swept_on("cpu"), *swept_on("gpu"))
    (line,) = read_cells(compared)
    # Between 154 / 242.48 ms at 8 and 64 / 62.48 ms at 32:
    # ln 0.63510 = -0.45397, ln 1.02433 = 0.02404; 8 * 4 ** (0.45397 / 0.47801) = 29.84.
    assert line["GPU faster from batch size"] == "30"
    assert speedups.headings == ("implementation", "8", "32", "128", "384", "1,920", "9,600")
    assert speedups.lines[0][:3] == ["a", "0.635 [0.635, 0.635]", "1.02 [1.02, 1.02]"]
    assert gpu.CROSSOVER_NOTE in compared.note


@pytest.mark.parametrize(
    ("batch_size", "text"),
    [
        (Interval(63.7, 40.2, 1234.0), "64 [40, 1,230]"),
        (Interval(63.7, 0, math.inf), "64 [< 8, > 1,920]"),
        (Interval(63.7), "64 (uncertain)"),
        (Interval(0, 0, 0), "every size measured"),
        (Interval(0, 0, 40.2), "every size measured [< 8, 40]"),
        (Interval(math.inf, math.inf, math.inf), "no size measured"),
        (None, "—"),
    ],
)
def test_crossover_is_shown_with_its_bounds(batch_size, text):
    speedups = {8: Interval(1.0), 1920: Interval(1.0)}
    crossover = Crossover("a", speedups, batch_size) if batch_size else None
    assert gpu.describe_crossover(crossover) == text


def test_cell_without_a_number_gives_the_status():
    records = [
        *on("cpu", "a"),
        *on("gpu", "a"),
        *on("cpu", "b"),
        unavailable("b"),
        *on("cpu", "c"),
        *on("gpu", "c", status="failed", reason="wrong"),
        *on("gpu", "d"),
        *on("cpu", "e", objective="one-vs-rest"),
        unavailable("e", objective="one-vs-rest"),
        *on("cpu", "f"),
    ]
    compared, used = tabulate(*records)
    assert {line[0]: line[1:5] for line in compared.lines} == {
        "a": ["750,000", "768,000", "2 threads", "1.02 [1.02, 1.02]"],
        "b": ["750,000", "unavailable", "2 threads", "—"],
        "c": ["750,000", "failed", "2 threads", "—"],
        "d": ["not measured", "768,000", "—", "—"],
        "e (one-vs-rest)": ["750,000", "unavailable", "2 threads", "—"],
        "f": ["750,000", "not measured", "2 threads", "—"],
    }
    assert [line[0] for line in used.lines] == ["a", "d"]


@pytest.mark.parametrize(
    ("cpu", "untuned"),
    [
        ([{"threads": 2}], ["a"]),
        ([{"threads": 1}], ["a"]),  # as --layers measures it
        ([{"threads": 1}, {"threads": 16}], []),
    ],
)
def test_speedup_over_a_cpu_with_one_number_of_threads_is_marked(cpu, untuned):
    records = [record for changes in cpu for record in on("cpu", **changes)]
    rows = summarize([*records, *on("gpu")], HERE, run(case()))
    pairs = compare_devices(rows, "sgd")
    assert gpu.list_untuned(pairs) == untuned
    finding = gpu.describe_speedups(pairs, at_best=not untuned)
    assert finding.endswith(
        f"than the CPU{gpu.UNTUNED_BRIEF * bool(untuned)}, and 0 certainly slower."
    )


def test_energy_is_left_out_where_others_used_the_gpu():
    shared = on("gpu", device_conditions={"other_processes": 1.0})
    (used,) = tabulate(*shared)
    assert used.headings[-1] == "memory reserved, MiB"
