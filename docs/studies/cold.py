"""Ask whether a start is shorter where what the row's last process mapped was read before it.

``python docs/studies/cold.py FOLDER`` measures ten pairs of starts of five rows into FOLDER and
writes FOLDER/cold.csv. Before each process the machine idles until nobody has read the row's files
for SECONDS: some kernels take such files away (DAMON ``pageout``). A coin decides which side of a
pair comes first. It takes 40 minutes.
"""

import csv
import os
import re
import secrets
import sys
import threading
from pathlib import Path

from bench.data import dataset
from bench.planning.plan import Host, RunOptions, plan_run
from bench.records import store
from bench.records.schema import Trial
from bench.runner import lock
from bench.runner.runner import Runner
from bench.worker.measure import now

ROWS = ("numpy", "jax", "pytorch", "tensorflow", "flax-nnx-functional")
PAIRS = 10
SECONDS = 100
HEADINGS = ("program", "pair", "read", "start", "disk_bytes", "reading_seconds", "files")


def list_children() -> list[str]:
    """Return the processes that this one has started, and theirs."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[path.parent.name] = fields[1]
    found = {str(os.getpid())}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {str(os.getpid())})


def watch(mapped: set[str], ended: threading.Event) -> None:
    """Add the files that children map, until the process has ended."""
    while not ended.wait(0.3):
        for child in list_children():
            try:
                maps = Path(f"/proc/{child}/maps").read_text()
            except OSError:
                continue
            mapped |= set(re.findall(r"\S+ +(/\S+)$", maps, re.MULTILINE))


def read(files: set[str]) -> float:
    """Read files to their ends; return the seconds."""
    begin = now()
    for path in sorted(files):
        if Path(path).is_file():
            with Path(path).open("rb", buffering=0) as file:
                while file.read(1 << 22):
                    pass
    return now() - begin


def main() -> None:
    """Measure the pairs."""
    folder = Path(sys.argv[1])
    options = RunOptions(
        implementations=ROWS, workloads=("sgd",), rounds=2 * PAIRS + 1, threads=(1,), roofline=False
    )
    folder, run = plan_run(options, folder, "docs/studies/cold.py", Host(2, 2**34), lambda _: None)
    store.create_run(folder, run)
    cases = [case for case in run.cases if case.implementation in ROWS]
    assert len(cases) == len(ROWS), [case.slug for case in cases]
    data = dataset.find(None)
    mapped = {case.slug: set[str]() for case in cases}
    last: dict[str, float] = {}
    first: dict[str, bool] = {}
    with (
        lock.hold_host_lock(print),
        Runner(folder, run, data) as runner,
        (folder / "cold.csv").open("w", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(HEADINGS)
        for turn in range(2 * PAIRS + 1):
            for case in cases:
                if turn:
                    threading.Event().wait(max(0.0, last[case.slug] + SECONDS - now()))
                if turn % 2:
                    first[case.slug] = bool(secrets.randbelow(2))
                reads = turn > 0 and first[case.slug] == bool(turn % 2)
                reading = read(mapped[case.slug]) if reads else 0.0
                ended = threading.Event()
                watcher = threading.Thread(target=watch, args=(mapped[case.slug], ended))
                if not turn:
                    watcher.start()
                record = runner.measure(Trial(f"r{turn}-{case.slug}", "trial", turn, case))
                ended.set()
                last[case.slug] = now()
                start = sum(
                    getattr(record, name) or 0.0
                    for name in ("import_seconds", "setup_seconds", "first_epoch_seconds")
                )
                row = [
                    case.implementation,
                    (turn + 1) // 2,
                    int(reads),
                    f"{start:.4f}",
                    record.memory_state.get("disk_bytes"),
                    f"{reading:.3f}",
                    len(mapped[case.slug]),
                ]
                sys.stdout.write(f"{record.status} {row}\n")
                if turn:
                    writer.writerow(row)
                    file.flush()


main()
