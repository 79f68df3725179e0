"""docs/studies/convert.py makes readable what formats 6 and 7 recorded, and loses nothing."""

import json
import shutil
import tarfile

import pytest
from studies import convert
from support.processes import ASSETS

import bench
from bench.errors import UserError


def read_lines(folder):
    return (folder / "trials.jsonl").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("name", "rows"), [("run-format-6", 2), ("run-format-7", 3), ("ab-format-7", 2)]
)
@pytest.mark.parametrize("packed", [False, True])
def test_older_folder_is_readable_and_whole(tmp_path, name, rows, packed):
    folder = tmp_path / name
    shutil.copytree(ASSETS / "museum" / name, folder)
    with pytest.raises(UserError, match="is older than this suite reads"):
        bench.load(folder)
    before = [json.loads(line) for line in read_lines(folder)]
    if packed:
        archive = tmp_path / "packed.tar.xz"
        with tarfile.open(archive, "w:xz") as file:
            file.add(folder, name)
        convert.convert_archive(archive)
        shutil.rmtree(folder)
        with tarfile.open(archive) as file:
            file.extractall(tmp_path, filter="data")
    else:
        convert.convert_all(folder)
    assert len(bench.load(folder)) == rows
    older = json.loads((folder / "older.json").read_text())
    assert older
    for record, line in zip(before, read_lines(folder), strict=True):
        after = json.loads(line) | older.get(record["trial"], {})
        changed = {key for key in record if after[key] != record[key]}
        assert changed == {"format", "check"}


def test_warm_start_and_tried_threads_become_numbers_of_the_row(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(ASSETS / "museum" / "run-format-7", folder)
    plan = json.loads((folder / "run.json").read_text())
    lines = read_lines(folder)
    first = json.loads(lines[0])
    slug = first["trial"].partition("-")[2]
    seconds = dict.fromkeys(convert.START_PARTS, 0.5)
    warm = first | seconds | {"kind": "warm-start", "trial": f"r1-warm-{slug}"}
    (folder / "trials.jsonl").write_text("\n".join([*lines, json.dumps(warm), ""]))
    for case in plan["cases"]:
        if case["implementation"] == first["case"]["implementation"]:
            case |= {"threads": 0, "tried_threads": [1, 2]}
    (folder / "run.json").write_text(json.dumps(plan))
    convert.convert(folder)
    records = [json.loads(line) for line in read_lines(folder)]
    assert [one.get("warm_start_seconds") for one in records] == [2.0, *[None] * (len(lines) - 1)]
    assert json.loads((folder / "warm-starts.jsonl").read_text()) == warm
    threads = {case["threads"] for case in json.loads((folder / "run.json").read_text())["cases"]}
    assert first["case"]["threads"] in threads
    assert 0 not in threads
    assert len(bench.load(folder)) == len(lines)
