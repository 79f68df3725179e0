"""What an epoch has besides its steps: the suite's own work, and copies that a program makes."""

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
from implementations import IMPLEMENTATIONS

BARE, INSIDE = (Path(__file__).with_name(f"{name}.py") for name in ("bare_loop", "inside_epochs"))
THREADS = len(machine.list_usable_cores())
TUNED = [one.name for one in IMPLEMENTATIONS if one.style == "tuned"]
KERAS = [one.name for one in IMPLEMENTATIONS if (one.framework, one.data) == ("keras", "streamed")]


def time_under_suite(case, data, scratch):
    child = ChildSpec(threads=THREADS, variables=case.variables)
    request, size = spec.request_training(case, data), measure_exchange(case, data)
    with Worker(request, child, scratch, size) as worker:
        drive = Drive(worker, case, Draws.make(42, 1))
        drive.set_up()
        drive.train_first()
        drive.train_all(0.0)
        outcome = worker.finish()
    assert outcome.status == "ok"
    return median(drive.measurement.epoch_seconds)


def time_bare_loop(case, data, scratch):
    return median(run_script(BARE, case, data, scratch))


def look_inside(tmp_path, name, function, threads, epochs):
    """Return what a function of inside_epochs.py finds in a program's epochs on the real data."""
    data = dataset.find()
    return run_script(INSIDE, make_case(name, data, threads, epochs), data, tmp_path, function)


def make_case(name, data, threads, epochs):
    samples = len(prepared.read_labels(data.folder, "train"))
    size = Size(WORKLOADS["sgd"].batch_size, threads, samples)
    return complete_case(find_implementation(name, None), "sgd", "cpu", size, epochs)


def run_script(script, case, data, scratch, *arguments):
    """Return what a script of this folder prints of a case's epochs."""
    child = ChildSpec(threads=case.threads, variables=case.variables)
    # The same empty caches, and the same suite to import from.
    write_folder(scratch, {}, child, ExchangeSize())
    with pin(machine.list_usable_cores()[-case.threads :]):
        ended = subprocess.run(
            [sys.executable, script, case.module, data.folder, str(case.epochs), *arguments],
            env={"PATH": os.environ["PATH"], **build_variables(child, scratch)},
            cwd=scratch,
            capture_output=True,
            text=True,
            check=True,
        )
    return json.loads(ended.stdout)


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


@pytest.mark.overhead
@pytest.mark.parametrize("threads", range(1, THREADS + 1))
@pytest.mark.parametrize("name", KERAS)
def test_share_of_an_epoch_in_which_keras_programs_copy_the_images(capsys, tmp_path, name, threads):
    epochs = look_inside(tmp_path, name, "time_copies", threads, 5)
    assert all(0 < copying < epoch for epoch, copying in epochs)
    shares = sorted(copying / epoch for epoch, copying in epochs)
    seconds, copying = (median(column) for column in zip(*epochs, strict=True))
    with capsys.disabled():
        print(
            f"\n{name}, {threads} threads: {1e3 * copying:.0f} ms of {1e3 * seconds:.0f} ms, "
            f"{median(shares):.1%} ({shares[0]:.1%} to {shares[-1]:.1%})"
        )


@pytest.mark.overhead
def test_share_of_an_epoch_in_which_keras_on_tensorflow_computes(capsys, tmp_path):
    times = look_inside(tmp_path, "keras-tensorflow", "time_fits", 1, 5)
    assert all(cpu > 0 and wall > 0 for wall, cpu in times.values())
    with capsys.disabled():
        for name, (wall, cpu) in times.items():
            print(f"\n{name}: {wall / 5:.2f} s an epoch, computes for {cpu / wall:.0%}", end="")


@pytest.mark.overhead
@pytest.mark.parametrize("name", TUNED)
def test_epoch_of_tuned_program_in_turn_with_a_product_of_matrices(capsys, tmp_path, name):
    times = look_inside(tmp_path, name, "time_beside_products", 1, 20)
    assert all(len(pairs) == 20 and min(map(min, pairs)) > 0 for pairs in times.values())
    with capsys.disabled():
        for order, pairs in times.items():
            typical = estimate_typical([taken / least for taken, least in pairs])
            roofline = median(least for _, least in pairs) / 1e6
            print(
                f"\n{name}, {order} images: {typical.mean:.2f} [{typical.low:.2f}, "
                f"{typical.high:.2f}] times the roofline of {roofline:.1f} ms",
                end="",
            )
