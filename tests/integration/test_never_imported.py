"""Nothing but measuring runs anybody's implementation: not to list, to report or to compare."""

import pytest
from support.exports import surroundings
from support.records import case, run, trials, write

EVIL = """
from pathlib import Path

Path("{marker}").write_text("somebody's code has run")
raise SystemExit("and it ended the process")
"""
# Names under which a folder that somebody hands over may hope that its programs are looked for.
BESIDE = ("evil", "conftest", "sitecustomize", "implementations", "numpy", "bench", "altair")


@pytest.fixture
def place(tmp_path):
    """A folder with two runs whose case is of a file that leaves a mark, wherever it is run."""
    text = EVIL.format(marker=tmp_path / "marker")
    for number, name in enumerate(("run", "other"), 1):
        evil = case("evil.py", module="evil", style="own", file="./evil.py", sha256="0" * 64)
        plan = run(evil, case("numpy"), run=f"run {number}")
        records = [*trials(evil, 0.5, 0.25, run=f"run {number}"),
                   *trials(case("numpy"), 0.5, 0.5, run=f"run {number}")]  # fmt: skip
        write(tmp_path / name, plan, *records, **surroundings())
    (tmp_path / "evil.py").write_text(text)
    for name in BESIDE:
        (tmp_path / "run" / f"{name}.py").write_text(text)
    return tmp_path


VERBS = [
    ("list",),
    ("report", "run"),
    ("report", "run", "other", "--output", "both"),
    ("merge", "run", "other", "--output", "merged"),
    ("compare", "run", "other"),
    *(("export", "run", "--format", each) for each in ("pytest-benchmark", "pyperf")),
]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: "-".join(verb[:4]))
def test_what_only_looks_at_records_runs_nobodys_code(place, called, verb):
    code, out, err = called(*verb)
    assert code in {0, 1}, err
    assert out
    assert not (place / "marker").exists()


def test_a_fresh_process_finds_no_program_in_the_folder_of_a_run(place, command):
    for verb in (("list",), ("report", "run"), ("compare", "run", "other")):
        ended = command(place, *verb)
        assert (ended.returncode, (place / "marker").exists()) == (0, False), ended.stderr


def test_the_mark_is_made_by_what_does_run_it(place, called):
    called("check", "evil.py")
    assert (place / "marker").exists()
