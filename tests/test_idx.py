"""IDX files: whole ones are read, all others refused in one line."""

import gzip
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.data import idx_files, packed_idx, write_idx

from bench import idx
from bench.idx import DataError


def is_one_line(error: pytest.ExceptionInfo[DataError]) -> bool:
    return len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("compress", [False, True])
def test_a_folder_reads_as_it_was_written(tmp_path, compress):
    files = idx_files(samples=7, tests=3, side=5)
    sha256 = write_idx(tmp_path, files, compress=compress)
    raw = idx.read_folder(tmp_path, sha256)
    assert raw.sha256 == sha256
    assert np.array_equal(raw.images, files[idx.TRAIN_IMAGES].reshape(7, 25))
    assert np.array_equal(raw.labels, files[idx.TRAIN_LABELS])
    assert np.array_equal(raw.test_images, files[idx.TEST_IMAGES].reshape(3, 25))
    assert np.array_equal(raw.test_labels, files[idx.TEST_LABELS])


def test_content_and_not_the_name_tells_what_is_compressed(tmp_path):
    labels = np.array([3, 1, 4], np.uint8)
    path = tmp_path / f"{idx.TRAIN_LABELS}.gz"
    path.write_bytes(packed_idx(labels))
    assert np.array_equal(idx.read_file(path)[0], labels)


LABELS = packed_idx(np.array([0, 9, 5, 2], np.uint8))
PACKED = gzip.compress(LABELS, mtime=0)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "found an empty file"),
        (b"<html>not found</html>", "expected the magic number 00000801, found 3c68746d"),
        (packed_idx(np.zeros((1, 2, 2), np.uint8)), "expected the magic number 00000801"),
        (LABELS[:6], "expected a whole IDX header, found only 6 bytes"),
        (LABELS[:-1], "expected 4 bytes after its header, found 3"),
        (LABELS + b"\0", "expected 4 bytes after its header, found more"),
        (LABELS[:4] + bytes(4), "its header promises 0"),
        (PACKED[:-9], "expected a whole gzip file, found damage"),
        (PACKED[:-5] + bytes([PACKED[-5] ^ 1]) + PACKED[-4:], "found damage .CRC"),
        (PACKED[:12] + b"\xff\xff" + PACKED[14:], "found damage"),
        (PACKED + b"more", "found damage .Not a gzipped file"),
    ],
    ids=[
        "empty",
        "a web page",
        "images",
        "half a header",
        "too short",
        "too long",
        "no labels",
        "cut gzip",
        "wrong checksum",
        "broken gzip",
        "more after gzip",
    ],
)
def test_a_damaged_file_is_refused_by_name_with_what_was_found(tmp_path, content, says):
    path = tmp_path / idx.TRAIN_LABELS
    path.write_bytes(content)
    with pytest.raises(DataError, match=says) as error:
        idx.read_file(path)
    assert is_one_line(error)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((2**20, 2**10, 2**10), "its header promises 1099511627776"),
        ((2**10, 2**10, 2**10), "expected 1073741824 bytes after its header, found 100"),
    ],
)
def test_what_a_header_promises_is_not_allocated_on_its_word(tmp_path, shape, says, compress):
    content = bytes((0, 0, 8, 3)) + struct.pack(">3I", *shape) + bytes(100)
    path = tmp_path / idx.TRAIN_IMAGES
    path.write_bytes(gzip.compress(content) if compress else content)
    tracemalloc.start()
    with pytest.raises(DataError, match=says):
        idx.read_file(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


def test_a_bomb_of_gzip_is_read_no_further_than_its_header_promises(tmp_path):
    path = tmp_path / idx.TRAIN_IMAGES
    with gzip.open(path, "wb", 1) as stream:
        stream.write(bytes((0, 0, 8, 3)) + struct.pack(">3I", 2, 2, 2))
        for _ in range(64):
            stream.write(bytes(2**20))
    tracemalloc.start()
    with pytest.raises(DataError, match="expected 8 bytes after its header, found more"):
        idx.read_file(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


def test_a_file_beyond_any_size_is_not_begun(tmp_path):
    path = tmp_path / idx.TRAIN_IMAGES
    with path.open("wb") as stream:
        stream.write(b"\x1f\x8b")
        stream.truncate(2**40)  # sparse
    with pytest.raises(DataError, match=r"cannot be read \(it is larger than 1074790400 bytes\)"):
        idx.read_file(path)


def test_the_largest_mnist_there_is_may_be_read():
    assert idx._LARGEST > 814_255 * 28 * 28  # EMNIST's images


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_file_is_neither_waited_for_nor_read(tmp_path, kind):
    write_idx(tmp_path, idx_files())
    path = tmp_path / idx.TEST_LABELS
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(DataError, match="expected the file t10k-labels"):
        idx.read_folder(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        idx.read_file(path)


def test_links_to_files_are_followed(tmp_path):
    write_idx(tmp_path / "kept", idx_files())
    (tmp_path / "given").mkdir()
    for name in idx.FILES:
        (tmp_path / "given" / name).symlink_to(tmp_path / "kept" / name)
    assert len(idx.read_folder(tmp_path / "given").labels) == 50


def test_another_hash_than_expected_is_refused(tmp_path):
    sha256 = write_idx(tmp_path, idx_files())
    expected = sha256 | {idx.TEST_LABELS: "0402a96d92fd" + "0" * 52}
    with pytest.raises(DataError, match=r"t10k-labels.*: expected SHA-256 0402a96d92fd…, found"):
        idx.read_folder(tmp_path, expected)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {idx.TRAIN_LABELS: np.zeros(49, np.uint8)},
            "found 50 images in train-images-idx3-ubyte and 49 labels in train-labels-idx1-ubyte",
        ),
        (
            {idx.TEST_LABELS: np.zeros(11, np.uint8)},
            "found 10 images in t10k-images-idx3-ubyte and 11 labels in t10k-labels-idx1-ubyte",
        ),
        (
            {idx.TEST_LABELS: np.full(10, 10, np.uint8)},
            "expected labels 0 to 9 in t10k-labels-idx1-ubyte, found 10",
        ),
        (
            {idx.TEST_IMAGES: np.zeros((10, 2, 8), np.uint8)},
            "expected training and test images of one size, found 4x4 and 2x8",
        ),
    ],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path, changed, says):
    write_idx(tmp_path, idx_files() | changed)
    with pytest.raises(DataError, match=says) as error:
        idx.read_folder(tmp_path)
    assert is_one_line(error)


def test_a_missing_file_or_folder_is_named(tmp_path):
    write_idx(tmp_path, idx_files())
    (tmp_path / idx.TEST_LABELS).unlink()
    with pytest.raises(DataError, match=r"expected the file t10k-labels-idx1-ubyte or .*\.gz"):
        idx.read_folder(tmp_path)
    with pytest.raises(DataError, match=r"nowhere: no such folder"):
        idx.read_folder(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"cannot be read \(File name too long\)"):
        idx.read_folder(tmp_path / ("long" * 100))
    with pytest.raises(DataError, match=r"~nobody-of-that-name/x: the home folder is not known"):
        idx.expanded("~nobody-of-that-name/x")


def test_an_error_is_one_line_whatever_a_path_holds():
    assert str(DataError("a\nfolder\r\nof lines")) == "a folder of lines"


def plain_files() -> st.SearchStrategy[bytes]:
    """Whole files, files that are nearly whole, and anything."""
    lengths = st.integers(0, 20).map(lambda length: struct.pack(">I", length))
    magic = st.sampled_from([b"\0\0\x08\x01", b"\0\0\x08\x03", b"\0\0\x09\x01"])
    return st.one_of(
        st.binary(max_size=64),
        st.binary(max_size=20).map(lambda body: packed_idx(np.frombuffer(body, np.uint8))),
        st.tuples(magic, lengths, st.binary(max_size=20)).map(b"".join),
    )


def right_answer(content: bytes) -> bytes | None:
    """Return the labels that these bytes are the IDX file of, by the format's definition."""
    body = content[8:]
    whole = len(content) > 8 and content[:8] == b"\0\0\x08\x01" + struct.pack(">I", len(body))
    return body if whole else None


@given(content=plain_files(), compress=st.booleans())
def test_any_bytes_give_the_right_answer_or_an_error_of_ours(tmp_path_factory, content, compress):
    path = tmp_path_factory.getbasetemp() / idx.TRAIN_LABELS
    path.write_bytes(gzip.compress(content, 1) if compress else content)
    expected = right_answer(content)
    if expected is None:
        with pytest.raises(DataError):
            idx.read_file(path)
    else:
        assert idx.read_file(path)[0].tobytes() == expected


@given(flips=st.lists(st.tuples(st.integers(0, len(PACKED) - 1), st.integers(0, 7)), max_size=3))
def test_flipped_bits_in_a_compressed_file_never_give_other_labels(tmp_path_factory, flips):
    content = bytearray(PACKED)
    for position, bit in flips:
        content[position] ^= 1 << bit
    path = Path(tmp_path_factory.getbasetemp()) / idx.TRAIN_LABELS
    path.write_bytes(content)
    try:
        labels, _ = idx.read_file(path)
    except DataError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - either outcome is right
    else:
        assert labels.tolist() == [0, 9, 5, 2]
