"""The opening of a page: no claim is stronger than the data, and less data give less of it."""

import hashlib

import pandas as pd
import pytest
from msgspec.structs import replace
from support.records import bare, case, ok, plan_of, run, trials, write

from bench.cli.results import print_report
from bench.records import store
from bench.records.schema import Parity
from bench.report.base.load import load_run
from bench.report.opening import make_opening

SLOW_START = {"import_seconds": 9.0}


def open_run(folder, *groups, **changes):
    """Return the opening of a run of these records, and the run."""
    records = [record for group in groups for record in group]
    planned = plan_of(*records, rounds={"sgd": 6}, **changes)
    loaded = load_run(write(folder / "run", planned, *records))
    return make_opening(loaded), loaded


def near(seconds):
    return [seconds * factor for factor in (1.0, 1.01, 0.99, 1.02, 0.98, 1.0)]


def test_opening_names_who_is_first_and_when_another_is(tmp_path):
    opening, loaded = open_run(
        tmp_path,
        trials(case("early"), *near(1.0)),
        trials(case("late", framework="jax"), *near(0.1), **SLOW_START),
    )
    assert opening.title == "One softmax classifier, 2 frameworks: which one should train it?"
    assert opening.facts == [
        "2-core Test CPU, 8 GiB",
        "2 Jan 2025",
        "Fashion-MNIST",
        "2 programs, 6 fresh processes each",
        "in brackets: 95 % intervals",
        "softmax-bench abcdef",
    ]
    assert opening.agreement.startswith("All 2 softmax programs end with the weights")
    assert [one.replace("\u00a0", " ") for one in opening.answers] == [
        "Five epochs from a cold start: early, 9.26 s [9.18, 9.34]; late takes 1.4 times as long.",
        "Many epochs: late, 100 ms [98.0, 102]; early takes 10 times as long.",
        "PyTorch: 1.0 s in early.",
    ]
    # The start takes 7 s longer, and each further epoch is 0.9 s shorter: 7 < 0.9 (n - 1) from 9.
    assert opening.picture.title == ("Up to 8 epochs early is done first, from 9 [9, 9] on late")
    orders = {one.key: [line[0] for line in one.lines] for one in opening.standings}
    assert orders["7"] == ["early", "late"]
    assert orders["10"] == ["late", "early"]
    five = next(one for one in opening.standings if one.key == "5")
    assert (five.heading, five.leaders) == ("time, s", 1)
    assert five.lines[0][1].startswith("9.26 [")
    assert five.lines[0][2] == "1"
    assert orders["steady"] == ["late", "early"]
    records = (loaded.folder / "trials.jsonl").read_bytes()
    assert opening.hashes["trials.jsonl"] == hashlib.sha256(records).hexdigest()
    assert str(tmp_path) not in repr((opening.facts, opening.command, opening.hashes))


def test_order_from_a_warm_start_stands_beside_the_cold_one(tmp_path):
    early, late = trials(case("early"), *near(1.0)), trials(case("late"), *near(0.1), **SLOW_START)
    warm = [replace(one, import_seconds=0.0, found_cache_bytes=1) for one in late[4:]]
    opening, _ = open_run(tmp_path, early, late[:4], warm)
    orders = {one.key: [line[0] for line in one.lines] for one in opening.standings}
    assert (orders["5"], orders["5 warm"]) == (["early", "late"], ["late", "early"])
    cold, _ = open_run(tmp_path / "cold", early, late)
    assert not any(one.key.endswith("warm") for one in cold.standings)


def test_order_of_another_batch_size_and_of_many_models_stands_beside_the_first(tmp_path):
    early, late = trials(case("early"), *near(1.0)), trials(case("late"), *near(0.1), **SLOW_START)
    large = [trials(case(name, batch_size=128), 0.5 + late) for late, name in enumerate("ab")]
    of_rows = [
        trials(case(name, batch_size=128), time) for name, time in (("early", 2), ("late", 3))
    ]
    opening, _ = open_run(tmp_path, early, late, *of_rows, *large)
    assert opening.batches == [32, 128]
    lines = {one.key: [line[:2] for line in one.lines] for one in opening.standings}
    assert [name for name, _ in lines["1000 b128"]] == ["early", "late"]
    # A process that has begun only resets: 0.1 s and 5 epochs.
    assert [name for name, _ in lines["5 each"]] == ["late", "early"]
    reset = early[0].reset_seconds
    assert lines["5 each"][1][1].startswith(f"{reset + 5:.2f} [")


def test_programs_that_cannot_be_told_apart_share_the_headline(tmp_path):
    opening, _ = open_run(
        tmp_path,
        trials(case("a"), *near(0.5)),
        trials(case("b"), *reversed(near(0.5))),
    )
    assert all(": a or b, " in one for one in opening.answers[:2])
    assert {one.leaders for one in opening.standings} == {0}


def test_busy_machine_and_missing_rows_stand_above_the_finding(tmp_path, capsys):
    busy = {"conditions": {"seconds": 10.0, "others_seconds": 17.2}}
    tried = [*trials(case("a"), 0.5, **busy), bare(case("b"), status="unavailable")]
    planned = run(case("a"), case("b"), case("c"), case("c", batch_size=8))
    loaded = load_run(write(tmp_path / "run", planned, *tried))
    busy_line = "Other processes took 86.0 % of the cores: these times are too long. Measure again "
    missing = "Workload sgd: 2 of 3 programs measured, so none is ranked."
    rest = "Not measured: first processes and second processes, about 1 min. Go on with --resume."
    warning = f"{busy_line}when the machine is idle."
    opening = make_opening(loaded)
    assert (opening.warning, opening.remarks) == (warning, [missing, rest])
    assert opening.answers == []
    print_report(loaded.folder)
    for text in (capsys.readouterr().out, (loaded.folder / "report.md").read_text()):
        assert all(line in text.replace("*", "") for line in (warning, missing, rest))
        assert "fastest" not in text.partition("## ")[0]
    table = pd.read_csv(loaded.folder / "summary.csv")
    assert table["times_fastest"].isna().all()
    # With the last row the workload is complete.
    store.append_record(loaded.folder, replace(ok(case("c"), epoch=0.7), run=planned.run))
    assert len(make_opening(load_run(loaded.folder)).answers) == 3


@pytest.mark.parametrize(
    ("parity", "words"),
    [
        (Parity(0.9, 1e30, passed=True), "2 of 2 softmax programs end with other weights"),
        (None, "2 of 2 softmax programs were not judged"),
    ],
)
def test_suite_judges_whatever_tolerance_a_record_states(tmp_path, parity, words):
    groups = (trials(case(name), 0.5, 0.5, parity=parity) for name in "ab")
    opening, _ = open_run(tmp_path, *groups)
    assert (opening.agreement.startswith(words), opening.answers) == (True, [])


def test_run_without_starts_has_no_chart_of_them(tmp_path):
    opening, _ = open_run(tmp_path, trials(case("a"), 0.5, setup_seconds=None))
    assert (opening.picture, opening.standings) == (None, [])
    assert len(opening.answers) == 2


def test_single_program_is_first_of_none(tmp_path):
    opening, _ = open_run(tmp_path, trials(case("alone"), *near(1.0)))
    assert "1 program, 6 fresh processes each" in opening.facts
    assert opening.picture.title == "Seconds from a cold start"
