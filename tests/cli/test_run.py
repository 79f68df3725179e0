"""``bench run`` from end to end on small data."""

import csv
import shlex
import subprocess

import pytest
from support.processes import ASSETS

from bench.records import store
from implementations import IMPLEMENTATIONS

CHOSEN = ("numpy", "sklearn-softmax", "honest")
DIGITS = ("run", "--data=digits", "--threads=1", "--no-roofline")
NUMPY = (*DIGITS, "--implementation=numpy")
THREE_EPOCHS = ("--rounds=1", "--epochs=3")


@pytest.fixture(scope="module")
def measured(tmp_path_factory, command):
    """A run of NumPy, scikit-learn and an own file on digits; its folder and the process."""
    pytest.importorskip("sklearn")
    folder = tmp_path_factory.mktemp("measured")
    honest = ASSETS / "saboteurs" / "honest.py"
    ended = command(
        folder,
        *NUMPY,
        *THREE_EPOCHS,
        "--seed=42",
        "--output=out",
        "--implementation=sklearn-softmax",
        f"--implementation={honest}",
        charts=True,
    )
    return folder / "out", ended


@pytest.fixture(scope="module")
def records(measured):
    folder, _ = measured
    return {
        (record.case.workload, record.case.implementation): record
        for record in store.read_records(folder)
    }


def test_every_case_is_measured_recorded_and_reported(measured, records):
    folder, ended = measured
    assert (ended.returncode, ended.stderr) == (0, "")
    assert records.keys() == {(kind, name) for kind in ("sgd", "textbook") for name in CHOSEN}
    statuses = {key: record.status for key, record in records.items()}
    assert statuses.pop(("textbook", "sklearn-softmax")) == "unavailable"
    assert set(statuses.values()) == {"ok"}
    assert "RMSprop" in records["textbook", "sklearn-softmax"].reason
    assert records["sgd", "honest"].case.style == "own"
    report = (folder / "report.md").read_text()
    rows = list(csv.DictReader((folder / "summary.csv").read_text().splitlines()))
    for name in CHOSEN:
        assert name in ended.stdout
        assert name in report
        assert name in {row["implementation"] for row in rows}
    for text in ("1 of 3", "3 of 3", "workload sgd", "workload textbook", "no RMSprop"):
        assert text in ended.stdout
    assert ended.stdout.endswith("out/report.html\n")
    table = ended.stdout.partition("workload sgd")[2].partition("\n\n")[0]
    assert max(map(len, table.splitlines())) <= 100
    lines = ended.stdout.split("\n\n")[-1].splitlines()  # on a busy machine the warning is first
    answers = [line.partition(": ")[0] for line in lines[-5:]]
    assert [one for one in answers if " epochs" in one] == [
        "Five epochs from a cold start",
        "Many epochs",
    ]
    assert "\x1b" not in ended.stdout


def test_run_folder_is_complete(measured, records):
    folder, _ = measured
    names = {path.name for path in folder.iterdir()}
    assert {"run.json", "environments", "trials.jsonl", "params", "report.html"} <= names
    assert len(list(folder.glob("*.svg"))) >= 2
    assert not list(folder.rglob("*.part"))
    kept = {path.stem for path in (folder / "params").iterdir()}
    assert kept == {record.trial for record in records.values() if record.status == "ok"}
    (environment,) = store.read_environments(folder)
    assert {record.environment for record in records.values()} == {environment}
    assert store.read_run(folder).seed == 42


def test_report_written_again_is_the_same(measured, command):
    folder, _ = measured
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    (folder / "report.md").unlink()
    (folder / "summary.csv").unlink()
    ended = command(folder.parent, "report", "out", charts=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_dry_run_lists_cases_and_writes_nothing(bench, tmp_path, saboteur):
    own = saboteur("honest")
    ended = bench(*NUMPY, "--implementation", own, "--output=out", "--dry-run")
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    for workload in ("sgd", "textbook"):
        for name in ("numpy", "honest"):
            line, *_ = [line for line in lines if line.split()[:2] == [workload, name]]
            rounds = {"sgd": ["3", "to", "5"], "textbook": ["3"]}[workload]
            assert line.split()[2:] == ["cpu", "32", "1", "1,440", "5", *rounds]
    assert any(line.startswith("at most 16 trials, estimated time ") for line in lines)
    assert list(tmp_path.iterdir()) == []


def test_run_to_share_checks_itself_and_says_where_it_goes(
    called, tmp_path, monkeypatch, short_trials
):
    numpy = [one for one in IMPLEMENTATIONS if one.name == "numpy"]
    monkeypatch.setattr("bench.planning.plan.IMPLEMENTATIONS", numpy)
    monkeypatch.setattr("bench.report.write.can_draw", lambda: False)
    faults = []  # however busy this machine is
    monkeypatch.setattr("bench.cli.results.refuse_column", lambda *_, **__: faults)
    status, out, _ = called("run", "--preset=share", "--data=digits", "--no-roofline", "--output=o")
    copy = out.partition("ready to share: ")[2].splitlines()[0]
    (published := tmp_path / "results" / "reference").mkdir(parents=True)
    # A second time it is refused: a published run is never written over.
    codes = [subprocess.run(["sh", "-c", copy], check=False).returncode for _ in range(2)]
    assert codes == [0, 1]
    (folder,) = published.iterdir()
    names = {"run.json", "trials.jsonl", "environments", "entropy"}
    assert (status, {path.name for path in folder.iterdir()}) == (0, names)
    faults.append("busy")
    next((tmp_path / "o" / "params").iterdir()).write_bytes(b"")
    status, out, _ = called("run", "--resume", "--output=o")
    reasons = [line for line in out.splitlines() if line.startswith("not to share: ")]
    assert (status, len(reasons), reasons[-1]) == (1, 2, "not to share: busy")


def test_unfinished_run_ends_with_the_command_that_goes_on(called, short_trials, monkeypatch):
    monkeypatch.setenv("NOX_CURRENT_SESSION", "bench")
    monkeypatch.setattr("bench.report.write.can_draw", lambda: False)
    given = ("--data=digits", "--implementation=numpy", "--no-roofline", "--output=a b")
    _, out, _ = called("run", "--budget=1s", *given)
    command = "Go on with: python3 -m nox -s bench -- --resume --output 'a b'"
    for _ in range(9):  # each time one process more
        assert ("Not measured" in out) == (out.splitlines()[-1] == command)
        if "Not measured" not in out:
            break
        _, out, _ = called("run", *shlex.split(command.partition(" -- ")[2]))
    assert "Not measured" not in out


@pytest.mark.full
def test_sweep_probes_the_machine_and_fills_its_section(bench, tmp_path):
    options = ("--quick", "--sweep", "--implementation=numpy", "--output=out")
    ended = bench("run", "--data=digits", *options, charts=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    records = store.read_records(tmp_path / "out")
    assert {record.status for record in records if record.kind == "trial"} == {"ok"}
    assert {record.case.batch_size for record in records} >= {8, 32}
    probes = {record.status for record in records if record.kind == "roofline"}
    assert {"ok"} <= probes <= {"ok", "unavailable"}
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for title in ("The roofline", "Epoch time by batch size", "Peak memory by phase"):
        assert f"<h3>{title}" in page
    assert "- not measured: --batch-size 1920 does not divide 1440 samples; 1440 would" in text
    assert "growth-batch-size.svg" in text
