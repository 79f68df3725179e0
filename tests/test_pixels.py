"""Pictures come out of their address as they went in, on any machine the same."""

import base64
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report.pixels import address

PREFIX = "data:image/png;base64,"


def chunks(picture):
    """Take a PNG apart as a reader does: chunks by their kind, their sums checked."""
    assert picture.startswith(PREFIX)
    data = base64.b64decode(picture.removeprefix(PREFIX), validate=True)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(
            kind + body
        )
        found[kind.decode()] = body
        at += 12 + length
    assert next(iter(found)) == "IHDR"
    assert list(found)[-1] == "IEND"
    return found


def read(picture):
    found = chunks(picture)
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", found["IHDR"])
    assert (depth, rest) == (8, [0, 0, 0])
    rows = np.frombuffer(zlib.decompress(found["IDAT"]), np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()  # no filter
    return colour, rows[:, 1:]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_shades_come_out_as_they_went_in(height, width, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    colour, found = read(address(pixels))
    assert colour == 0
    assert np.array_equal(found, pixels)


def test_a_palette_is_kept_beside_the_numbers_of_its_colours():
    palette = np.array([[0, 0, 0], [255, 128, 1]], np.uint8)
    picture = address(np.array([[0, 1, 1]], np.uint8), palette)
    colour, found = read(picture)
    assert (colour, found.tolist()) == (3, [[0, 1, 1]])
    assert chunks(picture)["PLTE"] == bytes([0, 0, 0, 255, 128, 1])
    assert list(chunks(picture)) == ["IHDR", "PLTE", "IDAT", "IEND"]


@pytest.mark.parametrize("height", [256, 257, 258, 514, 600])
def test_more_than_a_block_holds_is_several(height):
    # With the byte of its filter a row has 255 bytes: 257 rows are one block exactly.
    pixels = np.random.default_rng(0).integers(0, 256, (height, 254), np.uint8)
    assert np.array_equal(read(address(pixels))[1], pixels)


def test_nothing_is_compressed_so_that_it_is_the_same_everywhere():
    stream = chunks(address(np.zeros((1, 1), np.uint8)))["IDAT"]
    # RFC 1950: two bytes of header, the last block with its length and the complement, the filter
    # and the pixel, and their sum: 1 of the bytes, 1 + 1 of the sums.
    assert stream == bytes.fromhex("7801 01 0200 fdff 0000 00020001")
