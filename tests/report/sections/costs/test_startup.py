"""Tables of start-up: worked out by hand."""

import pytest
from support.records import HERE, case, ok, read_cells, trials

from bench.analysis.summary import summarize
from bench.report.sections.costs.startup import describe_starts, tabulate_costs


def test_start_is_shown_by_its_parts():
    phases = {"import_seconds": 2.0, "setup_seconds": 0.00025, "reset_seconds": 0.0}
    record = ok(case("jax"), 1, 0.5, **phases, first_epoch_seconds=0.5)
    (table,) = tabulate_costs(summarize([record], HERE))
    assert read_cells(table) == [
        {
            "program": "jax",
            "import, s": "2.00",
            "set-up, µs": "250",
            "reset, s": "0",
            "first epoch, ms": "500",
            "cold start, s": "2.50",
            "first timed epoch, × median": "3.00",
            "style": "idiomatic",
        }
    ]
    assert table.numeric == set(range(1, 7))
    assert table.title.startswith("Parts of a start, workload sgd: cpu, batch size 32, 2 threads")


def test_warm_start_stands_beside_the_cold_one(load):
    warm = ok(case("a"), 3, setup_seconds=0.0, reset_seconds=0.0, found_cache_bytes=1)
    section = describe_starts(load(*trials(case("a"), 0.5, 0.5), *trials(case("b"), 0.5), warm))
    (table,) = section.tables
    cells = {line["program"]: line["warm start, s"] for line in read_cells(table)}
    assert cells == {"a": "5.00", "b": "—"}
    assert section.finding == "Ready after the first epoch: a 5.3 s, b 5.3 s, measured once."


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (("a", "keras-jax", "b", "jax"), ["keras-jax", "jax"]),  # that most readers know
        ("abcdefg", [*"abcdef"]),
    ],
)
def test_finding_names_a_few_programs(load, names, named):
    records = [ok(case(name), setup_seconds=1.0 + place) for place, name in enumerate(names)]
    programs = describe_starts(load(*records)).finding.partition(": ")[2].split(", ")[:-1]
    assert [text.split()[0] for text in programs] == named


def test_warm_starts_have_who_is_done_first_of_their_own(load):
    rest = {"setup_seconds": 0.0, "reset_seconds": 0.0, "first_epoch_seconds": 0.0}
    soon, late = (
        trials(case(name), epoch, epoch, import_seconds=start, **rest)
        for name, start, epoch in (("soon", 1.0, 4.0), ("late", 10.0, 2.0))
    )
    assert describe_starts(load(*soon, *late)).text == ""
    # A third process of late finds what the others compiled: 2 + 2 m < 1 + 4 m from m = 1 on.
    warm = ok(case("late"), 3, 2.0, import_seconds=2.0, found_cache_bytes=1, **rest)
    assert describe_starts(load(*soon, *late, warm)).text.endswith(
        ": Up to 1 epochs soon is done first (uncertain), from 2 on late (uncertain)."
    )
