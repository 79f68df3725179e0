"""The readers of other people's files, given 700,000 that nobody wrote.

Each reads what is right or refuses in one line, and does nothing else, whatever it is given.
"""

import gzip
import hashlib
import json
import math
import os
import re
import tempfile
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from fixtures_data import packed_idx
from fixtures_fuzz import BINARY, INPUTS, TEXT, damaged, noise, odd, text
from fixtures_records import case, environment, run, trials, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import arrays, idx, store, summary
from bench.error import UserError
from bench.result import FORMAT

# Sixteen parts for each of four readers, so that several workers share them: 704,000 in all.
PARTS = [pytest.param(11_000, marks=[pytest.mark.fuzz, pytest.mark.timeout(3600)], id=f"part {n}")
         for n in range(16)]  # fmt: skip
MEMORY = "/dev/shm"  # a file there is written in a tenth of the time
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
counts = pytest.mark.parametrize("count", [304, *PARTS])


@pytest.fixture
def folder():
    """A folder, in memory where there is such a place."""
    place = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as name:
        yield Path(name)


@pytest.fixture
def fuzz(request, record_property):
    """Give a reader inputs; it returns what it made of one, None where it refused it."""

    def run_all(count, inputs, read):
        found = Counter()

        @settings(max_examples=count // INPUTS, deadline=None, database=None,
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(inputs)
        def once(several):
            for data in several:
                found["refused" if read(data) is None else "read"] += 1

        once()
        name = request.node.originalname.removeprefix("test_").replace("_", " ")
        record_property("fuzzed", [name, found["read"], found["refused"]])

    return run_all


def calm(said):
    """Tell whether a text is one line that a terminal only shows, and that a file can hold."""
    return not {"Cc", "Cs", "Zl", "Zp"} & set(map(unicodedata.category, said))


def brief(said):
    return calm(said) and len(said) < 2_000


def tried(read, *arguments):
    """Return what is read; None where it is refused in one line."""
    try:
        return read(*arguments)
    except UserError as error:
        said = str(error)
        assert brief(said)
        return None


IMAGES = np.arange(4 * 5 * 6, dtype=np.uint8).reshape(4, 5, 6)
LABELS = np.arange(50, dtype=np.uint8) % 10
PLAIN = {idx.TRAIN_IMAGES: packed_idx(IMAGES), idx.TRAIN_LABELS: packed_idx(LABELS)}


def packed(several):
    return [gzip.compress(each, 1, mtime=0) for each in several]


def offered_idx(name):
    """Draw IDX files of a name: also such as were damaged before they were compressed.

    Of those no checksum of gzip's tells.
    """
    plain = PLAIN[name]
    damage = damaged([plain], BINARY)
    files = damage | damage.map(packed) | damaged(packed([plain]), BINARY) | noise(plain)
    return files.map(lambda several: [(name, each) for each in several])


@counts
def test_idx_files_are_read_as_they_are_or_refused(folder, fuzz, count):
    def read(given):
        name, data = given
        path = folder / name
        path.write_bytes(data)
        whole = tried(idx.read_file, path)
        expected = hashlib.sha256(PLAIN[name]).hexdigest()
        verified = tried(idx.read_file, path, expected)
        if whole is not None:
            array, sha256 = whole
            plain = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
            assert packed_idx(array) == plain
            assert sha256 == hashlib.sha256(plain).hexdigest()
        assert (verified is not None) == (whole is not None and whole[1] == expected)
        return whole

    fuzz(count, st.one_of(map(offered_idx, PLAIN)), read)


PARAMS = np.linspace(-1, 1, 2 * 5 * 3, dtype=np.float32).reshape(2, 5, 3)


TOLD = re.compile(rb"'[<>|=]\w+'|\([\d, ]*\)")  # of a header: the type and the shape


@counts
def test_params_are_an_array_of_three_dimensions_or_none(folder, fuzz, count):
    path = folder / "params" / "r1-a.npy"
    path.parent.mkdir()
    np.save(path, PARAMS)
    whole = path.read_bytes()

    def read(data):
        path.write_bytes(data)
        try:
            array = arrays.read(path, np.float32, 3)
        except (OSError, ValueError):
            return None
        assert (array.dtype, array.ndim) == (np.float32, 3)
        assert {b"'<f4'", f"{array.shape}".encode()} <= set(TOLD.findall(data[:128]))
        assert array.tobytes() in data
        return array

    fuzz(count, damaged([whole], BINARY) | damaged([whole], TEXT) | noise(whole), read)


def lines(folder, format_=FORMAT):
    """Return three records of a run as its file has them, and the run's folder."""
    records = [*trials(case(), 0.5, 0.25), *trials(case("jax"), 0.125)]
    write(folder, run(case(), case("jax")), *records)
    path = folder / "trials.jsonl"
    if format_ < FORMAT:
        written = [json.loads(line) for line in path.read_bytes().splitlines()]
        for each in written:
            each.pop("check", None)
        path.write_bytes(b"".join(text(each | {"format": format_}) + b"\n" for each in written))
    return path


def offered_lines(whole):
    """Draw a run's records, damaged or one of them odd, or something else altogether."""
    documents = [json.loads(line) for line in whole.splitlines()]
    lines = odd(documents).map(lambda several: [each + b"\n" for each in several])
    return damaged([whole], TEXT) | lines | noise(whole)


def records_in(path, right):
    """Return the function that reads what a run's file of trials holds now, if it is right.

    What is damaged is said in a line each. Only what is whole is read strictly.
    """

    def read(data):
        path.write_bytes(data)
        some = tried(store.salvaged, path.parent)
        if some is None:
            return None
        assert right(list(some.records))
        assert all(map(brief, some.faults))
        assert some.faults or store.read_records(path.parent) == list(some.records)
        return None if some.faults else some

    return read


@counts
def test_records_are_those_that_were_written_or_refused(folder, fuzz, count):
    path = lines(folder / "run")
    whole = path.read_bytes()
    original = store.read_records(path.parent)

    def right(found):
        trials = [each.trial for each in found]
        return all(each in original for each in found) and len(set(trials)) == len(trials)

    fuzz(count, offered_lines(whole), records_in(path, right))


@counts
def test_older_records_give_numbers_or_are_refused(folder, fuzz, count):
    path = lines(folder / "run", 4)
    whole = path.read_bytes()
    plan, there = store.read_run(path.parent), {"here": environment()}

    def right(found):
        rows = summary.summarize(found, there, plan)
        return all(row.epoch is None or good(row.epoch.mean) for row in rows)

    fuzz(count, offered_lines(whole), records_in(path, right))


def good(value):
    return value is None or (math.isfinite(value) and value > 0)
