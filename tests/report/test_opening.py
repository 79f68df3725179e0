"""The opening of a page: no claim is stronger than the data, and less data give less of it."""

import hashlib

import pandas as pd
import pytest
from msgspec.structs import replace
from support.records import bare, case, ok, trials

from bench.cli.results import print_report
from bench.records import store
from bench.records.schema import Parity
from bench.report.base.load import load_run
from bench.report.opening import make_opening


def near(seconds):
    return [seconds * factor for factor in (1.0, 1.01, 0.99, 1.02, 0.98, 1.0)]


EARLY = trials(case("early"), *near(1.0))
LATE = trials(case("late", framework="jax"), *near(0.1), import_seconds=9.0)


@pytest.fixture
def open_run(load):
    """Return the opening of a run of these records."""
    return lambda *records: make_opening(load(*records, rounds={"sgd": 6}))


def list_orders(opening):
    """Return the names of each standing, by its key."""
    return {of.key: [name for name, *_ in of.lines] for of in opening.standings}


def test_opening_names_who_is_first_and_when_another_is(load):
    loaded = load(*EARLY, *LATE, rounds={"sgd": 6})
    opening = make_opening(loaded)
    assert opening.title == "One softmax classifier, 2 frameworks: which one should train it?"
    assert opening.facts == [
        "2-core Test CPU, 8 GiB",
        "2 Jan 2025",
        "2 programs, 6 fresh processes each",
    ]
    assert opening.details == [
        "Fashion-MNIST",
        "in brackets: 95 % intervals",
        "softmax-bench abcdef",
    ]
    assert [answer.replace("\u00a0", " ") for answer in opening.answers] == [
        "Five epochs from a cold start: early, 9.26 s [9.18, 9.34]; late takes 1.4 times as long.",
        "Many epochs: late, 100 ms [98.0, 102]; early takes 10 times as long.",
        "An epoch in PyTorch: 1.0 s in early.",
    ]
    # The start takes 7 s longer, and each further epoch is 0.9 s shorter: 7 < 0.9 (n - 1) from 9.
    assert opening.picture.title == ("Up to 8 epochs early is done first, from 9 [9, 9] on late")
    orders = list_orders(opening)
    assert (orders["7"], orders["10"]) == (["early", "late"], ["late", "early"])
    assert orders["steady"] == ["late", "early"]
    (five,) = (standing for standing in opening.standings if standing.key == "5")
    assert (five.heading, five.leaders) == ("time, s", 1)
    assert five.sentence.replace("\u00a0", " ") == (
        "From a cold start until 5 epochs are trained: early, 9.26 s [9.18, 9.34]; "
        "late takes 1.4 times as long."
    )
    (memory,) = (standing for standing in opening.standings if standing.key == "memory")
    assert memory.sentence == "Peak memory: late, 512\u00a0MiB, measured once."
    assert five.lines[0][1:3] == ("9.26 [9.18, 9.34]", "1")
    records = (loaded.folder / "trials.jsonl").read_bytes()
    assert opening.hashes["trials.jsonl"] == hashlib.sha256(records).hexdigest()
    assert str(loaded.folder.parent) not in repr((opening.facts, opening.command, opening.hashes))


def test_order_from_a_warm_start_stands_beside_the_cold_one(open_run):
    warm = [replace(record, import_seconds=0.0, found_cache_bytes=1) for record in LATE[4:]]
    orders = list_orders(open_run(*EARLY, *LATE[:4], *warm))
    assert (orders["5"], orders["5 warm"]) == (["early", "late"], ["late", "early"])
    assert not any(key.endswith("warm") for key in list_orders(open_run(*EARLY, *LATE)))


def test_order_of_another_batch_size_and_of_many_models_stands_beside_the_first(open_run):
    times = {"a": 0.5, "b": 1.5, "early": 2, "late": 3}
    large = [
        record
        for name, time in times.items()
        for record in trials(case(name, batch_size=128), time)
    ]
    opening = open_run(*EARLY, *LATE, *large)
    assert opening.batches == [32, 128]
    orders = list_orders(opening)
    assert orders["1000 b128"] == ["early", "late"]
    # A process that has begun only resets: 0.1 s and 5 epochs.
    (each,) = (standing for standing in opening.standings if standing.key == "5 each")
    assert orders["5 each"] == ["late", "early"]
    assert each.lines[1][1].startswith(f"{EARLY[0].reset_seconds + 5:.2f} [")


def test_programs_that_cannot_be_told_apart_share_the_headline(open_run):
    opening = open_run(*trials(case("a"), *near(0.5)), *trials(case("b"), *reversed(near(0.5))))
    assert all(": a or b, " in answer for answer in opening.answers[:2])
    assert {standing.leaders for standing in opening.standings} == {0}


def test_busy_machine_and_missing_rows_stand_above_the_finding(load, capsys):
    busy = {"conditions": {"seconds": 10.0, "others_seconds": 17.2}}
    planned = (case("a"), case("b"), case("c"), case("c", batch_size=8))
    absent = bare(case("b"), status="unavailable")
    loaded = load(*trials(case("a"), 0.5, **busy), absent, cases=planned)
    warning = (
        "Other processes took 86.0 % of the cores: these times are too long. Measure again when "
        "the machine is idle."
    )
    missing = "Workload sgd: 2 of 3 programs measured, so none is ranked."
    rest = "Not measured: first processes and second processes, about 1 min more with --resume."
    opening = make_opening(loaded)
    assert (opening.warning, opening.remarks, opening.missing) == (warning, [missing], rest)
    assert opening.answers == []
    print_report(loaded.folder)
    for text in (capsys.readouterr().out, (loaded.folder / "report.md").read_text()):
        assert all(line in text.replace("*", "") for line in (warning, missing, rest))
        assert "fastest" not in text.partition("## ")[0]
    table = pd.read_csv(loaded.folder / "summary.csv")
    assert table["times_fastest"].isna().all()
    # With the last row the workload is complete.
    store.append_record(loaded.folder, replace(ok(case("c"), epoch=0.7), run=loaded.plan.run))
    assert len(make_opening(load_run(loaded.folder)).answers) == 3


@pytest.mark.parametrize(
    ("parity", "words"),
    [
        (Parity(0.9, 1e30, passed=True), "2 of 2 softmax programs end with other weights"),
        (None, "2 of 2 softmax programs were not judged"),
    ],
)
def test_suite_judges_whatever_tolerance_a_record_states(open_run, parity, words):
    a, b = (trials(case(name), 0.5, 0.5, parity=parity) for name in "ab")
    opening = open_run(*a, *b)
    assert (opening.remarks[0].startswith(words), opening.answers) == (True, [])


def test_single_program_is_first_of_none(open_run):
    opening = open_run(*EARLY)
    assert "1 program, 6 fresh processes each" in opening.facts
    assert opening.picture.title == "Seconds from a cold start"
    without_start = open_run(*trials(case("a"), 0.5, setup_seconds=None))
    assert (without_start.picture, without_start.standings) == (None, [])
    assert len(without_start.answers) == 2
