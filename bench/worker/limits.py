"""What a child asks of the system before it imports anything of anybody's."""

import ctypes
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def end_with_parent() -> None:
    """Ask Linux to end this process with its parent: nobody measures beside an orphan."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def disable_core_dumps() -> None:
    """Have a crash write no core file: of a framework, that is gigabytes on somebody's disk."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def limit_memory(size: int | None) -> None:
    """Let this process allocate so many bytes and no more; None limits nothing.

    Linux counts what can be written and is nobody else's, not what is merely reserved (RLIMIT_DATA
    of setrlimit(2)). Elsewhere address space is all that can be limited, if anything can.
    """
    if size is not None:
        what = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
        resource.setrlimit(what, (size, size))
