"""What the suite adds to an epoch."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from bench.analysis.intervals import estimate_typical
from bench.data import dataset
from bench.planning.cases import Size, complete_case, find_implementation
from bench.runner.drive import Drive, measure_exchange
from bench.runner.host.kernel import pin
from bench.runner.parity.draws import Draws
from bench.runner.process import spec
from bench.runner.process.launch import Worker, write_folder
from bench.runner.process.spec import ChildSpec, build_variables
from bench.worker import data as prepared
from bench.worker import machine
from bench.worker.exchange import ExchangeSize
from bench.worker.workloads import WORKLOADS

BARE = Path(__file__).with_name("bare_loop.py")
THREADS = len(machine.list_usable_cores())


def time_under_suite(case, data, scratch):
    child = ChildSpec(threads=THREADS, variables=case.variables)
    request, size = spec.request_training(case, data), measure_exchange(case, data)
    with Worker(request, child, scratch, size) as worker:
        drive = Drive(worker, case, Draws.make(42, 1), data.folder)
        drive.set_up()
        drive.train_first()
        drive.train_all(0.0)
        outcome = worker.finish()
    assert outcome.status == "ok"
    return median(drive.measurement.epoch_seconds)


def make_case(name, data, threads, epochs):
    samples = len(prepared.read_labels(data.folder, "train"))
    size = Size(WORKLOADS["sgd"].batch_size, threads, samples)
    return complete_case(find_implementation(name, None), "sgd", "cpu", size, epochs)


def time_bare_loop(case, data, scratch):
    """Return the median epoch that bare_loop.py prints."""
    child = ChildSpec(threads=case.threads, variables=case.variables)
    # The same empty caches, and the same suite to import from.
    write_folder(scratch, {}, child, ExchangeSize())
    with pin(machine.list_usable_cores()[-case.threads :]):
        ended = subprocess.run(
            [sys.executable, BARE, case.module, data.folder, str(case.epochs)],
            env={"PATH": os.environ["PATH"], **build_variables(child, scratch)},
            cwd=scratch,
            capture_output=True,
            text=True,
            check=True,
        )
    return median(json.loads(ended.stdout))


# An epoch of digits takes a millisecond: it shows what is added to any epoch, in microseconds. On
# the real data the ratio counts.
@pytest.mark.overhead
@pytest.mark.parametrize(
    ("name", "data_set", "epochs", "pairs"),
    [("numpy", None, 6, 60), ("jax-scan", None, 6, 60), ("numpy", "digits", 200, 40)],
)
def test_epoch_under_suite_takes_as_long_as_in_bare_loop(
    capsys, tmp_path, name, data_set, epochs, pairs
):
    data = dataset.find(data_set)
    case = make_case(name, data, THREADS, epochs)
    draw = random.Random(42)
    seconds = []
    for number in range(pairs):
        ways = [time_under_suite, time_bare_loop]
        draw.shuffle(ways)
        pair = {way: way(case, data, tmp_path / f"{number}-{way.__name__}") for way in ways}
        seconds.append((pair[time_under_suite], pair[time_bare_loop]))
    ratio = estimate_typical([suite / bare for suite, bare in seconds])
    added = 1e6 * median(suite - bare for suite, bare in seconds)
    interval = f"[{ratio.low:.4f}, {ratio.high:.4f}]"
    with capsys.disabled():
        print(
            f"\n{name} on {data.name}, {pairs} pairs: {ratio.mean:.4f} {interval}, {added:+.0f} µs"
        )
    # A ratio within one run: it must not be shown that the suite costs a hundredth.
    assert data_set == "digits" or ratio.low < 1.01
