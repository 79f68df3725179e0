"""The commands of the parent, executed in this process on a trainer that records its calls."""

import gc
import multiprocessing
import signal
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from bench.contract import Params
from bench.worker import data, exchange, session
from bench.worker.exchange import Exchange, ExchangeSize, create_file
from bench.worker.guard import ContractError
from bench.worker.session import WorkerSession
from bench.worker.workloads import WORKLOADS

ORDER = np.arange(320)[::-1].copy()


class Trainer:
    """Adds one to its weights in each epoch, and calls a hook in each method."""

    hook = staticmethod(lambda _: None)  # a test replaces it

    def __init__(self, problem, device):
        self.problem, self.device = problem, device
        self.orders, self.images = [], []
        self.hook("__init__")

    def reset(self, params):
        self.received = params
        self.params = Params(*(part.copy() for part in params))
        self.hook("reset")

    def train_epoch(self, order):
        self.orders.append(order)
        self.params.weight[:] += 1
        self.params.bias[:] += 1
        self.returned = Params(*(part.copy() for part in self.params))
        self.hook("train_epoch")
        return self.returned

    def predict(self, images):
        self.images.append(images)
        self.hook("predict")
        return np.full(len(images), len(self.images))


@pytest.fixture
def memory(tmp_path):
    size = ExchangeSize(320, 357, 64, 10)
    return Exchange(create_file(tmp_path, size), size)


@pytest.fixture
def serve(make_request, memory, monkeypatch, tmp_path):
    """Return a function that executes a command, after a Trainer was set up with a hook."""

    def start(hook=lambda trainer, method: None, **changes):
        monkeypatch.setattr(Trainer, "hook", hook)
        request = make_request(samples=320, batch_size=16, **changes)
        served = WorkerSession(request, memory, tmp_path)
        served.module = SimpleNamespace(Trainer=Trainer)
        served.read_data()
        served.set_up()

        def execute(command, indices=ORDER):
            if indices is not None:
                memory.write_indices(indices)
            return served.methods[command]()

        execute.trainer, execute.results, execute.session = served._trainer, served.results, served
        return execute

    return start


def test_trainer_gets_the_problem_and_the_device(serve, digits):
    trainer = serve(workload="textbook", device="gpu").trainer
    problem = trainer.problem
    assert (problem.samples, problem.batch_size, problem.classes) == (320, 16, 10)
    assert problem.optimizer == WORKLOADS["textbook"].optimizer
    assert np.array_equal(problem.images, data.read(digits.folder, "train")[0][:320])
    assert trainer.device == "gpu"


def test_predictions_are_of_the_images_in_the_exchange(serve, memory, digits):
    execute, (images, _) = serve(), data.read(digits.folder, "test")
    memory.write_averages(images[:3], images[1:4])
    execute(exchange.PREDICT, None)
    assert memory.labels[:3].tolist() == [1, 1, 1]
    averages = (images[:3] + images[1:4]) / 2
    assert np.array_equal(execute.trainer.images.pop(), averages)
    memory.write_averages(images[3:5], images[3:5])
    execute(exchange.PREDICT_SINGLY, None)
    assert memory.labels[:3].tolist() == [1, 2, 1]
    assert np.array_equal(execute.trainer.images, [images[[3]], images[[4]]])


def test_noise_is_trained_by_a_second_trainer_from_given_params(serve, memory, tmp_path, digits):
    execute = serve()
    images, labels = (part[:32] for part in data.read(digits.folder, "test"))
    np.save(tmp_path / "train_images.npy", images)
    np.save(tmp_path / "train_labels.npy", labels)
    memory.params[:] = 5
    execute(exchange.TRAIN_ON_NOISE, ORDER[-32:])
    second = execute.session._trainer
    assert second is not execute.trainer
    assert np.array_equal(second.problem.images, images)
    assert np.array_equal(second.orders, [ORDER[-32:]])
    assert np.all(memory.params == 6)
    execute(exchange.COLLECT, ORDER[-32:])


def test_ping_takes_an_order_and_notes_how_long_it_computed(serve, memory):
    execute = serve()
    execute(exchange.PING)
    assert memory.seconds[0] >= session.PING_SECONDS
    assert execute.trainer.orders == []


def test_young_garbage_is_collected_after_an_epoch(serve, monkeypatch):
    execute, collected = serve(), []
    monkeypatch.setattr(gc, "collect", lambda *generation: collected.append(generation))
    execute(exchange.RESET)
    execute(exchange.TRAIN)
    assert collected == []
    execute(exchange.COLLECT)
    assert collected == [(1,)]


def spoil(array):
    array[0] = 7


def spoil_at(method, choose):
    """Return a hook that writes to an array of the trainer in this method."""
    return lambda trainer, name: spoil(choose(trainer)) if name == method else None


def test_processes_that_python_ends_where_it_exits_have_ended(serve):
    execute = serve()
    helper = multiprocessing.Process(target=signal.pause, daemon=True)
    helper.start()
    execute(exchange.END)
    assert helper.exitcode is not None


INITIAL, RETURNED, RECEIVED = "the initial params", "params that it had returned", "the order"


@pytest.mark.parametrize(
    ("hook", "commands", "fault"),
    [
        (spoil_at("reset", lambda self: self.received.weight), "rtc", INITIAL),
        (spoil_at("train_epoch", lambda self: self.received.bias), "rtc", INITIAL),
        (spoil_at("train_epoch", lambda self: self.orders[-1]), "rtc", RECEIVED),
        # Once an epoch has returned: in a thread, say, or in the next call.
        (spoil_at("predict", lambda self: self.returned.weight), "rtcpq", RETURNED),
        (spoil_at("predict", lambda self: self.returned.bias), "rtcpr", RETURNED),
        (spoil_at("predict", lambda self: self.problem.images), "rtcpv", "the training data"),
        (spoil_at("predict", lambda self: self.problem.labels), "rtcpv", "the training data"),
        (lambda *_: gc.disable(), "rtcpq", "garbage collector"),
    ],
)
def test_changed_array_or_collector_is_a_fault_of_the_next_look(
    serve, memory, hook, commands, fault
):
    execute = serve(hook)
    memory.params[:] = 0
    try:
        for command in commands[:-1]:
            execute(command.encode())
        with pytest.raises(ContractError, match=fault):
            execute(commands[-1].encode())
    finally:
        gc.enable()


@pytest.fixture
def own_file(tmp_path):
    yield tmp_path / "own_softmax.py"
    sys.modules.pop("own_softmax", None)


def test_implementation_is_loaded_by_name_or_from_a_file(make_request, memory, own_file):
    own_file.write_text("class Trainer: ...")
    served = WorkerSession(make_request(file=str(own_file)), memory, own_file.parent)
    served.load()
    assert served.module.Trainer.__module__ == "own_softmax"
    assert sys.modules["own_softmax"] is served.module  # so that its classes can be found
    named = session.load_module(make_request())
    assert named.__name__ == "implementations.idiomatic.softmax_numpy"


def test_file_that_is_not_python_is_an_import_error(tmp_path):
    (tmp_path / "own.txt").write_text("")
    with pytest.raises(ImportError, match=r"own.txt is not a Python file"):
        session.load_module({"file": str(tmp_path / "own.txt")})


def fail():
    raise RuntimeError("no such counter")


@pytest.mark.parametrize(
    ("readers", "peak"),
    [
        ({}, None),
        ({"torch": lambda: 7, "keras": lambda: 7, "jax": lambda: None}, 7),
        ({"jax": fail, "torch": lambda: 3}, 3),
    ],
)
def test_frameworks_own_peak_is_what_its_device_look_up_says(monkeypatch, readers, peak):
    for name in [name for name in sys.modules if name.startswith("implementations._devices.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "implementations._devices.other", SimpleNamespace())
    for name, read in readers.items():
        module = SimpleNamespace(read_peak_bytes=read)
        monkeypatch.setitem(sys.modules, f"implementations._devices.{name}", module)
    assert session.read_framework_peak() == peak


@pytest.mark.parametrize(("device", "results"), [("gpu", {"framework_peak_bytes": 7}), ("cpu", {})])
def test_peak_of_the_framework_is_asked_for_at_the_end_on_a_gpu(
    serve, monkeypatch, device, results
):
    monkeypatch.setattr(session, "read_framework_peak", lambda: 7)
    execute = serve(device=device)
    execute(exchange.END)
    assert execute.results == results
