"""The roofline and the memory: every cell is worked out by hand."""

from dataclasses import replace

from support.records import bare, case, environment, ok, trials

from bench.analysis.roofline import Roofline, find_rooflines
from bench.analysis.summary import summarize, summarize_memory
from bench.report.sections import resources

HERE = {"here": environment()}
LARGE, SMALL = 4 * 48000 * 784, 4 * 9600 * 784


def row(least=0.0150528, **changes):
    (summarized,) = summarize(trials(case(**changes), 0.5), HERE)
    return replace(summarized, roofline_seconds=least)


def cells(table):
    return [dict(zip(table.headings, line, strict=True)) for line in table.lines]


def test_bandwidth_is_that_of_the_tables_size():
    roofline = Roofline(
        1.2345e11, "jax", {LARGE: 2e10, SMALL: 9e10}, {LARGE: "torch", SMALL: "numpy"}
    )
    (table,) = resources.tabulate_roofline({("cpu", 2): roofline}, [row(), row(samples=9600)], 784)
    assert table.headings == (
        "device",
        "threads",
        "matrix product",
        "by",
        "bandwidth",
        "by",
        "a step",
        "least epoch",
    )
    assert table.lines == [
        ["cpu", "2", "123 GFLOP/s", "jax", "20.0 GB/s", "torch", "—", "15.1 ms"],
    ]
    (table,) = resources.tabulate_roofline({("cpu", 2): roofline}, [row(samples=9600)], 784)
    assert table.lines[0][4:6] == ["90.0 GB/s", "numpy"]


def test_least_epochs_of_rows_are_a_range():
    roofline = Roofline(1e11, "jax", {}, {})
    rows = [row(), row(0.0075264, implementation="byte-row"), row(None, implementation="other")]
    (table,) = resources.tabulate_roofline({("cpu", 2): roofline}, rows, 784)
    assert cells(table)[0]["least epoch"] == "7.53 ms to 15.1 ms"
    (table,) = resources.tabulate_roofline({("cpu", 2): roofline}, [row(None)], 784)
    assert cells(table)[0]["least epoch"] == "—"


def test_probes_of_a_gpu_fill_its_line():
    of = case("roofline-jax", workload="roofline", framework="jax", device="gpu")
    probe = bare(
        of,
        kind="roofline",
        status="ok",
        product_operations=10**10,
        product_seconds=[0.002, 0.001],
        read_bytes=[LARGE],
        read_seconds=[LARGE / 2e12],
        chain_steps=1000,
        chain_seconds=[0.006, 0.005],
    )
    here = {"here": environment(data={"features": 784, "classes": 10})}
    records = [probe, *trials(case(device="gpu"), 0.5), *trials(case(), 0.5)]
    (table,) = resources.tabulate_roofline(find_rooflines(records), summarize(records, here), 784)
    # Of 1,500 steps of 5 µs each.
    assert table.lines == [
        ["gpu", "2", "10,000 GFLOP/s", "jax", "2,000 GB/s", "jax", "5.00 µs", "7.50 ms"],
    ]


def probe(number=1, threads=2, **changes):
    of = case("roofline-jax", workload="roofline", threads=threads)
    return bare(of, number, kind="roofline", **changes)


def test_failed_probes_are_listed_once():
    said = resources.list_failed_probes(
        [
            probe(1, status="unavailable", reason="no jax"),
            probe(2, status="unavailable", reason="no jax"),
            probe(threads=1, status="failed"),
            probe(status="interrupted"),
            probe(status="ok"),
            bare(case(), reason="a trial"),
        ]
    )
    assert said == [
        "roofline-jax, cpu, 2 threads: unavailable, no jax",
        "roofline-jax, cpu, 1 thread: failed, no reason was given",
    ]


def test_memory_has_the_recorded_phases_of_each_device():
    records = [
        ok(case(name, device=device), phase_rss_bytes={key: n * 2**20 for key, n in peaks.items()})
        for name, device, peaks in (
            ("small", "cpu", {"start": 20, "data": 100, "epochs": 400}),
            ("large", "cpu", {"start": 20, "epochs": 900}),
            ("other", "gpu", {"start": 1}),
        )
    ]
    cpu, gpu = resources.tabulate_memory(summarize_memory(records))
    assert cpu.title == "Peak memory by phase: cpu, batch size 32, 2 threads, 48,000 samples"
    assert cells(cpu) == [
        {"implementation": "small", "start": "20.0 MiB", "data": "100 MiB", "epochs": "400 MiB"},
        {"implementation": "large", "start": "20.0 MiB", "data": "—", "epochs": "900 MiB"},
    ]
    assert cpu.numeric == {1, 2, 3}
    assert cells(gpu) == [{"implementation": "other", "start": "1.00 MiB"}]
