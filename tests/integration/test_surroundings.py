"""A run and every verb that reads, in surroundings of which nobody thinks.

Each is a line of a shell before the program. Status 1 means "slower" and a traceback is a fault.
"""

import shlex
import subprocess
import sys

import pytest
from support.processes import RUN

from bench.worker.machine import ROOT

SURROUNDINGS = {
    "POSIX": "export LC_ALL=POSIX PYTHONUTF8=0 PYTHONCOERCECLOCALE=0",
    "C": "export LC_ALL=C",
    "Turkish": "export LC_ALL=tr_TR.UTF-8",
    "Latin-1": "export PYTHONIOENCODING=latin-1",
    "ASCII": "export PYTHONIOENCODING=ascii",
    "no docstrings": "export PYTHONOPTIMIZE=2",
    "warnings": "export PYTHONWARNINGS=error",
    "no bytecode": "export PYTHONDONTWRITEBYTECODE=1",
    "narrow": "export COLUMNS=40 TERM=dumb",
    "closed stdin": "exec <&-",
    "private": "umask 077",
    "no home": "unset HOME",
    "read-only home": "unset SOFTMAX_BENCH_CACHE XDG_CACHE_HOME; export HOME=/proc",
    "temporary files here": "export TMPDIR=.",
    "another file system": "export TMPDIR=/dev/shm",
    "one core": "taskset -p -c 0 $$",
    "little memory": "ulimit -v 3500000",
    "few files": "ulimit -n 64",
    "a stranger's path": 'mkdir "it\'s\n\N{PARTY POPPER}" && cd "it\'s\n\N{PARTY POPPER}"',
    "no git": "mkdir programs && export PATH=$PWD/programs",
    # As another user's, without .git. Root may write into it.
    "a read-only copy": (
        "cp -R $PYTHONPATH/bench $PYTHONPATH/implementations . && chmod -R a-w bench && "
        "export PYTHONPATH=$PWD"
    ),
}
# Without charts there is no index, and without a place for the data no run.
REFUSED = {
    "read-only home": {"run", "check", "export", "data", "report"},
    "little memory": {"report"},
    "no docstrings": {"report"},
}
ALL = """
import sys
from pathlib import Path
from bench.cli import app
statuses = {{}}
for words in {verbs!r}:
    sys.argv = ["bench", *words]
    try:
        app.main()
    except SystemExit as end:
        statuses[words[0]] = end.code
Path("statuses").write_text(repr(statuses))
"""
VERBS = [
    [*RUN, "--implementation=numpy", "--rounds=1", "--output=results/out"],
    ["check", "results/out"],
    ["export", "results/out", "--format=pyperf"],
    *([verb] for verb in ("list", "data", "machine", "report")),
]


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_every_verb_works_in_surroundings(tmp_path, surroundings, alone, name):
    python = f"{shlex.quote(sys.executable)} -P -c {shlex.quote(ALL.format(verbs=VERBS))}"
    done = subprocess.run(
        ["sh", "-c", f"{SURROUNDINGS[name]}\nexec {python}"],
        cwd=tmp_path,
        env={**surroundings, **alone, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    (statuses,) = (eval(path.read_text()) for path in tmp_path.rglob("statuses"))
    expected = {verb: 2 if verb in REFUSED.get(name, ()) else 0 for verb, *_ in VERBS}
    assert statuses == expected, done.stderr.decode()
