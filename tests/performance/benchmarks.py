"""Benchmarks of pytest-benchmark: an epoch of each implementation, and the suite's own parts.

``nox -s perf`` runs them; pytest collects this file only where it is named.
"""

from contextlib import suppress
from itertools import count

import pytest
from msgspec.structs import replace

from bench.data import dataset
from bench.planning.cases import Size, complete_case, find_implementation
from bench.report.base.load import load_runs
from bench.report.write import write_report
from bench.runner.drive import Drive, measure_exchange
from bench.runner.lock import hold_host_lock
from bench.runner.parity.draws import Draws, Epoch
from bench.runner.parity.evidence import Evidence, join_params
from bench.runner.parity.judge import Judge
from bench.runner.process import preflight, spec
from bench.runner.process.launch import Worker
from bench.runner.process.session import ProcessStopped
from bench.worker import exchange, machine
from bench.worker.data import read_labels
from bench.worker.workloads import WORKLOADS
from implementations.idiomatic.softmax_numpy import Trainer

# Five of them are compared with the oracle.
EPOCHS = 10
PUBLISHED_RUN = machine.ROOT / "results" / "reference" / "amd-epyc-zen5-2-cores"


@pytest.fixture(scope="session", autouse=True)
def host_lock():
    """Wait until nothing else of the suite measures on this host."""
    with hold_host_lock():
        yield


@pytest.fixture(scope="session")
def data(request):
    return dataset.find(request.config.getoption("--data"))


@pytest.fixture(scope="session")
def judge(data):
    return Judge(data.folder, data.classes)


@pytest.fixture(scope="session")
def draws():
    """Draws that all implementations share, so that the oracle trains one path."""
    return Draws.make(None, 1)


def make_case(name, data, env=()):
    """Return the case of an implementation or of an own file, on all cores."""
    workload, samples = WORKLOADS["sgd"], len(read_labels(data.folder, "train"))
    size = Size(workload.batch_size, len(machine.list_usable_cores()), samples)
    incomplete = find_implementation(name, preflight.inspect)
    incomplete = replace(incomplete, env=spec.parse_env(env, ["cpu"]))
    return complete_case(incomplete, workload.name, "cpu", size, EPOCHS)


def start_worker(case, data, folder):
    child = spec.ChildSpec(threads=case.threads, variables=case.worker_variables)
    request = spec.request_training(case, data)
    return Worker(request, child, folder / "worker", measure_exchange(case, data))


@pytest.mark.benchmark(group="epoch")
def test_epoch(benchmark, pytestconfig, tmp_path, data, judge, draws, implementation):
    """An epoch, from the command to train it until the parent has the params."""
    case = make_case(implementation, data, pytestconfig.getoption("--env"))
    numbers = count(1)

    def draw_order():
        epoch = Epoch("timed", next(numbers))
        drive.reset(epoch)
        drive.settle()
        return (exchange.TRAIN,), {"indices": draws.draw_order(epoch, case.samples)}

    def keep_params(*_, **__):
        epoch = max(drive.evidence.starts.keys() - drive.evidence.params.keys())
        drive.evidence.params[epoch] = worker.exchange.params.copy()
        worker.call(exchange.COLLECT)

    with start_worker(case, data, tmp_path) as worker:
        drive = Drive(worker, case, draws, data.folder)
        with suppress(ProcessStopped):
            drive.set_up()
            drive.train_first()
            drive.train_stretch()
            benchmark.pedantic(worker.call, setup=draw_order, teardown=keep_params, rounds=EPOCHS)
        outcome = worker.finish()
    if outcome.status == "unavailable":
        pytest.skip(outcome.reason)
    if outcome.status != "ok":
        pytest.fail(outcome.reason, pytrace=False)
    judgement = judge.judge(case, draws, drive.evidence)
    benchmark.extra_info |= {"threads": case.threads, "env": case.env}
    if judgement.parity is not None:
        benchmark.extra_info["parity_error"] = judgement.parity.error
        benchmark.extra_info["validation_accuracy"] = judgement.validation_accuracy[-1]
    if judgement.fault is not None:
        benchmark.stats.group = "epoch of other mathematics"  # not beside those that are right
        pytest.fail(judgement.fault, pytrace=False)


@pytest.mark.benchmark(group="suite")
def test_load_data(benchmark, data, judge):
    """Every page of the training images, from the page cache."""
    benchmark.pedantic(judge.read_problem, args=(make_case("numpy", data),), rounds=EPOCHS)


@pytest.mark.benchmark(group="suite")
def test_judge_epoch(benchmark, data, judge, draws):
    """An epoch of the oracle, and the comparison of its params with NumPy's."""
    case = make_case("numpy", data)
    problem = judge.read_problem(case)
    trainer, epoch = Trainer(problem, "cpu"), Epoch("timed", 1)
    known, features, classes = WORKLOADS["sgd"], problem.features, problem.classes
    initial = draws.draw_initial_params(known, features, classes, epoch)
    trainer.reset(initial)
    params = join_params(trainer.train_epoch(draws.draw_order(epoch, case.samples)))
    evidence = Evidence({epoch: initial}, {epoch: params})

    def judge_anew():
        return Judge(data.folder, data.classes).judge_epoch(case, draws, evidence)

    assert benchmark.pedantic(judge_anew, rounds=3).fault is None


@pytest.mark.benchmark(group="suite")
def test_render_report(benchmark, tmp_path):
    """The report of a published run, with its page and charts."""
    runs = load_runs([PUBLISHED_RUN])
    benchmark.pedantic(write_report, args=(runs, tmp_path / "report"), rounds=3)
