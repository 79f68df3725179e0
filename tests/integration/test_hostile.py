"""Whatever a run's files say, all that reads them gives an answer or an error of one line."""

import copy
import json
import random
import shutil
from contextlib import suppress

import msgspec
import pytest
from rich.console import Console
from support.records import bare, case, environment, ok, run, trials

from bench.cli import terminal
from bench.errors import UserError
from bench.records import merge
from bench.regression.stored.load import load_side
from bench.report import index, load
from bench.report import write as files
from bench.report.export.writers import WRITERS

SWEPT = [case(name, batch_size=size) for name in ("a", "b") for size in (8, 64)]
GPU, OTHER = case("a", device="gpu"), case("a", workload="textbook")
PROBE = case("ceiling-numpy", workload="ceiling", batch_size=0, samples=0, epochs=0)
FIGURE = case("figure-keras", workload="figure")
PLAN = run(
    case("a"), case("b"), GPU, OTHER, sweep=tuple(SWEPT), rooflines=(PROBE,), textbook=(FIGURE,)
)
RECORDS = [
    *trials(case("a"), 0.5, 0.6, predict_seconds=[0.1, 0.2]),
    *trials(case("b"), 0.7, 0.6),
    *trials(
        GPU,
        0.1,
        0.2,
        warmup_seconds=[0.1],
        device_conditions={"celsius": 50.0},
        energy_joules=5.0,
        peak_device_bytes=100,
    ),
    ok(OTHER, phase_rss_bytes={"import": 100, "setup": 200}, conditions={"steal_seconds": 0.1}),
    *(ok(each, 1, 0.5 + place / 10) for place, each in enumerate(SWEPT)),
    bare(
        PROBE,
        kind="roofline",
        status="ok",
        product_operations=10**9,
        product_seconds=[0.1],
        read_bytes=[8],
        read_seconds=[0.1],
        chain_steps=10,
        chain_seconds=[0.1],
    ),
    bare(FIGURE, kind="textbook", status="ok", quantities={"accuracy": 0.8}, program_seconds=3.0),
]
DATA = {"name": "fashion-mnist", "sha256": {}, "features": 784, "classes": 10, "test_images": 10000}
# Numbers at the edges of what is allowed and beyond, texts that mean something elsewhere.
VALUES = [
    0,
    1,
    -1,
    2**53,
    2**53 + 1,
    1e-9,
    1e9,
    1e18,
    1e100,
    5e-324,
    0.5,
    "",
    "a\0b",
    "\n|`<script>",
    "é" * 300,
    [],
    [0],
    [1e9, 1e-9],
    [0.5] * 7,
    [[]],
    {},
    {"a": None},
    {"a": 1e18},
    None,
    True,
    "gpu",
    "textbook",
    "nope",
    "roofline",
    "textbook",
    "ok",
    "failed",
    "interrupted",
    "2025",
    ["gpu"],
]


def places(of, place=()):
    """Yield where a value lies in a document, of each of them."""
    known = of.items() if isinstance(of, dict) else enumerate(of) if isinstance(of, list) else ()
    for key, each in known:
        yield (*place, key)
        yield from places(each, (*place, key))


def change(document, chance):
    """Put a value somewhere in a document, or take one away."""
    *way, key = chance.choice(list(places(document)))
    for step in way:
        document = document[step]
    if chance.random() < 0.1:
        del document[key]
    else:
        document[key] = copy.deepcopy(chance.choice(VALUES))


def written(folder, chance):
    """Write a run of format 4, whose lines have no check, one of its documents changed."""
    records = [msgspec.to_builtins(msgspec.structs.replace(each, format=4)) for each in RECORDS]
    here, plan = msgspec.to_builtins(environment(data=DATA)), msgspec.to_builtins(PLAN)
    documents = json.loads(json.dumps([plan, here, *records]))
    kinds = (documents[0], documents[1], chance.choice(documents[2:]))
    change(chance.choices(kinds, (1, 1, 6))[0], chance)
    plan, here, *records = (json.dumps(each) for each in documents)
    (folder / "environments").mkdir(parents=True)
    (folder / "run.json").write_text(plan)
    (folder / "environments" / "here.json").write_text(here)
    (folder / "trials.jsonl").write_text("".join(f"{each}\n" for each in records))
    return folder


def shown(folder):
    found = load.load_run(folder)
    return list(terminal.run_tables(Console(width=200), found.rows, found.textbook))


def merged(folder):
    copy = shutil.copytree(folder, folder.parent / "copy")
    (found,) = merge.merge_runs([folder, copy], folder.parent / "once")
    try:  # what is written is read again, and has the same records
        (again,) = merge.merge_runs([folder.parent / "once", copy], folder.parent / "again")
    except UserError as error:
        raise AssertionError(folder) from error
    return found.repeated == again.repeated == len(again.records)


READERS = [
    lambda folder: files.write_report([load.load_run(folder)]),
    shown,
    load_side,
    lambda folder: load.load_runs([folder]),
    lambda folder: index.read_entries(folder.parent),
    merged,
    *(lambda folder, write=write: write(load.load_whole_run(folder)) for write in WRITERS.values()),
]


@pytest.mark.parametrize("count", [20, pytest.param(2000, marks=pytest.mark.soak)])
@pytest.mark.timeout(3600)
def test_no_value_of_a_record_a_plan_or_an_environment_is_a_traceback(tmp_path, monkeypatch, count):
    monkeypatch.setattr(files, "can_draw", lambda: False)
    for seed in range(count):
        folder = written(tmp_path / f"{seed}" / "run", random.Random(seed))
        for read in READERS:
            with suppress(UserError):
                read(folder)


def test_what_was_not_changed_is_read_by_all(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "can_draw", lambda: False)
    monkeypatch.setitem(globals(), "change", lambda *_: None)
    folder = written(tmp_path / "run", random.Random(0))
    assert all(read(folder) for read in READERS)
    assert list(load.load_whole_run(folder).faults) == []
