"""Run the command line: ``python -m bench``."""

import os
import signal

# Until the program has its own handler: no traceback of imports.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from bench.cli.app import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
