"""Files that somebody else wrote are data: looking at them never runs their code.

tests/records/test_readers.py fuzzes the readers.
"""

import re

import pytest
from support.records import case, run, trials, write

from bench.worker.machine import ROOT

MARKS = """
from pathlib import Path
Path("{marker}").write_text("this code has run")
raise SystemExit("and it ended the process")
"""
# Modules that a reader imports, in a folder where it must not look for them.
MODULES = ("evil", "conftest", "sitecustomize", "implementations", "numpy", "bench", "altair")
VERBS = [
    *(("list",), ("report", "run")),
    *(("report", "run", "other", "--output=both"), ("merge", "run", "other", "--output=merged")),
    ("check", "run"),
    *(("export", "run", f"--format={name}") for name in ("pytest-benchmark", "pyperf")),
]


@pytest.fixture
def evil_runs(tmp_path):
    """Two runs of a file that leaves a mark wherever it is run."""
    code = MARKS.format(marker=tmp_path / "marker")
    for name in ("run", "other"):
        evil = case("evil.py", module="evil", style="own", file="./evil.py", sha256="0" * 64)
        records = [*trials(evil, 0.5, 0.25), *trials(case("numpy"), 0.5, 0.5)]
        plan = run(evil, case("numpy"), run=name)
        write(tmp_path / name, plan, *records)
    (tmp_path / "evil.py").write_text(code)
    for name in MODULES:
        (tmp_path / "run" / f"{name}.py").write_text(code)
    return tmp_path


def test_reading_runs_nobodys_code(evil_runs, called, command):
    for arguments in VERBS:
        status, out, err = called(*arguments)
        assert status in {0, 1, 4}, err
        assert out
    for arguments in VERBS[:2]:
        assert command(evil_runs, *arguments).returncode == 0
    assert not (evil_runs / "marker").exists()
    called("check", "evil.py")
    assert (evil_runs / "marker").exists()


def test_suite_neither_unpickles_nor_evaluates():
    forbidden = re.compile(r"\b(?:pickle|marshal|shelve)\.|\beval\(|\bexec\(|allow_pickle=True")
    assert forbidden.search("np.load(path, allow_pickle=True)")
    for path in (ROOT / "bench").rglob("*.py"):
        assert not forbidden.search(path.read_text(encoding="utf-8")), path
