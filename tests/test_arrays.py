"""An array is what numpy.save wrote of numbers, or is refused before it takes any memory."""

import io
import os
import struct

import numpy as np
import pytest

from bench import arrays

STACK = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def saved(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def promising(shape, dtype="<f4", data=b"", order="False"):
    """Return a file whose header says this, whatever it holds."""
    header = f"{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (len(header) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


@pytest.fixture
def path(tmp_path):
    return tmp_path / "params.npy"


@pytest.mark.parametrize(
    "array", [STACK, np.arange(5), np.zeros((785, 10)), np.ones((1, 1), np.int32), STACK[:0]]
)
def test_an_array_is_read_as_it_was_saved_and_may_be_written_to(path, array):
    np.save(path, array)
    found = arrays.read(path, array.dtype.type, array.ndim)
    assert np.array_equal(found, array)
    assert found.dtype == array.dtype
    assert found.flags.writeable


def test_a_made_up_header_that_is_true_is_read(path):
    path.write_bytes(promising("(2, 3, 4)", data=STACK.tobytes()))
    assert np.array_equal(arrays.read(path, np.float32, 3), STACK)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (saved(STACK.astype(float)), "params.npy is float64, not float32"),
        (saved(STACK.astype(">f4")), "params.npy is of another type, not float32"),
        (saved(STACK[0]), r"of the wrong shape \(3, 4\), not of 3 dimensions"),
        (saved(np.asfortranarray(STACK)), "no array of numbers in C order"),
        (saved(np.array([{}], object), allow_pickle=True), "no array of numbers"),
        (saved(np.float32(1)), "no array of numbers"),
        (promising("(1048576, 1048576, 1)"), "promises shape"),
        (promising("(99999999999, 1, 1)"), "no array of numbers"),
        (promising("(-1, -3, 4)", data=STACK.tobytes()), "no array of numbers"),
        (promising("(2, 3, 4)", data=STACK.tobytes() + b"1"), "promises shape"),
        (promising("(2, 3, 4)", data=STACK.tobytes()[:-1]), "promises shape"),
        (promising("(2, 3, 4)", "|O", STACK.tobytes()), "no array of numbers"),
        (promising("exit()"), "no array of numbers"),
        (promising("(" * 9000), "no array of numbers"),
        (saved(STACK)[:20], "no array of numbers"),
        (saved(STACK).replace(b"\x76\x00{", b"\x36\x00{"), "no array of numbers"),
        (saved(STACK).replace(b"NUMPY\x01", b"NUMPY\x02"), "no array of numbers"),
        (b"PK\x03\x04", "no array of numbers"),
        (b"", "no array of numbers"),
    ],
)
def test_what_is_no_such_array_is_an_error(path, data, says):
    path.write_bytes(data)
    with pytest.raises(ValueError, match=says):
        arrays.read(path, np.float32, 3)


def test_any_byte_of_a_header_may_be_wrong(path):
    data = bytearray(saved(STACK))
    for place in range(128):
        for bit in range(8):
            data[place] ^= 1 << bit
            path.write_bytes(data)
            try:
                found = arrays.read(path, np.float32, 3)
            except ValueError:
                pass
            else:
                assert found.size == 24
                assert np.array_equal(found.ravel(), STACK.ravel())
            data[place] ^= 1 << bit


@pytest.mark.parametrize("made", ["fifo", "folder", "link", "device"])
def test_only_a_regular_file_is_opened(path, made):
    if made == "fifo":
        os.mkfifo(path)
    elif made == "folder":
        path.mkdir()
    else:
        (path.parent / "other").write_bytes(saved(STACK))
        path.symlink_to("/dev/zero" if made == "device" else "other")
    with pytest.raises(OSError, match=r"regular|directory|symbolic"):
        arrays.read(path, np.float32, 3)


def test_a_file_that_is_too_large_is_not_read(path):
    with path.open("wb") as stream:
        stream.write(promising("(1024, 1024, 1024)"))
        stream.truncate(2**32)
    with pytest.raises(OSError, match="larger than 268435456"):
        arrays.read(path, np.float32, 3)
    with pytest.raises(FileNotFoundError):
        arrays.read(path.with_name("nothing"), np.float32, 3)
