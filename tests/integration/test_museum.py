"""Every exhibit of the museum is read by every verb as its row says.

An exhibit is a folder of tests/assets/museum, whose README.md says where it comes from, or is made
from another exhibit by a few changes.
"""

import json
import re
import shutil
import sys
import zlib
from pathlib import Path

import pytest
from support.processes import ASSETS

import bench
from bench.errors import UserError

MUSEUM = ASSETS / "museum"
# What a terminal or a CI would obey.
COMMAND = re.compile(r"^\s*::|##\[|[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", re.MULTILINE)
VERBS = (
    *(("report", "IT"), ("export", "IT", "--format=pyperf")),
    *(("merge", "IT", "IT", "--output=whole"), ("check", "IT")),
    ("run", "--resume", "--dry-run", "--output=IT"),
)
# Each verb refuses these.
REFUSED = (
    *("ab-format-3", "ab-format-7", "calibration-format-8", "gate-values-without-ratio"),
    *("run-deep-plan", "run-format-1", "run-format-7", "run-huge-seed", "run-link-for-entropy"),
    *("run-newer-format", "run-too-many-trials", "run-without-cases"),
)
# By exhibit: the rows of bench.load, None if it refuses, and the exit status of each verb.
EXHIBITS = dict.fromkeys(REFUSED, (None, "22222")) | {
    "ab": (2, "02222"),
    "gate": (8, "02222"),
    "gate-impossible-alpha": (8, "22222"),
    "gate-instructions": (8, "02222"),
    "gate-instructions-unknown-side": (2, "02222"),
    "gate-iteration": (22, "02222"),
    "gate-killed": (8, "02222"),
    "gate-looks-descending": (8, "22222"),
    "gate-packages": (22, "02222"),
    "gate-unknown-side": (2, "02222"),
    "merged": (None, "02012"),
    "run": (2, "00000"),
    "run-changed-entropy": (1, "00200"),
    "run-changed-environment": (None, "02210"),
    "run-changed-line": (None, "02210"),
    "run-crash-of-later-rounds": (2, "00000"),
    "run-format-8": (3, "00010"),
    "run-in-hostile-folder": (1, "00000"),
    "run-loose-tolerance": (1, "00000"),
    "run-of-one-round": (1, "00000"),
    "run-of-one-trial": (1, "00000"),
    "run-repeated-trial": (None, "02210"),
    "run-texts-of-a-stranger": (1, "00212"),
    "run-torn-line": (1, "00010"),
    "run-trial-outside": (None, "02210"),
    "run-without-environments": (None, "02210"),
    "run-without-parity": (1, "00000"),
    "run-without-plan": (1, "22222"),
    "run-without-records": (None, "02010"),
    "run-zero-times": (None, "02210"),
}
# What browsers, Markdown, spreadsheets, terminals and a CI obey.
HOSTILE = (
    "=1+1 </script><script>alert(1)</script> | `b` [d](javascript:x) \uff1d1 mine.py:100: a:b:c"
    " [bold]x[/] ##[error]x \x1b[2J \u202e \n::error::x"
)
NAMES = {"implementation": f"::error::{HOSTILE}", "framework": f"::error::{HOSTILE}"}
# By exhibit: those that are made from it, each with the changes of its files, by their names. None
# deletes, a path is a link, a function edits the text, and a dict patches the JSON. A dict for
# trials.jsonl has patches by the number of the line; all other lines are deleted.
MUTATIONS = {
    "gate": {
        "gate-impossible-alpha": {"command.json": {"alpha": 0.0}},
        # A kill after the fourth pair.
        "gate-killed": {"looks.json": {"command": [9, 27]}},
        "gate-looks-descending": {"looks.json": {"command": [9, 5, 3]}},
        "gate-unknown-side": {"looks.json": None, "trials.jsonl": {3: {}, 4: {"version": "third"}}},
        "gate-values-without-ratio": {
            "looks.json": None,
            "trials.jsonl": {3: {"values": {"time": 5e-324}}, 4: {"values": {"time": 1e18}}},
        },
    },
    "gate-instructions": {
        "gate-instructions-unknown-side": {"trials.jsonl": {1: {"version": "third"}, 2: {}}},
    },
    "run": {
        "run-of-one-round": {
            "params": None,
            "run.json": {"rounds": {"sgd": 1}, "trace": None},
            "trials.jsonl": {1: {}},
        },
        "run-torn-line": {
            "entropy": None,
            "params": None,
            "trials.jsonl": lambda text: text[:3102],
        },
    },
    "run-of-one-round": {
        "run-changed-entropy": {"2eb1cf49229b.txt": lambda text: "a secret of less than 64 bytes"},
        "run-of-one-trial": {"entropy": None},
    },
    "run-of-one-trial": {
        # Accidents.
        "run-changed-environment": {
            "53f7146da98f.json": lambda text: text.replace('"machine": {', '"machine": [')
        },
        "run-changed-line": {"trials.jsonl": lambda text: text.replace('"ok"', '"OK"')},
        "run-repeated-trial": {"trials.jsonl": lambda text: 2 * text},
        "run-without-cases": {"run.json": {"cases": [], "rounds": {"sgd": None}, "trace": True}},
        "run-without-environments": {"environments": None},
        "run-without-plan": {"run.json": None},
        "run-without-records": {"trials.jsonl": None},
        "run-zero-times": {
            "trials.jsonl": {1: {"predict_seconds": [0.0], "predict_one_seconds": [0.0]}},
        },
        # A later version.
        "run-newer-format": {"run.json": {"format": 99}, "trials.jsonl": {1: {"format": 99}}},
        # A stranger who wants to be ranked.
        "run-loose-tolerance": {"trials.jsonl": {1: {"parity": {"error": 0.9, "tolerance": 1e30}}}},
        "run-without-parity": {"trials.jsonl": {1: {"parity": None}}},
        # A stranger who wants your files, your terminal or your CI.
        "run-in-hostile-folder": {},
        "run-link-for-entropy": {"entropy": Path("../run/entropy")},
        "run-texts-of-a-stranger": {
            "run.json": {
                "run": HOSTILE,
                "command": f"python -m bench {HOSTILE}",
                "cases": lambda cases: [cases[0] | NAMES],
            },
            "53f7146da98f.json": {"machine": {"name": f"::error::{HOSTILE}", "system": HOSTILE}},
            "trials.jsonl": {1: {"run": HOSTILE, "case": NAMES, "reason": HOSTILE}},
        },
        "run-trial-outside": {"trials.jsonl": {1: {"trial": "../../outside"}}},
        # A stranger who wants your memory or your time.
        "run-deep-plan": {"run.json": lambda text: "[" * 600},
        "run-huge-seed": {"run.json": {"seed": 10**400}},
        "run-too-many-trials": {
            "run.json": {
                "cases": lambda cases: [cases[0] | {"batch_size": size} for size in range(1, 12)],
                "rounds": {"sgd": 10000},
            },
        },
    },
}


def make_exhibit(name, folder):
    """Copy an exhibit, or make it from another one."""
    base = next((base for base in MUTATIONS if name in MUTATIONS[base]), None)
    if base is None:
        shutil.copytree(MUSEUM / name, folder)
        return
    make_exhibit(base, folder)
    for file, change in MUTATIONS[base][name].items():
        path = next(folder.rglob(file), folder / file)
        if change is None:
            (shutil.rmtree if path.is_dir() else Path.unlink)(path)
        elif isinstance(change, Path):
            path.symlink_to(change)
        else:
            edit(path, change)


def edit(path, change):
    """Change the text of a file by a function, or its JSON by patches."""
    text = path.read_text(encoding="utf-8")
    if callable(change):
        text = change(text)
    elif path.suffix == ".jsonl":
        lines = text.splitlines(keepends=True)
        text = "".join(patch_line(lines[number - 1], change[number]) for number in change)
    else:
        text = json.dumps(patch(json.loads(text), change), indent=2, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")


def patch_line(line, change):
    """Patch a record and compute its checksum; keep a line without a change as it is."""
    if not change:
        return line
    record = patch(json.loads(line), change | {"check": None})
    text = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
    return f'{text[:-1]},"check":"{zlib.crc32(text.encode()):08x}"}}\n'


def patch(value, change):
    """Apply a merge patch (RFC 7396), in which a function may stand for a new value."""
    if not isinstance(change, dict):
        return change(value) if callable(change) else change
    for key, part in change.items():
        if part is None:
            del value[key]
        else:
            value[key] = patch(value.get(key), part)
    return value


def count_rows(folder):
    try:
        return len(bench.load(folder))
    except UserError:
        return None


@pytest.mark.parametrize(
    "name", sorted({path.name for path in MUSEUM.glob("*/")}.union(EXHIBITS, *MUTATIONS.values()))
)
def test_every_verb_reads_or_refuses_exhibit(name, called, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)  # charts take long
    folder = "::error::a folder" if name == "run-in-hostile-folder" else name
    make_exhibit(name, tmp_path / folder)
    rows, statuses = count_rows(tmp_path / folder), []
    for verb in VERBS:
        status, out, err = called(*(word.replace("IT", folder) for word in verb))
        assert status != 2 or (out, err.count("\n")) == ("", 1), (verb, out, err)
        assert not COMMAND.search(out + err)
        statuses.append(str(status))
    assert (rows, "".join(statuses)) == EXHIBITS[name]


@pytest.mark.parametrize(
    ("name", "metric"),
    [("gate-iteration", "iteration"), ("gate-packages", "last-number")],
)
def test_comparison_by_a_retired_metric_has_its_verdict(called, name, metric):
    status, out, err = called("report", MUSEUM / name)
    assert (status, err) == (0, "")
    assert "1 case: 1 slower. Judged: " + metric in out


def test_index_lists_every_exhibit_with_a_plan(called, tmp_path):
    for name in EXHIBITS:
        make_exhibit(name, tmp_path / "results" / name)
    status, _, err = called("report")
    assert (status, err) == (0, "")
    page = (tmp_path / "results" / "index.html").read_text(encoding="utf-8")
    missing = {name for name in EXHIBITS if name not in page}
    assert missing == {"run-without-plan"}
    for reason in ("is newer than this suite", "run.json: not a Run"):
        assert reason in page
