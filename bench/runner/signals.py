"""End a run by signals: in good order at the first one, at once at the second one."""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

# Ctrl-C; a batch system or CI that ends a job; a terminal that was closed.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignal(KeyboardInterrupt):
    """A signal that ends the run; ``number`` is that of the first one."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.strsignal(number))
        self.number = number


@dataclass(slots=True)
class _Received:
    """The signals of this process: the number of the first one, and how many there were."""

    first: int = 0
    count: int = 0


_RECEIVED = _Received()


def install() -> None:
    """Let these signals raise StopSignal, except those that our parent has switched off."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle)


def _handle(number: int, _frame: FrameType | None) -> None:
    _RECEIVED.first = _RECEIVED.first or number
    _RECEIVED.count += 1
    raise StopSignal(_RECEIVED.first)


def check() -> None:
    """Raise StopSignal if there was a signal: nothing more is measured.

    Python discards an exception that a handler raises during a callback of its own, for instance
    while it imports a module.
    """
    if _RECEIVED.count:
        raise StopSignal(_RECEIVED.first)


def is_repeated() -> bool:
    """Return whether a second signal came, after which nothing more may be written."""
    return _RECEIVED.count > 1


def exit_status(interrupt: KeyboardInterrupt) -> int:
    """Return the exit status that a shell gives to a process that this signal ended."""
    return 128 + (interrupt.number if isinstance(interrupt, StopSignal) else signal.SIGINT)


def first_exit_status() -> int:
    """Return the exit status for the first signal, 0 if there was none."""
    return 128 + _RECEIVED.first if _RECEIVED.first else 0


def run_until_signal(call: Callable[..., None], *args: Any) -> int:
    """Call a function; return 0, or the exit status for the first signal if one ended the call.

    Raises KeyboardInterrupt at the second signal.
    """
    try:
        call(*args)
    except KeyboardInterrupt as interrupt:
        if is_repeated():
            raise
        return exit_status(interrupt)
    return 0
