"""Files that somebody else wrote: readers answer or raise UserError, and never run their code."""

import copy
import json
import random
import re
import shutil
from contextlib import suppress

import msgspec
import pytest
from rich.console import Console
from support.exports import surroundings
from support.records import bare, case, environment, ok, run, trials, write

from bench.cli import terminal
from bench.errors import UserError
from bench.records import files, merge
from bench.regression.stored.sides import load_side
from bench.report import index, load
from bench.report import write as report
from bench.report.export import pyperf, pytest_benchmark
from bench.worker.machine import ROOT

SWEEP = [case(name, batch_size=size) for name in ("a", "b") for size in (8, 64)]
GPU, TEXTBOOK = case("a", device="gpu"), case("a", workload="textbook")
PROBE = case("ceiling-numpy", workload="ceiling", batch_size=0, samples=0, epochs=0)
FIGURE = case("figure-keras", workload="figure")
PLAN = run(
    case("a"), case("b"), GPU, TEXTBOOK, sweep=tuple(SWEEP), rooflines=(PROBE,), textbook=(FIGURE,)
)
ON_GPU = {
    "warmup_seconds": [0.1],
    "device_conditions": {"celsius": 50.0},
    "energy_joules": 5.0,
    "peak_device_bytes": 100,
}
PROBED = {
    "product_operations": 10**9,
    "product_seconds": [0.1],
    "read_bytes": [8],
    "read_seconds": [0.1],
    "chain_steps": 10,
    "chain_seconds": [0.1],
}
PHASES = {"import": 100, "setup": 200}
RECORDS = [
    *trials(case("a"), 0.5, 0.6, predict_seconds=[0.1, 0.2]),
    *trials(case("b"), 0.7, 0.6),
    *trials(GPU, 0.1, 0.2, **ON_GPU),
    ok(TEXTBOOK, phase_rss_bytes=PHASES, conditions={"steal_seconds": 0.1}),
    *(ok(size, 1, 0.5 + number / 10) for number, size in enumerate(SWEEP)),
    bare(PROBE, kind="roofline", status="ok", **PROBED),
    bare(FIGURE, kind="textbook", status="ok", quantities={"accuracy": 0.8}, program_seconds=3.0),
]
DATA = {"name": "fashion-mnist", "sha256": {}, "features": 784, "classes": 10, "test_images": 10000}
# Numbers at the edges of what is allowed and beyond, words that have a meaning elsewhere.
NUMBERS = [0, 1, -1, 2**53, 2**53 + 1, 1e-9, 1e9, 1e18, 1e100, 5e-324, 0.5, True, None]
WORDS = ["gpu", "textbook", "nope", "roofline", "ok", "failed", "interrupted", "2025"]
TEXTS = ["", "a\0b", "\n|`<script>", "é" * 300, *WORDS]
LISTS = [[], [0], [1e9, 1e-9], [0.5] * 7, [[]], ["gpu"], {}, {"a": None}, {"a": 1e18}]
VALUES = [*NUMBERS, *TEXTS, *LISTS]


def paths(document, path=()):
    """Yield the path of each value of a document."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from paths(value, (*path, key))


def change(document, chance):
    """Replace a value somewhere in a document, or delete it."""
    *parents, key = chance.choice(list(paths(document)))
    for parent in parents:
        document = document[parent]
    if chance.random() < 0.1:
        del document[key]
    else:
        document[key] = copy.deepcopy(chance.choice(VALUES))


def write_changed(folder, chance=None):
    """Write a run of format 4, whose lines have no checksum, and change one of its documents."""
    records = [msgspec.structs.replace(record, format=4) for record in RECORDS]
    everything = [PLAN, environment(data=DATA), *records]
    documents = json.loads(json.dumps(msgspec.to_builtins(everything)))
    if chance is not None:
        choices = (documents[0], documents[1], chance.choice(documents[2:]))
        change(chance.choices(choices, (1, 1, 6))[0], chance)
    plan, here, *lines = map(json.dumps, documents)
    (folder / "environments").mkdir(parents=True)
    (folder / "run.json").write_text(plan)
    (folder / "environments" / "here.json").write_text(here)
    (folder / "trials.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return folder


def print_tables(folder):
    loaded = load.load_run(folder)
    return list(terminal.run_tables(Console(width=200), loaded.rows, loaded.textbook))


def merge_twice(folder):
    duplicate = shutil.copytree(folder, folder.parent / "copy")
    (once,) = merge.merge_runs([folder, duplicate], folder.parent / "once")
    try:  # what merge wrote is read again, and has the same records
        (again,) = merge.merge_runs([folder.parent / "once", duplicate], folder.parent / "again")
    except UserError as error:
        raise AssertionError(folder) from error
    return once.repeated == again.repeated == len(again.records)


READERS = [
    lambda folder: report.write_report([load.load_run(folder)]),
    print_tables,
    load_side,
    lambda folder: load.load_runs([folder]),
    lambda folder: index.read_entries(folder.parent),
    merge_twice,
    *(
        lambda folder, export=export: export(load.load_whole_run(folder))
        for export in (pyperf.export_run, pytest_benchmark.export_run)
    ),
]


@pytest.mark.parametrize("count", [20, pytest.param(2000, marks=pytest.mark.soak)])
@pytest.mark.timeout(3600)
def test_changed_value_is_read_or_refused_without_a_traceback(tmp_path, monkeypatch, count):
    monkeypatch.setattr(report, "can_draw", lambda: False)
    unchanged = write_changed(tmp_path / "unchanged" / "run")
    assert all(read(unchanged) for read in READERS)
    for seed in range(count):
        folder = write_changed(tmp_path / f"{seed}" / "run", random.Random(seed))
        for read in READERS:
            with suppress(UserError):
                read(folder)


MARKS = """
from pathlib import Path
Path("{marker}").write_text("this code has run")
raise SystemExit("and it ended the process")
"""
# Modules that a reader imports, in a folder where it must not look for them.
MODULES = ("evil", "conftest", "sitecustomize", "implementations", "numpy", "bench", "altair")
VERBS = [
    ("list",),
    ("report", "run"),
    ("report", "run", "other", "--output=both"),
    ("merge", "run", "other", "--output=merged"),
    ("compare", "run", "other"),
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
        write(tmp_path / name, plan, *records, **surroundings())
    (tmp_path / "evil.py").write_text(code)
    for name in MODULES:
        (tmp_path / "run" / f"{name}.py").write_text(code)
    return tmp_path


def test_reading_runs_nobodys_code(evil_runs, called, command):
    for arguments in VERBS:
        status, out, err = called(*arguments)
        assert status in {0, 1}, err
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


def test_security_policy_states_the_size_limit():
    policy = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert f"at most {files.MAX_BYTES // 2**20} MiB" in policy
