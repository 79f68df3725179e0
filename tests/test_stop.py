"""Signals that end a run: heard at once, or after what must not be cut in two."""

import os
import signal
import subprocess
import sys

import pytest

from bench import stop


@pytest.fixture(autouse=True)
def heard():
    """Take the signals as the command line does, and give them back afterwards."""
    before = {number: signal.getsignal(number) for number in stop.SIGNALS}
    stop._STATE = stop._State()
    stop.install()
    yield
    stop._STATE = stop._State()
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number=signal.SIGINT):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", stop.SIGNALS)
def test_a_signal_is_an_interrupt_with_the_status_that_shells_give_it(number):
    with pytest.raises(KeyboardInterrupt) as stopped:
        send(number)
    assert stop.exit_status(stopped.value) == 128 + number
    assert not stop.is_repeated()


def test_an_interrupt_of_pythons_own_has_the_status_of_ctrl_c():
    assert stop.exit_status(KeyboardInterrupt()) == 130


def test_what_is_held_is_done_to_its_end():
    done = []

    def held():
        with stop.held():
            send()
            done.append("this")
        done.append("never")

    assert stop.run_until_signal(held) == 130
    assert done == ["this"]


def test_within_what_is_held_a_signal_can_be_let_in():
    done = []

    def held():
        with stop.held():
            done.append("before")
            with stop.allowed():
                send()
                done.append("never")
            done.append("nor this")

    assert stop.run_until_signal(held) == 130
    assert done == ["before"]


def test_a_signal_that_waited_is_heard_as_soon_as_it_is_let_in():
    done = []

    def held():
        with stop.held():
            send()
            with stop.allowed():
                done.append("never")

    assert stop.run_until_signal(held) == 130
    assert done == []


def test_after_a_signal_was_let_in_it_is_held_again():
    done = []

    def held():
        with stop.held():
            try:
                with stop.allowed():
                    send()
            except stop.StopSignal:
                send(signal.SIGTERM)
                done.append("kept")

    with pytest.raises(stop.StopSignal):
        held()
    assert done == ["kept"]
    assert stop.is_repeated()


def test_a_signal_is_raised_once_and_is_the_first():
    def held():
        with stop.held():
            send(signal.SIGTERM)
            send(signal.SIGINT)

    with pytest.raises(stop.StopSignal) as stopped:
        held()
    assert stop.exit_status(stopped.value) == 143
    held_again = []
    with stop.held():
        held_again.append("nothing waits any more")
    assert held_again


def test_outside_of_what_is_held_letting_in_changes_nothing():
    with stop.allowed():
        pass
    with pytest.raises(stop.StopSignal):
        send()


def test_the_first_signal_ends_a_call_and_the_second_what_comes_after():
    assert stop.run_until_signal(lambda: None) == 0
    assert stop.run_until_signal(send, signal.SIGHUP) == 129

    def twice():
        with stop.held():
            send()
            send()

    with pytest.raises(stop.StopSignal):
        stop.run_until_signal(twice)


def test_a_signal_that_was_switched_off_stays_so():
    code = """
import os, signal
from bench import stop
signal.signal(signal.SIGHUP, signal.SIG_IGN)
stop.install()
os.kill(os.getpid(), signal.SIGHUP)
print("still here")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "still here\n"
