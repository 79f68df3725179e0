"""Convert records of formats 6 and 7 to format 8.

``python docs/studies/convert.py PATH …``: each path is a folder of runs, comparisons or
calibrations, or a .tar.xz of them; all files below are changed in place. What no reader reads moves
to ``older.json`` beside the records, by trial. A warm start, which was a record of its own, becomes
a number of the trial of its row and round; its line moves to ``warm-starts.jsonl`` as it is. Where
the first round chose the threads of a row, the plan has those that it chose.
"""

import json
import math
import sys
import tarfile
import tempfile
import zlib
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench.analysis.summary import START_PARTS
from bench.records import jsonl, layout
from bench.records.schema import OLDEST_FORMAT, Case

UNREAD = ("worker_seconds", "validation_loss", "handover_seconds", "energy_absent", "slowdown")
OLDER, WARM_STARTS = "older.json", "warm-starts.jsonl"

Fields = dict[str, Any]


def convert(folder: Path) -> None:
    """Convert the plan and the records of a folder."""
    path = folder / layout.TRIALS
    older: dict[str, Fields] = {}
    trials: list[Fields] = []
    warm_starts: list[Fields] = []
    for line in path.read_bytes().splitlines() if path.exists() else []:
        record = json.loads(line)
        unread = {name: record.pop(name) for name in UNREAD if name in record}
        if "tried_threads" in record["case"]:
            unread["tried_threads"] = record["case"].pop("tried_threads")
        if record["kind"] == "warm-start":
            warm_starts.append(record)
            with (folder / WARM_STARTS).open("ab") as file:
                file.write(line + b"\n")
            continue
        trials.append(record)
        if unread:
            older[record["trial"]] = unread
        record["format"] = max(record["format"], OLDEST_FORMAT)
    for start in warm_starts:
        (trial,) = (record for record in trials if find_place(record) == find_place(start))
        trial["warm_start_seconds"] = sum(start[name] for name in START_PARTS)
    if trials:
        path.write_bytes(b"".join(map(encode, trials)))
    for plan in (folder / name for name in layout.PLANS if (folder / name).exists()):
        if unread := convert_plan(plan, trials):
            older[plan.name] = unread
    if older:
        (folder / OLDER).write_bytes(msgspec.json.encode(older) + b"\n")


def find_place(record: Fields) -> tuple[str, int, str]:
    """Return the row, the round and the status of a record."""
    return msgspec.convert(record["case"], Case).slug, record["round"], record["status"]


def encode(record: Fields) -> bytes:
    """Return the line of a record with its checksum."""
    del record["check"]
    data = msgspec.json.encode(record)
    return b'%s,"check":"%08x"}\n' % (data[:-1], zlib.crc32(data))


def convert_plan(path: Path, trials: list[Fields]) -> Fields:
    """Convert a plan, with the threads that these trials choose; return what nothing reads."""
    plan = json.loads(path.read_bytes())
    plan["format"] = max(plan["format"], OLDEST_FORMAT)
    unread: Fields = {}
    if later := plan.get("stopping", {}).pop("later_epochs", None):
        unread["later_epochs"] = later
    times: dict[str, list[float]] = {}
    for record in (record for record in trials if record["kind"] == "trial"):
        epoch = median(record["epoch_seconds"]) if record["status"] == "ok" else math.inf
        times.setdefault(find_place(record)[0], []).append(epoch)
    for case in (case for part in ("cases", "sweep") for case in plan.get(part, [])):
        if tried := case.pop("tried_threads", None):
            slugs = {n: msgspec.convert({**case, "threads": n}, Case).slug for n in sorted(tried)}
            ranks = {n: times[slug] for n, slug in slugs.items() if slug in times}
            best = min(ranks, key=lambda n: (-len(ranks[n]), ranks[n][0]), default=min(tried))
            case["threads"] = best
            unread.setdefault("tried_threads", {})[slugs[best]] = tried
    path.write_bytes(jsonl.encode_json(plan))
    return unread


def convert_archive(path: Path) -> None:
    """Convert the folders in an archive; times and the order of the files stay."""
    with tempfile.TemporaryDirectory() as name:
        with tarfile.open(path) as archive:
            members = archive.getmembers()
            archive.extractall(name, filter="data")
        convert_all(Path(name))
        with tarfile.open(path, "w:xz", preset=9) as archive:
            for member in members:
                file = Path(name, member.name)
                if not file.is_file():
                    archive.addfile(member)
                    continue
                member.size = file.stat().st_size
                with file.open("rb") as stream:
                    archive.addfile(member, stream)
                if file.name == layout.TRIALS and (older := file.with_name(OLDER)).exists():
                    archive.add(older, older.relative_to(name))


def convert_all(folder: Path) -> None:
    """Convert all folders of records below one, itself included."""
    names = (layout.TRIALS, *layout.PLANS)
    for path in {path.parent for name in names for path in folder.rglob(name)}:
        convert(path)


if __name__ == "__main__":
    for given in map(Path, sys.argv[1:]):
        (convert_all if given.is_dir() else convert_archive)(given)
