"""Where an implementation finds its device, why it does not, and what it does on a GPU."""

import importlib
import re
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from bench.contract import SGD, Params, Problem, RMSprop, Unavailable
from bench.runner.parity import oracle as reference
from bench.runner.parity.judge import TOLERANCE


def load(framework, name):
    pytest.importorskip(framework)
    return importlib.import_module(f"implementations.{name}")


def test_pytorch_built_for_the_cpu_says_so(monkeypatch):
    module = load("torch", "_devices.torch")
    monkeypatch.setattr(module.torch.accelerator, "current_accelerator", lambda: None)
    monkeypatch.setattr(module.torch, "__version__", "9.9.0+cpu")
    with pytest.raises(Unavailable, match=r"^PyTorch 9\.9\.0\+cpu is a CPU-only build$"):
        module.find_device("gpu")
    assert module.find_device("cpu") == module.torch.device("cpu")


def test_pytorch_built_for_a_gpu_says_in_its_own_words_why_it_finds_none(monkeypatch):
    module = load("torch", "_devices.torch")

    def refuse(*_, device):
        assert device == "cuda"
        raise RuntimeError("Found no NVIDIA driver on your system.\n" + "Please check that. " * 20)

    monkeypatch.setattr(module.torch.accelerator, "current_accelerator", lambda: "cuda")
    monkeypatch.setattr(module.torch, "ones", refuse)
    with pytest.raises(Unavailable) as raised:
        module.find_device("gpu")
    said = str(raised.value).partition(" finds no GPU: ")[2]
    assert said.startswith("Found no NVIDIA driver on your system. Please check that.")
    assert said.endswith(" ...")
    assert len(said) <= 150
    monkeypatch.setattr(module.torch, "ones", lambda *_, device: None)
    assert module.find_device("gpu") == "cuda"


@pytest.mark.parametrize(
    ("kind", "said"),
    [("OutOfMemoryError", "CUDA out of memory. Tried to allocate 2.00 MiB."),
     ("AcceleratorError", "CUDA error: out of memory")],
)  # fmt: skip
def test_a_gpu_that_is_full_is_no_gpu_that_is_missing(monkeypatch, on_keras, kind, said):
    error = type(kind, (RuntimeError,), {})

    def refuse(*_, **__):
        raise error(said)

    module = load("torch", "_devices.torch")
    monkeypatch.setattr(module.torch.accelerator, "current_accelerator", lambda: "cuda")
    monkeypatch.setattr(module.torch, "ones", refuse)
    with pytest.raises(error):
        module.find_device("gpu")
    keras = on_keras("jax", {"gpu": "cuda:0"})
    monkeypatch.setattr(keras.keras.ops, "zeros", refuse)
    with pytest.raises(error):
        keras.find_device("gpu")


def test_jax_says_whether_it_has_a_plugin_for_a_gpu(monkeypatch, tmp_path):
    module = load("jax", "_devices.jax")

    def refuse(_):
        raise RuntimeError("Unable to initialize backend 'cuda':\nno device")

    monkeypatch.setattr(module.jax, "devices", refuse)
    monkeypatch.setattr(module.jax, "__version__", "9.9")
    monkeypatch.setitem(sys.modules, "jax_plugins", None)
    without = "^JAX 9.9 finds no GPU because no plugin for one is installed$"
    with pytest.raises(Unavailable, match=without):
        module.find_device("gpu")
    (tmp_path / "xla_cuda13").mkdir()
    (tmp_path / "xla_cuda13" / "__init__.py").touch()
    plugins = SimpleNamespace(__path__=[str(tmp_path)])
    monkeypatch.setitem(sys.modules, "jax_plugins", plugins)
    said = "JAX 9.9 finds no GPU with xla_cuda13: Unable to initialize backend 'cuda': no device"
    with pytest.raises(Unavailable, match=f"^{re.escape(said)}$"):
        module.find_device("gpu")


@pytest.mark.parametrize(
    ("build", "said"),
    [
        ({"cuda_version": "12.5.1"}, "is built for CUDA 12.5.1"),
        ({}, "is a CPU-only build"),
    ],
)
def test_tensorflow_says_what_it_is_built_for(monkeypatch, build, said):
    module = load("tensorflow", "_devices.tensorflow")
    monkeypatch.setattr(module.tf.config, "list_physical_devices", lambda _: [])
    monkeypatch.setattr(module.tf.sysconfig, "get_build_info", lambda: build)
    with pytest.raises(Unavailable, match=rf"^TensorFlow [\w.+-]+ finds no GPU; it {said}$"):
        module.find_device("gpu")


def test_tensorflow_multiplies_in_full_float32_on_a_gpu_and_is_left_alone_on_the_cpu(monkeypatch):
    module = load("tensorflow", "_devices.tensorflow")
    asked = []
    monkeypatch.setattr(module.tf.config, "list_physical_devices", lambda kind: [kind])
    monkeypatch.setattr(
        module.tf.config.experimental, "enable_tensor_float_32_execution", asked.append
    )
    assert module.find_device("cpu") == "/CPU:0"
    assert asked == []
    assert module.find_device("gpu") == "/GPU:0"
    assert asked == [False]


class Keras:
    """As much of Keras as finding a device takes; gpus: what it calls them, by the device asked."""

    def __init__(self, backend, gpus, own="cpu"):
        self.gpus, self.asked = {"cpu": "cpu", None: own, **gpus}, None
        self.backend = SimpleNamespace(backend=lambda: backend)
        self.ops = SimpleNamespace(zeros=self.zeros)

    @contextmanager
    def device(self, name):
        self.asked = name
        yield
        self.asked = None

    def zeros(self, _):
        if self.asked not in self.gpus:
            raise AssertionError("Torch not compiled with CUDA enabled")
        return SimpleNamespace(device=Place(self.gpus[self.asked]))


class Place(str):
    """A device as PyTorch names it: "mps:0" is of the type mps."""

    __slots__ = ()

    @property
    def type(self):
        return self.partition(":")[0]


@pytest.fixture
def on_keras(monkeypatch):
    """The look-up of Keras, on a Keras of the test's."""

    def put(*given, **own):
        module = load("keras", "_devices.keras")
        monkeypatch.setattr(module, "keras", Keras(*given, **own))
        return module

    return put


@pytest.mark.parametrize(
    ("backend", "gpus", "own", "name"),
    [
        ("torch", {"cuda": "cuda:0"}, "cuda:0", "cuda"),
        ("torch", {"mps": "mps:0"}, "mps:0", "mps"),
        ("jax", {"gpu": "cuda:0"}, "cuda:0", "gpu"),
    ],
)
def test_keras_calls_a_gpu_as_its_backend_does(on_keras, backend, gpus, own, name):
    module = on_keras(backend, gpus, own=own)
    assert module.find_device("gpu") == name
    assert module.find_device("cpu") == "cpu"


def test_keras_says_what_its_backend_says(on_keras):
    said = "Keras finds no GPU with torch: Torch not compiled with CUDA enabled"
    with pytest.raises(Unavailable, match=f"^{said}$"):
        on_keras("torch", {}).find_device("gpu")


def test_keras_on_tensorflow_is_not_taken_in_by_a_silent_fall_back(on_keras, monkeypatch):
    tensorflow = pytest.importorskip("tensorflow")
    asked = []
    monkeypatch.setattr(
        tensorflow.config.experimental, "enable_tensor_float_32_execution", asked.append
    )
    with pytest.raises(Unavailable, match=r"^TensorFlow \S+ finds no GPU; it is "):
        on_keras("tensorflow", {"gpu": "/job:localhost/device:CPU:0"}).find_device("gpu")
    assert on_keras("tensorflow", {}).find_device("cpu") == "cpu"
    assert asked == []
    assert (
        on_keras("tensorflow", {"gpu": "/job:localhost/device:GPU:0"}).find_device("gpu") == "gpu"
    )
    assert asked == [False]


PROBES = [
    ("torch", "roofline.roofline_pytorch"),
    ("jax", "roofline.roofline_jax"),
    ("tensorflow", "roofline.roofline_tensorflow"),
]


@pytest.mark.parametrize(("framework", "name"), PROBES)
def test_a_chain_of_updates_has_as_many_as_were_asked_for(framework, name):
    probe = load(framework, name).Probe(np.eye(2, dtype=np.float32), "cpu")
    assert [probe.steps(5), probe.steps(5), probe.steps(2)] == [5, 10, 12]


@pytest.fixture
def uncompiled(monkeypatch):
    """Have PyTorch run a function as it is: how it compiles is not what is looked at here."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch, "compile", lambda function, **options: function)


@pytest.fixture
def recorded(monkeypatch):
    """Have a module's work recorded as on CUDA; each recording runs four times, as there."""

    def fake(module):
        recordings = []

        def capture(run):
            for _ in range(4):
                run()
            recordings.append(0)
            number = len(recordings) - 1

            def replay():
                recordings[number] += 1
                run()

            return replay

        monkeypatch.setattr(module, "CAPTURED", ("cpu",))
        monkeypatch.setattr(module, "capture", capture)
        return recordings

    return fake


def test_pytorch_records_a_chain_of_each_length_once(recorded):
    module = load("torch", "roofline.roofline_pytorch")
    replays = recorded(module)
    probe = module.Probe(np.eye(2, dtype=np.float32), "cpu")
    assert [probe.steps(5), probe.steps(5)] == [25, 30]
    assert probe.steps(2) == 40
    assert replays == [2, 1]


def problem_of(optimizer, samples):
    random = np.random.default_rng(5)
    images = random.random((samples, 12), dtype=np.float32)
    labels = random.integers(0, 3, samples, dtype=np.int32)
    return Problem(images, labels, 3, 4, optimizer)


@pytest.mark.parametrize("optimizer", [SGD(0.05), RMSprop(0.001, 0.9, 1e-7)])
@pytest.mark.usefixtures("uncompiled")
def test_what_pytorch_replays_is_the_training_that_was_asked_for(recorded, monkeypatch, optimizer):
    module = load("torch", "tuned.softmax_pytorch_compiled")
    replays = recorded(module)
    monkeypatch.setattr(module, "MAX_COMPILED", 2)
    monkeypatch.setattr(module, "MAX_REPLAYED", 9)
    problem = problem_of(optimizer, 48)  # 12 steps: two are compiled, six are replayed at once
    trainer = module.Trainer(problem, "cpu")
    assert replays == [0]
    start = Params(np.full((12, 3), 0.01, np.float32), np.zeros(3, np.float32))
    trainer.reset(start)
    orders = [np.random.default_rng(epoch).permutation(48) for epoch in range(2)]
    got = [trainer.train_epoch(order) for order in orders]
    assert replays == [4]
    right = reference.train(problem, start, orders)
    for ours, oracle in zip(got, right, strict=True):
        assert reference.parity_error(ours, oracle, start) <= TOLERANCE


@pytest.mark.usefixtures("uncompiled")
def test_on_the_cpu_nothing_is_recorded(monkeypatch):
    module = load("torch", "tuned.softmax_pytorch_compiled")
    monkeypatch.setattr(module, "capture", None)
    trainer = module.Trainer(problem_of(SGD(0.05), 8), "cpu")
    assert trainer.train == trainer.run


@pytest.mark.parametrize(("device", "pinned"), [("cpu", False), ("cuda", True), ("mps", False)])
def test_a_loader_pins_its_batches_for_cuda_only(monkeypatch, device, pinned):
    module = load("torch", "idiomatic.softmax_pytorch_dataloader")
    trainer = module.Trainer(problem_of(SGD(0.05), 8), "cpu")
    trainer.device = module.torch.device(device)
    asked = {}
    monkeypatch.setattr(module, "DataLoader", lambda *_, **options: asked.update(options) or [])
    trainer.train_epoch(np.arange(8))
    assert asked["pin_memory"] is pinned


@pytest.mark.parametrize(
    ("framework", "name"),
    [("tensorflow", "tuned.softmax_tensorflow_loop"), ("tensorflow", "tuned.softmax_keras_fused")],
)
def test_what_xla_does_not_compile_for_is_unavailable(monkeypatch, framework, name):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    module = load(framework, name)
    monkeypatch.setattr(module.sys, "platform", "darwin")
    monkeypatch.setattr(module, "find_device", lambda _: "/GPU:0")
    with pytest.raises(Unavailable, match="cannot compile for Apple's GPUs"):
        module.Trainer(problem_of(SGD(0.05), 8), "gpu")


@pytest.mark.parametrize("name", ["tuned.softmax_tensorflow_loop", "tuned.softmax_keras_fused"])
def test_on_a_gpu_tensorflow_is_given_labels_that_it_does_not_keep_on_the_host(monkeypatch, name):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    module = load("tensorflow", name)
    monkeypatch.setattr(module, "find_device", lambda _: "/CPU:0")
    problem = problem_of(SGD(0.05), 24)
    trainer = module.Trainer(problem, "gpu")
    labels = trainer.labels if hasattr(trainer, "labels") else trainer.model.labels
    assert labels.dtype == module.tf.int64
    start = Params(np.full((12, 3), 0.01, np.float32), np.zeros(3, np.float32))
    trainer.reset(start)
    order = np.random.default_rng(0).permutation(24)
    (right,) = reference.train(problem, start, [order])
    assert reference.parity_error(trainer.train_epoch(order), right, start) <= TOLERANCE
