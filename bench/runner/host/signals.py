"""End a run by signals: in good order at the first one, at once at the second one."""

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

# Ctrl-C; a batch system or CI that ends a job; a terminal that was closed.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_received: list[int] = []


class StopSignal(KeyboardInterrupt):
    """A signal that ends the run."""


def install() -> None:
    """Let these signals raise StopSignal, except those that our parent has switched off."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle)


def _handle(number: int, _frame: FrameType | None) -> None:
    _received.append(number)
    check()


def check() -> None:
    """Raise StopSignal if there was a signal: nothing more is measured.

    Python discards an exception that a handler raises during a callback of its own, for instance
    while it imports a module.
    """
    if _received:
        raise StopSignal(signal.strsignal(_received[0]))


def get_exit_status() -> int:
    """Return the exit status that a shell gives to the first signal, 0 if there was none."""
    return 128 + _received[0] if _received else 0


def run_until_signal(call: Callable[..., None], *args: Any) -> int:
    """Call a function; return 0, or the exit status of the first signal if one ended the call.

    Raises KeyboardInterrupt at the second signal, after which nothing more may be written.
    """
    try:
        call(*args)
    except KeyboardInterrupt:
        if len(_received) > 1:
            raise
        return get_exit_status() or 128 + signal.SIGINT
    return 0
