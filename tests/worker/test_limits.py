"""The limits that a worker sets for itself."""

import subprocess
import sys

CODE = """
import resource
from bench.worker import __main__ as process
process.disable_core_dumps()
print(resource.getrlimit(resource.RLIMIT_CORE)[0])
"""


def test_crash_writes_no_core_file():
    done = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True)
    assert done.stdout == "0\n"
