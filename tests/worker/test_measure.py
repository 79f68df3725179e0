"""The clocks."""

import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from bench.contract import Params
from bench.worker import measure
from bench.worker.exchange import Exchange, ExchangeSize, create_file


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is told how many seconds have passed."""
    clock = SimpleNamespace(nanoseconds=50_500_000_000)

    def spend(seconds):
        clock.nanoseconds += round(seconds * 1e9)

    monkeypatch.setattr(measure, "perf_counter_ns", lambda: clock.nanoseconds)
    clock.spend = spend
    return clock


@pytest.fixture
def exchange(tmp_path):
    size = ExchangeSize(4, 4, 3, 2)
    return Exchange(create_file(tmp_path, size), size)


def test_time_call_reads_the_clock_around_one_call(clock):
    def call(first, second):
        clock.spend(2)
        return first + second

    assert measure.time_call(call, 3, 4) == (7, 2)
    assert measure.now() == 52.5


def test_epoch_is_timed_from_the_look_up_until_the_params_are_copied(clock, exchange, monkeypatch):
    order, real = np.arange(4), measure.copy_params

    class Trainer:
        @property
        def train_epoch(self):
            clock.spend(1)
            return self.train

        def train(self, received):
            assert received is order
            clock.spend(20)
            return Params(np.ones((3, 2), np.float32), np.ones(2, np.float32))

    def copy_params(params, target):
        clock.spend(300)
        real(params, target)

    monkeypatch.setattr(measure, "copy_params", copy_params)
    params, seconds = measure.time_epoch(Trainer(), order, exchange)
    assert (seconds, type(params)) == (321, Params)
    assert np.all(exchange.params == 1)


def test_cpu_seconds_are_zero_where_there_is_no_such_clock(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert measure.read_cpu_seconds(os.getpid()) == 0
