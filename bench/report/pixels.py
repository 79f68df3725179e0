"""Pictures of pixels, for charts: a PNG as the address of its own content.

Nothing is compressed, because what compresses differs from one build of zlib to another, and a
report is to be the same wherever it is written. Source: W3C, "Portable Network Graphics (PNG)
Specification"; RFC 1950 and 1951 for the stream of stored blocks.
"""

import base64
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST = 0xFFFF  # bytes of a stored block


def address(pixels: Pixels, palette: Pixels | None = None) -> str:
    """Return a picture (height, width) as a ``data:`` URI.

    Pixels are shades from black, 0, to white, 255, or with a palette (colours, 3) the numbers of
    its colours, which are red, green and blue.
    """
    height, width = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if palette is None else 3, 0, 0, 0)
    unfiltered = np.hstack([np.zeros((height, 1), np.uint8), pixels]).tobytes()
    chunks = [
        _chunk(b"IHDR", header),
        *([] if palette is None else [_chunk(b"PLTE", palette.tobytes())]),
        _chunk(b"IDAT", _stored(unfiltered)),
        _chunk(b"IEND", b""),
    ]
    encoded = base64.b64encode(_SIGNATURE + b"".join(chunks)).decode("ascii")
    return f"data:image/png;base64,{encoded}"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _stored(data: bytes) -> bytes:
    """Return a zlib stream that holds data as they are."""
    return b"\x78\x01" + b"".join(_blocks(data)) + struct.pack(">I", zlib.adler32(data))


def _blocks(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _MOST):
        block = data[start : start + _MOST]
        last = start + _MOST >= len(data)
        yield struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF) + block
