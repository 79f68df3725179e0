"""Signals that end a run: the first in good order, the second at once, none within a record."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

# Ctrl-C; what ends a job of a batch system or of CI; a terminal that was closed.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignal(KeyboardInterrupt):
    """A signal came that ends the run; ``number`` is that of the first."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.strsignal(number))
        self.number = number


@dataclass(slots=True)
class _State:
    """first: the signal that came first. count: how many came. waiting: one has yet to be raised.

    held: it has to wait.
    """

    first: int = 0
    count: int = 0
    waiting: bool = False
    held: bool = False


_STATE = _State()


def install() -> None:
    """Have these signals raise Stopped, but for those that whoever started us has switched off."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _arrived)


def is_repeated() -> bool:
    """Tell whether somebody has asked more than once: then nothing more is written."""
    return _STATE.count > 1


def exit_status(stopped: KeyboardInterrupt) -> int:
    """Return the exit status that a shell gives to an end by this signal."""
    return 128 + (stopped.number if isinstance(stopped, StopSignal) else signal.SIGINT)


def first_exit_status() -> int:
    """Return the exit status that is due to the first signal that came, nought where none did."""
    return 128 + _STATE.first if _STATE.first else 0


def run_until_signal(call: Callable[..., None], *args: Any) -> int:
    """Call; return the exit status where the first signal ended that, else nought.

    Raises KeyboardInterrupt at the second.
    """
    try:
        call(*args)
    except KeyboardInterrupt as stopped:
        if is_repeated():
            raise
        return exit_status(stopped)
    return 0


@contextmanager
def held() -> Iterator[None]:
    """Let signals wait until this is over, which then raises Stopped."""
    with _set(held=True):
        yield


@contextmanager
def allowed() -> Iterator[None]:
    """Within what is held, let them in again: while a child is waited for."""
    with _set(held=False):
        yield


@contextmanager
def _set(*, held: bool) -> Iterator[None]:
    before = _STATE.held
    try:
        _STATE.held = held
        _raise()
        yield
    finally:
        _STATE.held = before
    _raise()


def _raise() -> None:
    if _STATE.waiting and not _STATE.held:
        _STATE.waiting = False
        raise StopSignal(_STATE.first)


def _arrived(number: int, _frame: FrameType | None) -> None:
    _STATE.first = _STATE.first or number
    _STATE.count += 1
    _STATE.waiting = True
    _raise()
