"""Every folder of the museum is read by every verb as its row says.

tests/assets/museum/README.md says where each folder comes from.
"""

import re
import shutil
import sys

import pytest
from support.processes import ASSETS

import bench
from bench.errors import UserError

MUSEUM = ASSETS / "museum"
# What a terminal or a CI would obey.
COMMAND = re.compile(r"^\s*::|##\[|[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", re.MULTILINE)
VERBS = (
    *(("report", "IT"), ("compare", "IT", "IT"), ("export", "IT", "--format=pyperf")),
    *(("merge", "IT", "IT", "--output=whole"), ("check", "IT")),
    ("run", "--resume", "--dry-run", "--output=IT"),
    ("calibrate", "--show", "--calibrations=IT"),
)
# By folder: the rows of bench.load, None if it refuses, and the exit status of each verb.
EXHIBITS = {
    "ab": (2, "0222220"),
    "ab-format-3": (None, "2222220"),
    "ab-format-7": (2, "0222220"),
    "calibration": (None, "2222220"),
    "calibration-changed-line": (None, "2222220"),
    "calibration-format-3": (None, "2222220"),
    "calibration-format-6": (None, "2222220"),
    "calibration-format-7": (None, "2222220"),
    "calibration-format-8": (None, "2222220"),
    "calibration-impossible-alpha": (None, "2222220"),
    "calibration-looks-descending": (None, "2222220"),
    "calibration-processors-are-a-text": (None, "2222220"),
    "calibration-too-many-looks": (None, "2222220"),
    "calibration-without-decision": (None, "2222220"),
    "gate": (8, "0222220"),
    "gate-impossible-alpha": (8, "2222220"),
    "gate-instructions": (8, "0222220"),
    "gate-killed": (8, "0222220"),
    "gate-looks-descending": (8, "2222220"),
    "gate-unknown-side": (2, "0222220"),
    "gate-values-without-ratio": (None, "2222220"),
    "merged": (None, "0220120"),
    "run": (2, "0000000"),
    "run-changed-entropy": (1, "0002000"),
    "run-changed-environment": (None, "0222100"),
    "run-changed-line": (None, "0222100"),
    "run-crash-of-later-rounds": (2, "0000000"),
    "run-deep-plan": (None, "2222220"),
    "run-format-1": (None, "2222220"),
    "run-format-2": (None, "2222220"),
    "run-format-6": (2, "0000020"),
    "run-format-7": (3, "0000000"),
    "run-format-7-first": (2, "0000000"),
    "run-format-8": (3, "0000100"),
    "run-huge-seed": (None, "2222220"),
    "run-in-hostile-folder": (1, "0000000"),
    "run-link-for-entropy": (None, "2222220"),
    "run-loose-tolerance": (1, "0100000"),
    "run-newer-format": (None, "2222220"),
    "run-repeated-trial": (None, "0222100"),
    "run-texts-of-a-stranger": (1, "0002120"),
    "run-too-many-trials": (None, "2222220"),
    "run-torn-line": (1, "0000100"),
    "run-trial-outside": (None, "0222100"),
    "run-without-cases": (None, "2222220"),
    "run-without-environments": (None, "0222100"),
    "run-without-parity": (1, "0300000"),
    "run-without-plan": (1, "2222220"),
    "run-without-records": (None, "0420100"),
    "run-zero-times": (None, "0222100"),
}


def count_rows(folder):
    try:
        return len(bench.load(folder))
    except UserError:
        return None


@pytest.mark.parametrize(
    "name", sorted(EXHIBITS.keys() | {path.name for path in MUSEUM.iterdir() if path.is_dir()})
)
def test_every_verb_reads_or_refuses_exhibit(name, called, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)  # charts take long
    # Git on Windows takes no such name.
    folder = "::error::a folder" if name == "run-in-hostile-folder" else name
    shutil.copytree(MUSEUM / name, tmp_path / folder, symlinks=True)
    rows, statuses = count_rows(tmp_path / folder), []
    for verb in VERBS:
        status, out, err = called(*(word.replace("IT", folder) for word in verb))
        assert status != 2 or (out, err.count("\n")) == ("", 1), (verb, out, err)
        assert not COMMAND.search(out + err)
        statuses.append(str(status))
    assert (rows, "".join(statuses)) == EXHIBITS[name]


def test_index_lists_every_exhibit_with_a_plan(called, tmp_path):
    shutil.copytree(MUSEUM, tmp_path / "results", symlinks=True)
    status, _, err = called("report")
    assert (status, err) == (0, "")
    page = (tmp_path / "results" / "index.html").read_text(encoding="utf-8")
    # Calibrations are one entry.
    missing = {name for name in EXHIBITS if name not in page and "calibration" not in name}
    assert missing == {"run-without-plan"}
    for reason in ("is newer than this suite", "run.json: not a Run"):
        assert reason in page
