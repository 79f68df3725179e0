"""Tables of start-up: worked out by hand."""

from support.records import HERE, case, ok, plan_of, read_cells, trials, write

from bench.analysis.summary import summarize
from bench.report.base.load import load_run
from bench.report.sections.costs.startup import (
    describe_starts,
    tabulate_costs,
)


def test_start_is_shown_by_its_parts():
    phases = {"import_seconds": 2.0, "setup_seconds": 0.00025, "reset_seconds": 0.0}
    record = ok(case("jax"), 1, 0.5, **phases, first_epoch_seconds=0.5)
    (table,) = tabulate_costs(summarize([record], HERE))
    assert read_cells(table)[0] == {
        "program": "jax",
        "import, s": "2.00",
        "set-up, µs": "250",
        "reset, s": "0",
        "first epoch, ms": "500",
        "cold start, s": "2.50",
        "first timed epoch, × median": "3.00",
        "style": "idiomatic",
    }
    assert table.numeric == set(range(1, 7))
    assert table.title == (
        "Parts of a start, workload sgd: cpu, batch size 32, 2 threads, 48,000 samples"
    )


def test_warm_start_stands_beside_the_cold_one(tmp_path):
    records = [
        *trials(case("a"), 0.5, 0.5),
        *trials(case("b"), 0.5, 0.5),
        ok(case("a"), 3, setup_seconds=0.0, reset_seconds=0.0, found_cache_bytes=1),
    ]
    section = describe_starts(load_run(write(tmp_path / "run", plan_of(*records), *records)))
    (table,) = section.tables
    place = table.headings.index("warm start, s")
    assert {line[0]: line[place] for line in table.lines} == {"a": "5.00", "b": "—"}
    assert section.finding == "Ready after the first epoch: a 5.3 s, b 5.3 s."


def test_finding_names_the_programs_that_most_readers_know(tmp_path):
    def find(folder, *names):
        records = [ok(case(name), setup_seconds=1.0 + place) for place, name in enumerate(names)]
        finding = describe_starts(load_run(write(folder, plan_of(*records), *records))).finding
        named = finding.removeprefix("Ready after the first epoch: ").partition(", measured")
        assert named[2] == " once."
        return [text.split()[0] for text in named[0].split(", ")]

    assert find(tmp_path / "known", "a", "keras-jax", "b", "jax") == ["keras-jax", "jax"]
    assert find(tmp_path / "own", *"abcdefg") == [*"abcdef"]


def test_warm_starts_have_who_is_done_first_of_their_own(tmp_path):
    def twice(name, start, epoch):
        values = {"import_seconds": start, "setup_seconds": 0.0, "reset_seconds": 0.0}
        return trials(case(name), *[epoch] * 2, first_epoch_seconds=0.0, **values)

    def describe(folder, *records):
        return describe_starts(load_run(write(folder, plan_of(*records), *records))).text

    soon, late = twice("soon", 1.0, 4.0), twice("late", 10.0, 2.0)
    assert describe(tmp_path / "cold", *soon, *late) == ""
    # A third process of late finds what the others compiled: 2 + 2 m < 1 + 4 m from m = 1 on.
    values = {"setup_seconds": 0.0, "reset_seconds": 0.0, "first_epoch_seconds": 0.0}
    warm = ok(late[0].case, 3, 2.0, import_seconds=2.0, found_cache_bytes=1, **values)
    assert describe(tmp_path / "warm", *soon, *late, warm) == (
        "With the compile caches of an earlier process: Up to 1 epochs soon is done first "
        "(uncertain), from 2 on late (uncertain)."
    )
