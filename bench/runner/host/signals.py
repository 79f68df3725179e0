"""End a run by signals: in good order at the first one, at once at the second one."""

import signal
from types import FrameType
from typing import Self

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
    raise_received()


def raise_received() -> None:
    """Raise StopSignal if there was a signal: nothing more is measured.

    Python discards an exception that a handler raises during a callback of its own, for instance
    while it imports a module.
    """
    if _received:
        raise StopSignal(signal.strsignal(_received[0]))


def get_exit_status() -> int:
    """Return the exit status that a shell gives to the first signal, 0 if there was none."""
    return 128 + _received[0] if _received else 0


class Ending:
    """A block that ends at the first signal, and what says so.

    A second signal passes through, after which nothing more may be written. status: the exit status
    of the signal that ended the block, or 0.
    """

    status = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        if not isinstance(error, KeyboardInterrupt) or len(_received) > 1:
            return False
        self.status = get_exit_status() or 128 + signal.SIGINT
        return True
