"""The worker process: import NumPy, then one implementation, at the parent's commands.

Usage: ``python -m bench.worker FOLDER COMMANDS ANSWERS MEMORY``. FOLDER holds ``request.json``; the
others are descriptors of two pipes and of the file of the exchange (bench/worker/exchange.py).
Any interpreter that has NumPy and the framework can be a worker.
"""

import os
import sys


def main() -> None:
    """Import NumPy alone, so that the parent can time it as a part of a cold start; then serve."""
    commands, answers = map(int, sys.argv[2:4])
    # PING and NUMPY of the exchange, which itself needs NumPy.
    if not os.read(commands, 1):
        return
    os.write(answers, b".")
    if not os.read(commands, 1):
        return
    import numpy  # noqa: F401, ICN001 - what is timed

    os.write(answers, b"n")
    from bench.worker.serve import main as serve

    serve()


if __name__ == "__main__":
    main()
    # Skip interpreter shutdown: frameworks take up to 1 s to tear down, and the document is
    # written. What was printed is evidence, so flush it.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
