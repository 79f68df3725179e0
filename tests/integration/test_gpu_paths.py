"""How implementations find a GPU, why they find none, and what they do on one: with stand-ins."""

import importlib
import sys
from contextlib import contextmanager, nullcontext
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from bench.contract import SGD, Params, Problem, RMSprop, Unavailable
from bench.records.schema import TOLERANCE
from bench.runner.parity import oracle
from bench.worker import roofline

OPTIMIZERS = (SGD(0.05), RMSprop(0.001, 0.9, 1e-7))


def load(framework, name):
    pytest.importorskip(framework)
    return importlib.import_module(f"implementations.{name}")


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


def make_problem(samples, optimizer=OPTIMIZERS[0]):
    random = np.random.default_rng(5)
    images = random.random((samples, 12), dtype=np.float32)
    labels = random.integers(0, 3, samples, dtype=np.int32)
    return Problem(images, labels, 3, 4, optimizer)


def assert_trains_as_the_oracle(trainer, problem, epochs):
    start = Params(np.full((12, 3), 0.01, np.float32), np.zeros(3, np.float32))
    samples = len(problem.images)
    orders = [np.random.default_rng(epoch).permutation(samples) for epoch in range(epochs)]
    trainer.reset(start)
    actual = [trainer.train_epoch(order) for order in orders]
    state = oracle.start(start)
    for order, params in zip(orders, actual, strict=True):
        state = oracle.train_epoch(problem, state, order)
        assert oracle.parity_error(params, state.solution, start) <= TOLERANCE


@pytest.fixture
def torch_devices(monkeypatch):
    """The look-up of PyTorch, which has an accelerator unless the test takes it away."""
    module = load("torch", "_devices.torch")
    monkeypatch.setattr(module.torch.accelerator, "current_accelerator", lambda: "cuda")
    return module


def test_pytorch_says_in_a_line_why_it_finds_no_gpu(torch_devices, monkeypatch):
    torch = torch_devices.torch
    assert torch_devices.find_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch, "ones", failing(RuntimeError("No driver.\n" + "Please. " * 50)))
    with pytest.raises(Unavailable, match=r"finds no GPU: No driver\. (Please\. ){10,20}\.\.\.$"):
        torch_devices.find_device("gpu")
    monkeypatch.setattr(torch, "ones", lambda *_, device: None)
    assert torch_devices.find_device("gpu") == "cuda"
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: None)
    with pytest.raises(Unavailable, match="CPU-only build"):
        torch_devices.find_device("gpu")


def test_full_gpu_is_not_a_missing_gpu(torch_devices, monkeypatch, keras_devices):
    keras = keras_devices("torch", {"gpu": "cuda:0"}, "cuda")
    fail = failing(RuntimeError("CUDA error: out of memory"))
    monkeypatch.setattr(torch_devices.torch, "ones", fail)
    monkeypatch.setattr(keras.keras.ops, "zeros", fail)
    for module in (torch_devices, keras):
        with pytest.raises(RuntimeError, match="out of memory"):
            module.find_device("gpu")


def test_jax_without_a_gpu_says_whether_it_has_a_plugin(monkeypatch, tmp_path):
    module = load("jax", "_devices.jax")
    monkeypatch.setattr(module.jax, "devices", failing(RuntimeError("cuda:\nno device")))
    monkeypatch.setitem(sys.modules, "jax_plugins", None)
    with pytest.raises(Unavailable, match=r"no plugin for one is installed$"):
        module.find_device("gpu")
    (tmp_path / "xla_cuda13").mkdir()
    (tmp_path / "xla_cuda13" / "__init__.py").touch()
    plugins = SimpleNamespace(__path__=[str(tmp_path)])
    monkeypatch.setitem(sys.modules, "jax_plugins", plugins)
    with pytest.raises(Unavailable, match=r"with xla_cuda13: cuda: no device$"):
        module.find_device("gpu")


@pytest.fixture
def tensorflow_devices(monkeypatch):
    """The look-up of TensorFlow with a GPU, and the calls that switched TensorFloat-32."""
    module = load("tensorflow", "_devices.tensorflow")
    calls = []
    monkeypatch.setattr(
        module.tf.config.experimental, "enable_tensor_float_32_execution", calls.append
    )
    monkeypatch.setattr(module.tf.config, "list_physical_devices", lambda kind: [kind])
    return module, calls


def test_tensorflow_without_a_gpu_says_how_it_was_built(tensorflow_devices, monkeypatch):
    module, _ = tensorflow_devices
    monkeypatch.setattr(module.tf.config, "list_physical_devices", lambda _: [])
    for build, reason in (({"cuda_version": "12.5"}, "for CUDA 12.5$"), ({}, "CPU-only build$")):
        monkeypatch.setattr(module.tf.sysconfig, "get_build_info", lambda build=build: build)
        with pytest.raises(Unavailable, match=reason):
            module.find_device("gpu")


def test_tensorflow_multiplies_in_full_float32_on_a_gpu_only(tensorflow_devices):
    module, calls = tensorflow_devices
    assert (module.find_device("cpu"), calls) == ("/CPU:0", [])
    assert (module.find_device("gpu"), calls) == ("/GPU:0", [False])


class Device(str):
    """A device as PyTorch names it: "mps:0" is of the type mps."""

    __slots__ = ()

    @property
    def type(self):
        return self.partition(":")[0]


class FakeKeras:
    """The part of Keras that the look-up uses. gpus: the device it returns by the one asked for."""

    def __init__(self, backend, gpus, default="cpu"):
        # As on JAX, before Keras 3.12: no other name is taken than one with a number.
        cpu = "cpu:0" if backend == "jax" else "cpu"
        self.devices, self.current = {cpu: "cpu", None: default, **gpus}, None
        self.backend = SimpleNamespace(backend=lambda: backend)
        self.ops = SimpleNamespace(zeros=self.zeros)

    @contextmanager
    def device(self, name):
        self.current = name
        yield
        self.current = None

    def zeros(self, _):
        if self.current not in self.devices:
            raise AssertionError("Torch not compiled with CUDA enabled")
        return SimpleNamespace(device=Device(self.devices[self.current]))


@pytest.fixture
def keras_devices(monkeypatch):
    """The look-up of Keras, on a fake Keras."""

    def replace(*args, **options):
        module = load("keras", "_devices.keras")
        monkeypatch.setattr(module, "keras", FakeKeras(*args, **options))
        return module

    return replace


@pytest.mark.parametrize(
    ("backend", "gpus", "default", "names"),
    [
        ("torch", {"cuda": "cuda:0"}, "cuda:0", ("cuda", "cpu")),
        ("torch", {"mps": "mps:0"}, "mps:0", ("mps", "cpu")),
        ("jax", {"gpu:0": "cuda:0"}, "cuda:0", ("gpu:0", "cpu:0")),
        ("jax", {"cuda:0": "cuda:0"}, "cuda:0", ("cuda:0", "cpu:0")),  # as JAX may name it one day
    ],
)
def test_keras_names_a_gpu_as_its_backend_does(
    keras_devices, monkeypatch, backend, gpus, default, names
):
    jax_devices = load("jax", "_devices.jax")
    device = SimpleNamespace(platform=next(iter(gpus)).removesuffix(":0"))
    monkeypatch.setattr(jax_devices.jax, "devices", lambda _: [device])
    module = keras_devices(backend, gpus, default)
    assert (module.find_device("gpu"), module.find_device("cpu")) == names


def test_keras_without_a_gpu_gives_the_reason_of_its_backend(keras_devices):
    with pytest.raises(Unavailable, match=r"torch: Torch not compiled with CUDA enabled$"):
        keras_devices("torch", {}).find_device("gpu")


def test_keras_on_tensorflow_detects_a_silent_fallback(keras_devices, tensorflow_devices):
    _, calls = tensorflow_devices
    with pytest.raises(Unavailable, match=r"^TensorFlow \S+ finds no GPU; it is "):
        keras_devices("tensorflow", {"gpu": "/job:localhost/device:CPU:0"}).find_device("gpu")
    assert keras_devices("tensorflow", {}).find_device("cpu") == "cpu"
    assert calls == []
    name = keras_devices("tensorflow", {"gpu": "/job:localhost/device:GPU:0"}).find_device("gpu")
    assert (name, calls) == ("gpu", [False])


def test_frameworks_count_the_peak_of_their_memory_on_a_gpu_only(tensorflow_devices, monkeypatch):
    tensorflow, _ = tensorflow_devices
    torch, jax, keras = (load(name, f"_devices.{name}") for name in ("torch", "jax", "keras"))
    peaks = {"torch": torch, "jax": jax, "tensorflow": tensorflow}
    with monkeypatch.context() as patch:
        patch.setattr(tensorflow.tf.config, "list_physical_devices", lambda _: [])
        assert [module.read_peak_bytes() for module in peaks.values()] == [None] * 3
    monkeypatch.setattr(torch.torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.torch.cuda, "max_memory_allocated", lambda: 7)
    device = SimpleNamespace(memory_stats=lambda: {"peak_bytes_in_use": 8})
    monkeypatch.setattr(jax.jax, "devices", lambda: [device])
    memory = {"GPU:0": {"current": 1, "peak": 9}}
    monkeypatch.setattr(tensorflow.tf.config.experimental, "get_memory_info", memory.get)
    assert [module.read_peak_bytes() for module in peaks.values()] == [7, 8, 9]
    for backend, module in peaks.items():
        monkeypatch.setattr(keras.keras.backend, "backend", lambda name=backend: name)
        assert keras.read_peak_bytes() == module.read_peak_bytes()


@pytest.fixture
def captures(monkeypatch):
    """Let a module capture graphs as on CUDA; return how often each one was replayed.

    As on CUDA, a capture runs four times.
    """

    def install(module):
        replays = []

        def capture(run):
            for _ in range(4):
                run()
            replays.append(0)
            number = len(replays) - 1

            def replay():
                replays[number] += 1
                run()

            return replay

        monkeypatch.setattr(module, "CAPTURED", ("cpu",))
        monkeypatch.setattr(module, "capture", capture)
        return replays

    return install


def test_pytorch_probe_captures_each_length_once(captures):
    module = load("torch", "roofline.roofline_pytorch")
    replays = captures(module)
    probe = module.Probe(np.eye(2, dtype=np.float32), "cpu")
    products = [probe.steps(count) for count in (5, 5, 2)]
    assert products == [roofline.compute_chain(count) for count in (5, 5, 2)]
    assert replays == [2, 1]


@pytest.mark.parametrize("framework", ["numpy", "pytorch", "jax", "tensorflow"])
def test_probe_queues_work_and_returns_the_right_results(framework):
    module = load({"pytorch": "torch"}.get(framework, framework), f"roofline.roofline_{framework}")
    matrix = np.random.default_rng(1).random((16, 16), np.float32)
    probe = module.Probe(matrix, "cpu")
    assert np.allclose(probe.multiply(3), (matrix @ matrix)[:8, :8], rtol=1e-6)
    probe.place(np.ones((5, 4), np.float32))
    assert probe.read(3) == 20
    assert [probe.steps(1000), probe.steps(1000)] == [roofline.compute_chain(1000)] * 2


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_captured_training_compiles_once_and_has_parity(captures, monkeypatch, optimizer):
    module = load("torch", "tuned.softmax_pytorch_compiled")
    replays, compilations = captures(module), []

    def count(graph, _inputs):
        compilations.append(graph)
        return graph.forward

    compiled = module.torch._dynamo.optimize(count, dynamic=False)
    monkeypatch.setattr(module.torch, "compile", lambda function, **_: compiled(function))
    module.torch.compiler.reset()
    monkeypatch.setattr(module, "MAX_COMPILED", 2)
    monkeypatch.setattr(module, "MAX_REPLAYED", 9)
    problem = make_problem(48, optimizer)  # 12 steps: two are compiled, six are replayed at once
    trainer = module.Trainer(problem, "cpu")
    assert (len(compilations), replays) == (1, [0])
    assert_trains_as_the_oracle(trainer, problem, epochs=2)
    assert (len(compilations), replays) == (1, [4])


def test_compiling_in_a_recording_fails_and_in_its_warm_up_does_not(monkeypatch):
    module = load("torch", "_devices.torch")
    torch = module.torch
    stream = SimpleNamespace(wait_stream=lambda _: None, replay=None)
    for name in ("Stream", "current_stream", "CUDAGraph"):
        monkeypatch.setattr(torch.cuda, name, lambda: stream)
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph, stream: nullcontext())
    compiled = torch.compile(lambda order: order + 1, backend="eager", dynamic=False)
    sizes = iter([3, 4, 4, 4, 4, 4, 4, 5])  # of each four the last is recorded
    module.capture(lambda: compiled(torch.arange(next(sizes))))
    with pytest.raises(RuntimeError, match="Recompiling"):
        module.capture(lambda: compiled(torch.arange(next(sizes))))


@pytest.mark.parametrize(
    ("device", "variables", "program", "reason"),
    [
        ("cuda", {}, "clang", None),
        ("cuda", {}, "g++", "no gcc or clang$"),
        ("cuda", {"CC": "icx"}, "gcc", "no icx$"),
        ("cuda", {"CPATH": "/nowhere"}, "gcc", "no Python.h$"),
        ("cpu", {}, "g++", None),
        ("cpu", {"CXX": "icpx"}, "g++", "no icpx$"),
        ("mps", {}, "", None),
    ],
)
def test_compiled_pytorch_needs_a_compiler_on_cpu_and_cuda(
    monkeypatch, tmp_path, device, variables, program, reason
):
    module = load("torch", "tuned.softmax_pytorch_compiled")
    (tmp_path / "Python.h").touch()
    for name in ("CC", "CXX"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"CPATH": str(tmp_path), **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module.sysconfig, "get_path", lambda *_: "/nowhere")
    monkeypatch.setattr(module.shutil, "which", {program: program}.get)
    with pytest.raises(Unavailable, match=reason) if reason else nullcontext():
        module.require_compiler(module.torch.device(device))


@pytest.mark.parametrize(
    "name", ["tuned.softmax_tensorflow_loop", "tuned.softmax_keras_tensorflow_loop"]
)
def test_tuned_tensorflow_on_a_gpu(monkeypatch, name):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    module = load("tensorflow", name)
    monkeypatch.setattr(module, "find_device", lambda _: "/CPU:0")
    problem = make_problem(24)
    trainer = module.Trainer(problem, "gpu")
    # TensorFlow keeps int32 on the host, even where it is asked for a GPU.
    labels = trainer.labels if hasattr(trainer, "labels") else trainer.model.labels
    assert labels.dtype == module.tf.int64
    assert_trains_as_the_oracle(trainer, problem, epochs=1)

    monkeypatch.setattr(module.sys, "platform", "darwin")  # XLA compiles nothing for its GPUs
    monkeypatch.setattr(module, "find_device", lambda _: "/GPU:0")
    with pytest.raises(Unavailable):
        module.Trainer(problem, "gpu")


@pytest.fixture
def cupy(monkeypatch):
    """The program of CuPy and a stand-in for CuPy: NumPy, with the functions that NumPy lacks."""
    stand_in = ModuleType("cupy")
    stand_in.__dict__.update(vars(np))
    stand_in.asnumpy = np.array
    stand_in.cuda = SimpleNamespace(is_available=lambda: True)
    monkeypatch.setitem(sys.modules, "cupy", stand_in)
    monkeypatch.delitem(sys.modules, "implementations.idiomatic.softmax_cupy", raising=False)
    yield importlib.import_module("implementations.idiomatic.softmax_cupy"), stand_in
    del sys.modules["implementations.idiomatic.softmax_cupy"]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_cupy_has_parity(cupy, optimizer):
    module, _ = cupy
    problem = make_problem(48, optimizer)
    trainer = module.Trainer(problem, "gpu")
    assert_trains_as_the_oracle(trainer, problem, epochs=2)
    weight, bias = trainer.params
    expected = (problem.images @ weight + bias).argmax(axis=1)
    assert np.array_equal(trainer.predict(problem.images), expected)


def test_cupy_is_unavailable_on_the_cpu_and_without_a_gpu(cupy, monkeypatch):
    module, stand_in = cupy
    with pytest.raises(Unavailable, match="on a GPU only"):
        module.Trainer(make_problem(8), "cpu")
    monkeypatch.setattr(stand_in.cuda, "is_available", lambda: False)
    with pytest.raises(Unavailable, match="finds no GPU"):
        module.Trainer(make_problem(8), "gpu")


class TinygradDevices(dict):
    def __missing__(self, name):
        raise AttributeError(f"failed to load library {name}")


def test_tinygrad_computes_on_the_gpu_that_it_finds(monkeypatch):
    module = load("tinygrad", "idiomatic.softmax_tinygrad")
    monkeypatch.setattr(module, "Devices", TinygradDevices())
    monkeypatch.setattr(module, "DEV", SimpleNamespace())
    with pytest.raises(Unavailable, match="finds no GPU"):
        module.choose_device("gpu")
    for name in ("METAL", "CUDA"):  # the later one comes first
        module.Devices[name] = object()
        module.choose_device("gpu")
        assert module.DEV.value == name
