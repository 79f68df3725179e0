"""Signals that end a run."""

import os
import signal
import subprocess
import sys

import pytest

from bench.runner.host import signals


@pytest.fixture(autouse=True)
def handlers(monkeypatch):
    """Install the handlers, and restore the earlier ones afterwards."""
    before = {number: signal.getsignal(number) for number in signals.SIGNALS}
    monkeypatch.setattr(signals, "_received", [])
    signals.install()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number=signal.SIGINT):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", signals.SIGNALS)
def test_signal_raises_keyboard_interrupt_with_the_status_of_a_shell(number):
    signals.raise_received()
    assert signals.get_exit_status() == 0
    with pytest.raises(KeyboardInterrupt):
        send(number)
    assert signals.get_exit_status() == 128 + number
    with pytest.raises(signals.StopSignal):
        signals.raise_received()  # Python may have discarded it


def test_first_signal_ends_a_block_and_second_one_everything():
    with signals.Ending() as ending:
        pass
    assert ending.status == 0
    with signals.Ending() as ending:
        send(signal.SIGHUP)
    assert ending.status == 129
    with pytest.raises(signals.StopSignal), signals.Ending():
        send()
    assert signals.get_exit_status() == 129


def test_keyboard_interrupt_of_python_has_the_status_of_ctrl_c():
    with signals.Ending() as ending:
        raise KeyboardInterrupt
    assert ending.status == 130


def test_signal_that_was_switched_off_stays_so():
    code = """
import os, signal
from bench.runner.host import signals as stop
signal.signal(signal.SIGHUP, signal.SIG_IGN)
stop.install()
os.kill(os.getpid(), signal.SIGHUP)
print("still here")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "still here\n"
