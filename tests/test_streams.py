"""Pipes from a child: however much comes, a bounded end of it is kept, and when it came."""

import os
from pathlib import Path

import pytest

from bench import streams
from bench.measure import now


@pytest.fixture
def stream():
    with streams.opened(1) as (one,):
        yield one


def test_bytes_are_counted_and_the_last_are_kept(stream):
    for _ in range(100):
        os.write(stream.writing, b"a" * 999 + b"b")
        assert stream.take()
    assert stream.count == 100_000
    assert len(stream.tail) == streams.TAIL
    assert stream.tail == (b"a" * 999 + b"b") * 2


def test_nothing_is_waited_for(stream):
    assert stream.take()
    assert (stream.count, stream.tail, stream.first, stream.last) == (0, b"", None, None)


def test_the_end_is_seen_when_nobody_can_write_any_more(stream):
    os.write(stream.writing, b"last words")
    stream.begun()
    assert stream.take()
    assert not stream.take()
    assert stream.tail == b"last words"


def test_the_parents_clock_says_when_the_first_and_the_last_came(stream):
    before = now()
    os.write(stream.writing, b"1")
    stream.take()
    between = now()
    for _ in range(2):
        os.write(stream.writing, b"2")
        stream.take()
    assert before <= stream.first <= between <= stream.last <= now()


def test_what_was_left_in_a_pipe_is_taken_and_not_more_than_a_pipe_holds(stream):
    os.write(stream.writing, b"x" * 60_000)
    stream.rest()
    assert stream.count == 60_000

    class Endless(streams.Stream):
        def take(self):
            self.count += 2**16
            return True

    endless = Endless()
    endless.rest()
    endless.close()
    assert endless.count == 2**20


def test_all_pipes_are_closed_whatever_happens():
    def fails():
        with streams.opened(3) as found:
            found[0].begun()
            raise ZeroDivisionError

    before = list(Path("/proc/self/fd").iterdir())
    with pytest.raises(ZeroDivisionError):
        fails()
    assert len(list(Path("/proc/self/fd").iterdir())) == len(before)
