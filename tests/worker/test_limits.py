"""The limits that a worker sets for itself: memory and core files."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def said():
    """What a Python that has called these functions prints."""
    # Without its lines being counted: who is not root could not write that down.
    own = {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_CONFIG"}

    def say(code):
        done = subprocess.run(
            [sys.executable, "-c", f"from bench.worker import __main__ as process\n{code}"],
            env=own,
            check=False,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip() or done.stderr.strip().splitlines()[-1]

    return say


ALLOCATE = "process.limit_memory({})\nprint(len(bytearray({})))"


def test_memory_limit_stops_larger_allocations(said):
    assert said(ALLOCATE.format(2**28, 2**26)) == str(2**26)
    assert said(ALLOCATE.format(2**28, 2**29)) == "MemoryError"


def test_no_memory_limit_by_default(said):
    assert said(ALLOCATE.format(None, 2**29)) == str(2**29)


def test_reserved_memory_does_not_count(said):
    # As XLA and TensorFlow reserve address space: nobody can write there.
    reserve = "import mmap\nmmap.mmap(-1, 2**32, prot=mmap.PROT_READ)\nprint('reserved')"
    assert said(f"process.limit_memory({2**28})\n{reserve}") == "reserved"


def test_memory_limit_cannot_be_lifted(said):
    lift = "resource.setrlimit(resource.RLIMIT_DATA, (2**30, 2**30))"
    code = f"import os, resource\nprocess.limit_memory({2**28})\nos.setuid(65534)\n{lift}"
    assert said(code) == "ValueError: not allowed to raise maximum limit"


def test_crash_writes_no_core_file(said):
    code = "import resource\nprocess.disable_core_dumps()\nprint(resource.getrlimit(resource.RLIMIT_CORE)[0])"  # noqa: E501 - one program
    assert said(code) == "0"
