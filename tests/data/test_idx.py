"""Whole IDX files are read; every other file is refused."""

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.data import idx_files, packed_idx, write_idx

from bench.data import idx
from bench.errors import DataError

LABELS = packed_idx(np.array([0, 9, 5, 2], np.uint8))
PACKED = gzip.compress(LABELS, mtime=0)


@pytest.mark.parametrize("compress", [False, True])
def test_folder_reads_as_written_also_through_links(tmp_path, compress):
    files = idx_files(samples=7, tests=3, side=5)
    sha256 = write_idx(tmp_path / "files", files, compress=compress)
    (tmp_path / "link").symlink_to(tmp_path / "files")
    raw = idx.read_folder(tmp_path / "link", sha256)
    assert raw.sha256 == sha256
    assert np.array_equal(raw.images, files[idx.TRAIN_IMAGES].reshape(7, 25))
    assert np.array_equal(raw.labels, files[idx.TRAIN_LABELS])
    assert np.array_equal(raw.test_images, files[idx.TEST_IMAGES].reshape(3, 25))
    assert np.array_equal(raw.test_labels, files[idx.TEST_LABELS])


def test_compression_is_recognised_by_content(tmp_path):
    path = tmp_path / f"{idx.TRAIN_LABELS}.gz"
    path.write_bytes(LABELS)
    assert idx.read_idx(path)[0].tolist() == [0, 9, 5, 2]


DAMAGED = {
    "empty": b"",
    "web page": b"<html>not found</html>",
    "images": packed_idx(np.zeros((1, 2, 2), np.uint8)),
    "half a header": LABELS[:6],
    "too short": LABELS[:-1],
    "too long": LABELS + b"\0",
    "no labels": LABELS[:4] + bytes(4),
    "promises 2 GiB": LABELS[:4] + struct.pack(">I", 2**31) + bytes(100),
    "cut gzip": PACKED[:-9],
    "wrong checksum": PACKED[:-5] + bytes([PACKED[-5] ^ 1]) + PACKED[-4:],
    "more after gzip": PACKED + b"more",
    "longer than promised": gzip.compress(LABELS + bytes(2**20)),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged_file_is_refused_by_name(tmp_path, content):
    path = tmp_path / idx.TRAIN_LABELS
    path.write_bytes(content)
    with pytest.raises(DataError, match=idx.TRAIN_LABELS):
        idx.read_idx(path)


@pytest.mark.parametrize("kind", ["missing", "pipe", "device", "folder"])
def test_folder_without_a_regular_file_is_refused(tmp_path, kind):
    write_idx(tmp_path, idx_files())
    path = tmp_path / idx.TEST_LABELS
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(DataError, match=idx.TEST_LABELS):
        idx.read_folder(tmp_path)


def test_folder_that_cannot_exist_is_refused(tmp_path):
    for folder in (tmp_path / "absent", tmp_path / ("long" * 100), Path("~no-such-user/x")):
        with pytest.raises(DataError):
            idx.read_folder(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {idx.TRAIN_LABELS: np.zeros(49, np.uint8)},
        {idx.TEST_LABELS: np.zeros(11, np.uint8)},
        {idx.TEST_LABELS: np.full(10, 10, np.uint8)},
        {idx.TEST_IMAGES: np.zeros((10, 2, 8), np.uint8)},
    ],
    ids=["fewer labels", "more labels", "label 10", "other size"],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path, changes):
    write_idx(tmp_path, idx_files() | changes)
    with pytest.raises(DataError):
        idx.read_folder(tmp_path)


def test_another_hash_than_expected_is_refused(tmp_path):
    sha256 = write_idx(tmp_path, idx_files())
    with pytest.raises(DataError, match=f"{idx.TEST_LABELS}: expected SHA-256"):
        idx.read_folder(tmp_path, sha256 | {idx.TEST_LABELS: "0" * 64})


@st.composite
def idx_like(draw):
    """Draw whole files, files that are nearly whole, and arbitrary bytes."""
    if draw(st.booleans()):
        content = bytearray(PACKED)
        for position in draw(st.lists(st.integers(0, len(PACKED) - 1), max_size=3)):
            content[position] ^= 1 << draw(st.integers(0, 7))
        return bytes(content)
    magic = draw(st.sampled_from([b"\0\0\x08\x01", b"\0\0\x08\x03", b"\0\0\x09\x01", b""]))
    body = draw(st.binary(max_size=20))
    length = draw(st.just(len(body)) | st.integers(0, 20))
    content = magic + struct.pack(">I", length) + body
    return gzip.compress(content) if draw(st.booleans()) else content


@given(content=idx_like())
def test_any_bytes_are_decoded_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / idx.TRAIN_LABELS
    path.write_bytes(content)
    try:
        labels, _ = idx.read_idx(path)
    except DataError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - either outcome is right
    else:
        plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        assert packed_idx(labels) == plain
