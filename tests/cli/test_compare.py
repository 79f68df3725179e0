"""``bench compare`` from its flags to its exit status."""

import json
import sys
from pathlib import Path

import pytest
from support.records import MACHINE, bare, case, environment, ok, run, trials, write

from bench.cli import app as command_line
from bench.records import store
from bench.records.schema import FORMAT
from bench.regression.calibration.session import PLAN, CalibrationPlan
from bench.regression.calibration.spread import calibration_folder

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
A, B = case("pytorch"), case("numpy", module="idiomatic.softmax_numpy", framework="numpy", extra="")


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """Keep the machine's own calibrations and GitHub's files out, and messages on one line."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def saved(tmp_path):
    """Write a run in which the cases have these epochs, in so many rounds."""

    def save(name, *epochs, rounds=5, cases=(A, B), extra=(), **changes):
        records = [
            one
            for of, epoch in zip(cases, epochs, strict=False)
            for one in trials(of, *[epoch] * rounds)
        ]
        write(tmp_path / name, run(*cases), *records, *extra, **changes)
        return name

    return save


@pytest.fixture
def compared(monkeypatch, capsys):
    """Run the verb; return its exit status and what it printed."""

    def compare(*arguments):
        monkeypatch.setattr(sys, "argv", ["bench", "compare", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        out, err = capsys.readouterr()
        assert err == ""
        return ended.value.code, out

    return compare


def calibrate(folder, of=A, machine=MACHINE["id"]):
    """Write a session of calibrating whose runs hardly differ: ten blocks of two pairs."""
    plan = CalibrationPlan(FORMAT, "s", "bench calibrate", "2025", 1, (of,), (), 60, 60, 2)
    store.create_run(folder / "session", plan, PLAN)
    store.add_environment(folder / "session", environment(machine={**MACHINE, "id": machine}))
    for number in range(1, 21):
        for at, version in enumerate(("base", "candidate")):
            epoch = 1 + ((number + at) % 3) / 1000
            of_pair = {"version": version, "trial": f"p{number}-{version}", "run": plan.run}
            store.append_record(folder / "session", ok(of, number, epoch, **of_pair))


# ----- the exit status


def test_what_is_undecided_passes_and_says_how_to_decide_it(saved, compared):
    status, out = compared(saved("one", 1.0, 1.0), saved("two", 1.1, 1.0))
    assert status == 0
    assert "2 cases: 2 undecided" in out
    assert "`bench ab`" in out.splitlines()[-1]


def test_undecided_fails_on_request(saved, compared):
    runs = saved("one", 1.0, 1.0), saved("two", 1.1, 1.0)
    assert compared(*runs, "--fail-on=undecided")[0] == 1


def test_slower_fails_without_being_asked_to(saved, compared):
    runs = saved("one", 1.0, 1.0), saved("two", 1.0, 1.3)
    for flags in ([], ["--fail-on=slower"], ["--fail-on=undecided"]):
        assert compared(*runs, *flags)[0] == 1
    assert compared(*runs[::-1])[0] == 0


def test_a_failed_trial_is_three_and_a_missing_case_is_four(saved, compared):
    one = saved("one", 1.0, 1.0)
    broken = saved("two", 1.0, 1.0, extra=[bare(B, 6, reason="it broke")])
    status, out = compared(one, broken)
    assert status == 3
    assert f"{B.slug}: candidate: failed: it broke (1 of 6)" in out
    less = saved("three", 1.0, cases=(A,))
    for runs, words in (((one, less), "candidate"), ((less, one), "baseline")):
        status, out = compared(*runs)
        assert status == 4
        assert f"1 missing in {words}" in out
    assert compared(broken, less)[0] == 3
    assert compared(one, saved("four", 1.3, cases=(A,)))[0] == 1


def test_runs_without_a_common_case_are_four(saved, compared):
    status, out = compared(saved("one", 1.0, cases=(A,)), saved("two", 1.0, cases=(B,)))
    assert status == 4
    assert "1 missing in baseline, 1 missing in candidate" in out


def test_what_differs_in_software_is_said(saved, compared):
    software = {"python": "3.11.9", "distributions": {"torch": "2.10.0"}}
    runs = saved("one", 1.0, cases=(A,)), saved("two", 1.0, cases=(A,), software=software)
    out = compared(*runs)[1]
    assert "torch 2.9.1 → 2.10.0" in out


# ----- machines


def test_runs_of_different_machines_are_compared_only_on_request(saved, compared):
    runs = saved("one", 1.0, 1.0), saved("two", 1.0, 1.0, machine={**MACHINE, "id": "another"})
    status, out = compared(*runs)
    assert status == 4
    assert out.count("\n") == 1
    assert "different machines" in out
    status, out = compared(*runs, "--across-machines")
    assert status == 0
    assert "across machines" in out.splitlines()[0]


# ----- calibrations


def test_a_calibration_of_the_machine_judges_by_itself(saved, compared, tmp_path):
    calibrate(calibration_folder(MACHINE["id"]))
    one = saved("one", 1.0, 1.0)
    status, out = compared(one, saved("two", 1.05, 1.05))
    assert status == 1
    assert "1 slower, 1 undecided" in out
    status, out = compared(one, saved("three", 1.0, 1.0))
    assert status == 0
    assert "1 undecided, 1 no change" in out
    assert compared(one, saved("four", 1.05, 1.05), "--tolerance=10%")[0] == 0


def test_across_machines_the_calibration_of_neither_counts(saved, compared):
    calibrate(calibration_folder(MACHINE["id"]))
    other = saved("two", 1.05, 1.0, machine={**MACHINE, "id": "another"})
    status, out = compared(saved("one", 1.0, 1.0), other, "--across-machines")
    assert status == 0
    assert "2 undecided" in out


# ----- formats


def test_json_is_nothing_but_json_and_has_the_status(saved, compared):
    status, out = compared(saved("one", 1.0, 1.0), saved("two", 1.3, 1.0), "--format=json")
    found = json.loads(out)
    assert (status, found["status"]) == (1, 1)
    assert [each["verdict"] for each in found["cases"]] == ["undecided", "slower"]
    other = saved("three", 1.0, machine={**MACHINE, "id": "another"})
    status, out = compared("one", other, "--format=json")
    found = json.loads(out)
    assert (status, found["status"], found["cases"]) == (4, 4, [])
    assert "different machines" in found["refusal"]


def test_markdown_is_the_table_and_its_status(saved, compared):
    status, out = compared(saved("one", 1.0, 1.0), saved("two", 1.3, 1.0), "--format=markdown")
    assert status == 1
    assert out.startswith("## two compared with one\n\n| case | verdict |")
    assert f"| {A.slug} | slower | 500 ms | 650 ms | +30.0 % | 5 / 5 processes |" in out
    assert out.endswith("\n")


def test_github_has_annotations_and_the_summary_of_the_job(saved, compared, monkeypatch, tmp_path):
    summary = tmp_path / "summary.md"
    summary.write_text("earlier\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    status, out = compared(saved("one", 1.0, 1.0), saved("two", 1.3, 1.0), "--format=github")
    assert status == 1
    first, second, third, *rest = out.splitlines()
    assert first.startswith(f"::error title=bench compare%3A {A.slug}%3A slower::epoch +30.0 %25; ")
    assert second.startswith(f"::warning title=bench compare%3A {B.slug}%3A undecided::")
    assert third == "## two compared with one"
    assert not [line for line in rest if line.startswith("::")]
    written = summary.read_text(encoding="utf-8")
    assert written.startswith("earlier\n## two compared with one\n\n| case |")


def test_without_github_nothing_is_written(saved, compared, tmp_path):
    runs = saved("one", 1.0, 1.0), saved("two", 1.0, 1.0)
    before = sorted(tmp_path.rglob("*"))
    assert compared(*runs, "--format=github")[0] == 0
    assert sorted(tmp_path.rglob("*")) == before


# ----- refusals


@pytest.mark.parametrize("flag", ["--format=jsno", "--fail-on=faster", "--tolerance=two"])
def test_a_wrong_flag_is_refused_in_one_line(refused, saved, flag):
    runs = saved("one", 1.0, 1.0), saved("two", 1.0, 1.0)
    assert flag.partition("=")[0] in refused("compare", *runs, flag)


def test_what_is_no_run_is_refused(refused, saved):
    one = saved("one", 1.0, 1.0)
    assert "two" in refused("compare", one, "two")
    assert "is not a run" in refused("compare", one, ".")
    assert "Missing argument" in refused("compare", one)


def test_the_calibration_of_another_machine_is_refused(refused, saved, tmp_path):
    calibrate(calibration_folder(MACHINE["id"]), machine="another")
    runs = saved("one", 1.0, 1.0), saved("two", 1.0, 1.0)
    line = refused("compare", *runs)
    assert "was calibrated on another machine" in line


def test_in_a_fresh_process_published_runs_are_compared(bench, tmp_path):
    runs = [REFERENCE / f"amd-epyc-2-cores-{name}" for name in ("first", "second")]
    ended = bench("compare", *runs, "--format=json")
    found = json.loads(ended.stdout)
    # One process a side says it is slower.
    assert (ended.returncode, ended.stderr, found["status"]) == (1, "", 1)
    assert len(found["cases"]) == 26
    assert found["same_machine"] is True
    other = bench("compare", runs[0], REFERENCE / "intel-xeon-2-cores")
    assert (other.returncode, other.stdout.count("\n")) == (4, 1)
