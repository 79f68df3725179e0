"""Tables of start-up: worked out by hand."""

from dataclasses import replace

from support.records import HERE, case, ok, plan_of, read_cells, run, trials, write

from bench.analysis.summary import Accuracy, summarize
from bench.report.load import load_run
from bench.report.sections.costs.startup import (
    describe_epochs,
    describe_first,
    describe_starts,
    tabulate_costs,
    tabulate_totals,
)

DONE_FIRST = (case("soon"), case("late"))


def row(of):
    (summarized,) = summarize([ok(of)], HERE)
    return summarized


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
        ok(case("a"), kind="warm-start", setup_seconds=0.0, reset_seconds=0.0),
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


def test_finding_says_after_how_many_epochs_all_have_the_accuracy():
    never, slow, fast = (
        replace(
            row(case(name)),
            accuracy=Accuracy(
                None, None, [[0.1] * (epoch - 1) + [0.84] * (9 - epoch) for epoch in epochs]
            ),
        )
        for name, epochs in {"never": (3, 9), "slow": (3, 3, 3), "fast": (5, 3, 4)}.items()
    )
    assert describe_epochs([never, slow, fast]) == describe_epochs([fast]) == ""
    assert describe_epochs([slow, fast]) == (
        "All 2 softmax programs reach a validation accuracy of 0.84 after 3 to 5 epochs, over 3 "
        "seeds."
    )


def test_totals_are_sorted_by_five_epochs_in_a_table_for_each_device():
    # A start of 5.26 s, whose import takes 2.
    late = ok(case("late"), epoch=0.1, import_seconds=60.0)
    records = [late, *trials(case("a"), 1.0), *trials(case("a", device="gpu"), 0.1)]
    cpu, gpu = tabulate_totals(summarize(records, {}))
    assert [line[0] for line in cpu.lines] == ["a", "late"]
    assert cpu.headings[1:-1] == (
        "1 epoch, s",
        "5 epochs, s",
        "20 epochs, s",
        "100 epochs, s",
        "1,000 epochs, s",
    )
    assert cpu.lines[0][1:-1] == ["5.26", "9.26", "24.3", "104", "1,000"]
    assert cpu.lines[1][1:-1] == ["63.3", "63.7", "65.2", "73.2", "163"]
    assert len(gpu.lines) == 1


def test_finding_names_who_is_done_first_and_from_when_on(tmp_path):
    def twice(name, start, epoch):
        values = {"import_seconds": start, "setup_seconds": 0.0, "reset_seconds": 0.0}
        return trials(case(name), *[epoch] * 2, first_epoch_seconds=0.0, **values)

    soon, late = twice("soon", 1.0, 4.0), twice("late", 10.0, 2.0)

    def describe(folder, *records):
        return describe_first(load_run(write(folder, run(*DONE_FIRST), *records))).finding

    # 10 + 2 m < 1 + 4 m from m = 5 further epochs on.
    twice_each = describe(tmp_path / "twice", *soon, *late)
    assert twice_each == "Up to 5 epochs soon is done first, from 6 on late."
    once = describe(tmp_path / "once", soon[0], late[0])
    assert once == "Up to 5 epochs soon is done first (uncertain), from 6 on late (uncertain)."
    assert describe(tmp_path / "alone", *soon) == ""
    # A third process of late finds what the others compiled: 2 + 2 m < 1 + 4 m from m = 1 on.
    values = {"setup_seconds": 0.0, "reset_seconds": 0.0, "first_epoch_seconds": 0.0}
    warm = ok(late[0].case, 3, 2.0, import_seconds=2.0, found_cache_bytes=1, **values)
    assert describe(tmp_path / "warm", *soon, *late, warm) == (
        "Up to 5 epochs soon is done first, from 6 on late. With the compile caches of an earlier "
        "process: Up to 1 epochs soon is done first (uncertain), from 2 on late (uncertain)."
    )
