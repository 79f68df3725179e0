"""``bench compare`` from its flags to its exit status."""

import pytest
from support.comparisons import comparison, decided, pairs
from support.records import MACHINE, case, run, trials, write

from bench.regression.programs.comparison_plan import Pairing
from bench.regression.stored.calibrations import locate_calibrations

A, B = case("pytorch"), case("numpy", module="idiomatic.softmax_numpy", framework="numpy", extra="")


@pytest.fixture(autouse=True)
def alone(called, monkeypatch):
    """Hide the summary of a GitHub job; ``called`` hides this machine's calibrations."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


@pytest.fixture
def saved(tmp_path):
    """Write a run; epochs: seconds of an epoch, by case."""

    def save(name, *epochs, rounds=5, cases=(A, B), extra=(), **changes):
        records = [
            record
            for measured, epoch in zip(cases, epochs, strict=False)
            for record in trials(measured, *[epoch] * rounds)
        ]
        write(tmp_path / name, run(*cases), *records, *extra, **changes)
        return name

    return save


@pytest.fixture
def compared(called):
    def compare(*arguments):
        status, out, err = called("compare", *arguments)
        assert err == ""
        return status, out

    return compare


def calibrate(machine=MACHINE["id"]):
    """Write a calibration of case A: ten days with two pairs each that hardly differ."""
    folder = locate_calibrations(MACHINE["id"])
    days = (
        pairs([day % 3 / 1000] * 2, A, started=f"2025-01-{day:02}T03:04:05+00:00")
        for day in range(1, 11)
    )
    plan = comparison(pairings=(Pairing(A, A),))
    decided(folder, *days, plan=plan, machine={**MACHINE, "id": machine})


def test_machine_id_of_a_record_leads_to_no_other_folder(saved, compared, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    theirs = {**MACHINE, "id": "../../../theirs"}
    (tmp_path / "data" / "softmax-bench" / "calibrations").mkdir(parents=True)
    (tmp_path / "theirs" / "one" / "0001").mkdir(parents=True)
    for file in ("calibration.json", "0001/decision.json"):
        (tmp_path / "theirs" / "one" / file).write_text("{")
    status, _ = compared(saved("one", 1.0, 1.0, machine=theirs), saved("two", 1.0, machine=theirs))
    assert status != 2


def test_undecided_case_fails_on_request(saved, compared):
    runs = saved("one", 1.0, 1.0), saved("two", 1.1, 1.0)
    status, out = compared(*runs)
    assert status == 0
    assert "2 cases: 2 undecided" in out
    assert "`softmax-bench ab`" in out.splitlines()[-1]
    assert compared(*runs, "--fail-on=undecided")[0] == 1


def test_different_machines_are_compared_only_on_request(saved, compared):
    calibrate()  # says nothing about another machine
    runs = saved("one", 1.0, 1.0), saved("two", 1.05, 1.0, machine={**MACHINE, "id": "another"})
    status, out = compared(*runs)
    assert (status, out.count("\n")) == (4, 1)
    status, out = compared(*runs, "--across-machines")
    assert status == 0
    assert "across machines" in out.splitlines()[0]
    assert "2 undecided" in out


def test_calibrated_machine_judges_small_differences(saved, compared):
    calibrate()
    one, two = saved("one", 1.0, 1.0), saved("two", 1.05, 1.05)
    status, out = compared(one, two)
    assert status == 1
    assert "1 slower, 1 undecided" in out
    status, out = compared(one, saved("three", 1.0, 1.0))
    assert status == 0
    assert "1 undecided, 1 no change" in out
    assert "no change of the minimum epoch" in out
    assert compared(one, two, "--tolerance=10%")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("one", "one", "--format=jsno"), "--format"),
        (("one", "one", "--fail-on=faster"), "--fail-on"),
        (("one", "one", "--tolerance=two"), "--tolerance"),
        (("one", "two"), "two"),
        (("one", "."), "no run"),
        (("one",), "Missing argument"),
    ],
)
def test_impossible_comparison_is_refused_in_one_line(refused, saved, arguments, words):
    saved("one", 1.0, 1.0)
    assert words in refused("compare", *arguments)


def test_calibration_of_another_machine_is_left_out(called, saved):
    calibrate(machine="another")
    runs = saved("one", 1.0, 1.0), saved("two", 1.0, 1.0)
    status, _, err = called("compare", *runs)
    assert (status, err.count("\n"), "another machine" in err) == (0, 1, True)
