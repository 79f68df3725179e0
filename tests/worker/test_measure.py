"""The clocks."""

import os
import sys
from types import SimpleNamespace

import pytest

from bench.worker import measure


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is told how many seconds have passed."""
    clock = SimpleNamespace(nanoseconds=50_500_000_000)

    def spend(seconds):
        clock.nanoseconds += round(seconds * 1e9)

    monkeypatch.setattr(measure, "perf_counter_ns", lambda: clock.nanoseconds)
    clock.spend = spend
    return clock


def test_time_call_reads_the_clock_around_one_call(clock):
    def call(first, second):
        clock.spend(2)
        return first + second

    assert measure.time_call(call, 3, 4) == (7, 2)
    assert measure.now() == 52.5


def test_cpu_seconds_are_zero_where_there_is_no_such_clock(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert measure.read_cpu_seconds(os.getpid()) == 0
