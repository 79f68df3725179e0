"""What a child says through pipes, taken as it comes: a flood fills neither memory nor a disk."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from bench.measure import now

TAIL = 2000
_CHUNK = 2**16
# What a pipe can hold at most by Linux's own limit; more than that after the end is somebody who
# writes on.
_LEFT = 2**20


class Stream:
    """One pipe from a child: how many bytes came through it, the last of them, and when.

    tail: of TAIL bytes at most. first, last: when bytes arrived, on the parent's monotonic clock in
    seconds; None where none did.
    """

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        self.count = 0
        self.tail = b""
        self.first: float | None = None
        self.last: float | None = None

    def take(self) -> bool:
        """Take what is there, a chunk at most; False where no more will ever come."""
        try:
            found = os.read(self.reading, _CHUNK)
        except BlockingIOError:
            return True
        if found:
            self.last = now()
            self.first = self.first or self.last
            self.count += len(found)
            self.tail = (self.tail + found)[-TAIL:]
        return bool(found)

    def rest(self) -> None:
        """Take what a child that has ended left in the pipe; others may still hold its end."""
        end = self.count + _LEFT
        before = -1
        while before < self.count < end:
            before = self.count
            self.take()

    def begun(self) -> None:
        """Give the writing end up, which the child has by now, so that its end can be seen."""
        os.close(self.writing)
        self.writing = -1

    def close(self) -> None:
        """Close what is still open."""
        for end in (self.reading, self.writing):
            if end >= 0:
                os.close(end)


@contextmanager
def opened(count: int) -> Iterator[list[Stream]]:
    """Open so many pipes, closed at the end."""
    found: list[Stream] = []
    try:
        found.extend(Stream() for _ in range(count))
        yield found
    finally:
        for each in found:
            each.close()
