"""The CPU and the GPU side by side: every cell is worked out by hand."""

import math

import pytest
from support.records import MACHINE, numbers_in, read_cells
from support.sweeps import on, swept_on, unavailable

from bench.analysis.devices import Crossover
from bench.analysis.intervals import Interval
from bench.report.sections.costs import gpu

DATA = {"features": 784, "classes": 10, "test_images": 10_000}


@pytest.fixture
def describe(load):
    """Describe the devices of a run of these records at the first batch size."""

    def describe(*records, **changes):
        cases = {of.case.slug: of.case for of in records if of.case.batch_size == 32}
        return gpu.describe_gpu(load(*records, cases=(*cases.values(),), data=DATA, **changes))

    return describe


def test_devices_are_compared_at_the_first_size(describe):
    records = [*on("cpu", predict=0.02), *on("gpu", times=0.5, predict=0.005)]
    section = describe(*records)
    compared, used = section.tables
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
    assert section.remarks[1:] == [gpu.ADD_SWEEP]


def test_sweep_adds_crossover_and_batch_sizes(describe):
    records = [*swept_on("cpu"), *swept_on("gpu"), *on("gpu", "b", workload="textbook")]
    section = describe(*records)
    compared, _, speedups, other = section.tables
    (line,) = read_cells(compared)
    # Between 154 / 242.48 ms at 8 and 64 / 62.48 ms at 32:
    # ln 0.63510 = -0.45397, ln 1.02433 = 0.02404; 8 * 4 ** (0.45397 / 0.47801) = 29.84.
    assert line["GPU faster from batch size"] == "30"
    assert speedups.headings == ("implementation", "8", "32", "128", "384", "1,920", "9,600")
    assert speedups.lines[0][:3] == ["a", "0.635 [0.635, 0.635]", "1.02 [1.02, 1.02]"]
    assert gpu.CROSSOVER_NOTE in compared.note
    assert other.title.startswith("Use of the GPU, textbook")
    (remark,) = section.remarks
    assert remark.startswith("sgd: measured with one number of threads on the CPU: a.")


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


def test_cell_without_a_number_gives_the_status(describe):
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
    compared, used = describe(*records).tables
    assert {line[0]: line[1:5] for line in compared.lines} == {
        "a": ["750,000", "768,000", "2 threads", "1.02 [1.02, 1.02]"],
        "b": ["750,000", "unavailable", "2 threads", "—"],
        "c": ["750,000", "failed", "2 threads", "—"],
        "d": ["not measured", "768,000", "—", "—"],
        "e (one-vs-rest)": ["750,000", "unavailable", "2 threads", "—"],
        "f": ["750,000", "not measured", "2 threads", "—"],
    }
    assert [line[0] for line in used.lines] == ["a", "d"]
    section = describe(*on("cpu"), unavailable("a"))
    assert (section.tables, section.remarks, section.empty) == ([], [], gpu.NOT_RANKED)


@pytest.mark.parametrize(
    ("threads", "cores", "untuned"),
    [
        ([2], 2, True),
        ([1], 2, True),  # as --layers measures it
        ([1, 16], 2, False),
        ([2], 1, False),
        ([2], None, True),
    ],
)
def test_speedup_over_a_cpu_with_one_number_of_threads_is_marked(describe, threads, cores, untuned):
    records = [record for count in threads for record in on("cpu", threads=count)]
    section = describe(*records, *on("gpu"), machine=MACHINE | {"cores": cores})
    assert (len(section.remarks) == 2, gpu.UNTUNED_BRIEF in section.finding) == (untuned, untuned)
    assert numbers_in(section.finding) == [32, 1, 1, 0]


def test_gpu_is_slower_where_the_interval_is_below_1(describe):
    records = [*on("cpu"), *on("gpu", times=2), *on("cpu", "b"), *on("gpu", "b", times=0.5)]
    assert numbers_in(describe(*records).finding) == [32, 1, 2, 1]


def test_energy_is_left_out_where_others_used_the_gpu(describe):
    (used,) = describe(*on("gpu", device_conditions={"other_processes": 1.0})).tables
    assert used.headings[-1] == "memory reserved, MiB"
