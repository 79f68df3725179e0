"""The roofline and the memory: every cell is worked out by hand."""

from support.records import HERE, bare, case, ok, probe, read_cells

from bench.analysis.roofline import Roofline, find_rooflines
from bench.analysis.summary import summarize
from bench.report.sections.costs import resources

LARGE, SMALL = 4 * 48000 * 784, 4 * 9600 * 784


def test_bandwidth_is_that_of_the_tables_size():
    roofline = Roofline(1.2345e11, "jax", {LARGE: (2e10, "torch"), SMALL: (9e10, "numpy")})
    for size, bandwidth, reader in ((LARGE, "20.0", "torch"), (SMALL, "90.0", "numpy")):
        table = resources.tabulate_roofline({("cpu", 2): roofline}, size)
        assert read_cells(table) == [
            {
                "device": "cpu",
                "threads": "2",
                "matrix product, GFLOP/s": "123",
                "bandwidth, GB/s": bandwidth,
                "best product by": "jax",
                "best bandwidth by": reader,
            }
        ]


def test_probes_of_a_gpu_fill_its_line():
    on_gpu = probe(
        "jax",
        of={"device": "gpu"},
        product_operations=10**10,
        product_seconds=[0.002, 0.001],
        read_bytes=[LARGE],
        read_seconds=[LARGE / 2e12],
        chain_steps=1000,
        chain_seconds=[0.006, 0.005],
    )
    table = resources.tabulate_roofline(find_rooflines([on_gpu]), LARGE)
    assert table.lines == [["gpu", "2", "10,000", "2,000", "5.00", "jax", "jax"]]


def test_failed_probes_are_listed_once():
    records = [
        probe("jax", 1, status="unavailable", reason="no jax"),
        probe("jax", 2, status="unavailable", reason="no jax"),
        probe("jax", of={"threads": 1}, status="failed"),
        probe("jax", status="interrupted"),
        probe("jax"),
        bare(case(), reason="a trial"),
    ]
    assert resources.list_failed_probes(records) == [
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
    style = {"style": "idiomatic"}
    cpu, gpu = resources.tabulate_memory(summarize(records, HERE))
    assert cpu.title.startswith("Peak memory by phase, workload sgd: cpu, batch size 32, ")
    assert read_cells(cpu) == [
        {"program": "large", "start, MiB": "20.0", "data, MiB": "—", "epochs, MiB": "900", **style},
        {
            "program": "small",
            "start, MiB": "20.0",
            "data, MiB": "100",
            "epochs, MiB": "400",
            **style,
        },
    ]
    assert cpu.numeric == {1, 2, 3}
    assert read_cells(gpu) == [{"program": "other", "start, MiB": "1.00", **style}]


def test_finding_of_memory_compares_what_imports_take():
    records = [
        ok(case(name), phase_rss_bytes={key: n * 2**20 for key, n in peaks.items()})
        for name, peaks in (
            ("small", {"start": 20, "data": 200, "import": 221}),
            ("large", {"start": 20, "import": 922, "data": 1100}),  # as older processes did
            ("mid", {"import": 100}),
        )
    ]
    finding = resources.describe_imports(summarize(records, HERE))
    assert finding.endswith(": small 41.0 MiB, mid 100 MiB, large 922 MiB, measured once.")
    assert resources.describe_imports(summarize(records[:1], HERE)) == ""
