"""What a parent sees of a process, in which order."""

import select
import subprocess
import sys
from contextlib import closing

import pytest

from bench.runner.process.session import Pipe, Session
from bench.worker.measure import now


@pytest.fixture
def begun(tmp_path):
    """Start a process that prints a line, and ends when it gets one; return it and its pipe."""
    with closing(Pipe()) as pipe:
        process = subprocess.Popen(
            [sys.executable, "-c", r"import os; os.write(1, b'an answer\n'); input()"],
            stdin=subprocess.PIPE,
            stdout=pipe.write_end,
            start_new_session=True,
        )
        with closing(Session(process, [pipe], now() + 240, tmp_path)) as session:
            yield session, pipe
            process.stdin.close()
            session.kill()


def test_what_came_in_time_is_seen_when_the_time_is_up(begun):
    session, pipe = begun
    select.select([pipe.read_end], [], [])
    assert session.wait(pipe, until=now()) is True
    assert pipe.tail == b"an answer\n"
    assert session.wait(pipe, until=now()) is None
    session.process.stdin.write(b"\n")
    session.process.stdin.flush()
    assert session.wait(pipe) is False
    assert session.wait(pipe, until=now()) is False
