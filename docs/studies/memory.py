"""Make states of a machine's memory: what they do to programs, and whether a run names them.

``python docs/studies/memory.py FOLDER 10`` as root on a quiet Linux makes each state, measures some
programs in ten runs, and prints the table docs/studies/memory.csv: medians over the runs, and in
how many of them the last lines named a disturbance. FOLDER gets the runs.

``python docs/studies/memory.py explain RUN`` prints how much of the spread between processes the
probes explain. In results/reference/amd-epyc-zen4-2-cores-second (64 processes): of epochs the
kernel 27 %, a gather and small pages 1 % each, new memory nothing; of cold starts the gather 14 %,
the kernel 3 %, the others 1 % or less. So only the kernel adjusts anything.

Free memory of this virtual machine goes back to its host: 150 MB of new memory then take 0.1 to
0.4 s, else 0.016 s. Where most memory had been filled before, the cold start of ``jax-scan`` took
half as long. A run does not fill memory itself: a user's process on such a machine pays for it.
"""

import csv
import os
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from bench.records.schema import TrialRecord
from bench.report.base.load import load_run
from bench.worker.measure import pause

PROGRAMS = ("numpy", "jax", "jax-scan")
PROBES = ("fill_seconds", "gather_seconds", "page_seconds")
VM = Path("/proc/sys/vm")
# The states that are made before each run take half a minute each.
FEW = 3
# Memory that a run needs besides what a state takes.
ROOM = 2**31
FILL = "import numpy as np, sys; kept = [np.ones(2**27) for _ in range(int(sys.argv[1]) >> 30)]"
# Every second page is given back; the others may not be moved, as those of a kernel may not.
PIECES = """
import ctypes, mmap, sys
import numpy as np
memory = mmap.mmap(-1, int(sys.argv[1]) >> 13 << 13, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory.madvise(mmap.MADV_NOHUGEPAGE)
pages = np.frombuffer(memory, np.uint8)
place, size = ctypes.c_void_p(pages.ctypes.data), ctypes.c_size_t(len(memory))
assert ctypes.CDLL(None).syscall(325, place, size, 1) == 0  # mlock2: what is touched stays
pages[::4096] = 1
for start in range(0, len(memory), 8192):
    memory.madvise(24, start, 4096)  # MADV_DONTNEED_LOCKED
print("ready", flush=True)
sys.stdin.read()
"""
STREAM = "import numpy as np\nof = np.ones(2**27)\nwhile True: of += 1"


def call(code: str, *arguments: object) -> None:
    subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True)


@contextmanager
def quiet() -> Iterator[None]:
    yield


@contextmanager
def filled(seconds: float = 0.0) -> Iterator[None]:
    """Use most of the free memory some seconds before, so that a host has provided it."""
    call(FILL, psutil.virtual_memory().available - ROOM)
    pause(seconds)
    yield


@contextmanager
def filled_before() -> Iterator[None]:
    with filled(20.0):
        yield


@contextmanager
def cold_disk() -> Iterator[None]:
    """Drop the page cache all the time."""
    end = threading.Event()

    def drop() -> None:
        while not end.wait(0.5):
            (VM / "drop_caches").write_text("1")

    thread = threading.Thread(target=drop)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


@contextmanager
def in_pieces() -> Iterator[None]:
    """Leave no huge page free."""
    allowed = VM / "compact_unevictable_allowed"
    before = allowed.read_text()
    allowed.write_text("0")
    (VM / "drop_caches").write_text("1")
    size = psutil.virtual_memory().free - 2**24
    words = [sys.executable, "-c", PIECES, str(size)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            holder.stdout.readline()
            yield
        finally:
            holder.kill()
            allowed.write_text(before)


@contextmanager
def neighbour() -> Iterator[None]:
    """Let another process stream through memory, on the first core."""
    with subprocess.Popen([sys.executable, "-c", STREAM]) as other:
        os.sched_setaffinity(other.pid, {min(os.sched_getaffinity(0))})
        try:
            yield
        finally:
            other.kill()


# Those that hold for all runs, and those that are made before each.
LASTING: tuple[Callable[[], Any], ...] = (quiet, cold_disk, in_pieces, neighbour)
BRIEF: tuple[Callable[[], Any], ...] = (filled, filled_before)


def measure(folder: Path) -> None:
    words = [sys.executable, "-m", "bench", "run", "--workload=sgd", "--threads=1", "--rounds=1"]
    words += ["--no-roofline", f"--output={folder}"]
    words += [f"--implementation={name}" for name in PROGRAMS]
    subprocess.run(words, check=False, stdout=subprocess.DEVNULL)


def list_values(trial: TrialRecord) -> list[float]:
    """Return the values of a row of the table."""
    starts = trial.import_seconds, trial.setup_seconds, trial.first_epoch_seconds
    state = {name: value or 0.0 for name, value in trial.memory_state.items()}
    return [
        1e3 * median(trial.epoch_seconds),
        sum(value or 0.0 for value in starts),
        1e3 * state.get("fill_seconds", 0.0),
        1e3 * state.get("gather_seconds", 0.0),
        1e6 * state.get("page_seconds", 0.0),
        state.get("huge_share", 0.0),
        state.get("disk_bytes", 0.0) / 1e6,
        median(trial.epoch_faults),
    ]


TITLES = (
    "epoch, ms",
    "cold start, s",
    "fill, ms",
    "gather, ms",
    "page, us",
    "huge pages",
    "disk, MB",
)


def explain(folder: Path) -> None:
    """Print which share of the spread between the processes of a row each probe explains."""
    rows = defaultdict(list)
    for trial in load_run(folder).records:
        if isinstance(trial, TrialRecord) and trial.status == "ok" and trial.kernel_seconds:
            starts = trial.import_seconds, trial.setup_seconds, trial.reset_seconds
            cold = sum(map(float, (*starts, trial.first_epoch_seconds)))
            probes = [trial.memory_state[name] for name in PROBES]
            values = median(trial.epoch_seconds), cold, median(trial.kernel_seconds), *probes
            rows[trial.case.slug].append(np.log(values))
    several = [np.array(values) for values in rows.values() if len(values) > 1]
    centred = np.concatenate([values - values.mean(axis=0) for values in several])
    shares = np.corrcoef(centred, rowvar=False) ** 2
    print(f"{len(centred)} processes; share of the variance of epochs, and of starts, explained by")
    for place, name in enumerate(("kernel_seconds", *PROBES), 2):
        print(f"{name:15} {shares[0, place]:.2f} {shares[1, place]:.2f}")


def main() -> None:
    """Print the table, of the runs in FOLDER that are there already, or explain RUN."""
    if sys.argv[1] == "explain":
        explain(Path(sys.argv[2]))
        return
    parent, times = Path(sys.argv[1]), int(sys.argv[2])
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["state", "program", *TITLES, "faults an epoch", "named", "of"])
    for state in (*LASTING, *BRIEF):
        count = times if state in LASTING else min(times, FEW)
        folders = [parent / f"{state.__name__}-{number}" for number in range(count)]
        missing = [folder for folder in folders if not folder.exists()]
        with ExitStack() as stack:
            if state in LASTING and missing:
                stack.enter_context(state())
            for folder in missing:
                with quiet() if state in LASTING else state():
                    measure(folder)
        runs = [load_run(folder) for folder in folders]
        named = sum(bool(run.noise.causes) for run in runs)
        trials = [one for run in runs for one in run.records if isinstance(one, TrialRecord)]
        for name in PROGRAMS:
            rows = [list_values(one) for one in trials if one.case.implementation == name]
            values = [f"{median(column):.3g}" for column in zip(*rows, strict=True)]
            out.writerow([state.__name__.replace("_", " "), name, *values, named, count])
        sys.stdout.flush()


if __name__ == "__main__":
    main()
