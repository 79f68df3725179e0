"""The registry of everything that can be measured. It imports no framework.

``idiomatic`` and ``tuned`` hold the implementations, ``textbook`` the textbook's two programs,
``roofline`` the probes of the machine, and ``_devices`` the device look-ups of the frameworks.
"""

from dataclasses import dataclass, field
from typing import Literal

# As in bench.contract, which imports NumPy; `bench list` does not need it.
Objective = Literal["softmax", "one-vs-rest"]
Device = Literal["cpu", "gpu"]


@dataclass(frozen=True, slots=True)
class Implementation:
    """A program that is measured: an implementation, or a roofline probe with a class ``Probe``.

    framework: the distribution whose version is recorded.
    module: the module below ``implementations``; its folder is the style.
    extra: the extras of this project that install the framework, in pip's syntax ("keras,jax").
    data: "resident" data are on the device; "streamed" data are fed batch by batch by the
        framework's own loader.
    variables: environment variables of the worker, besides those that the suite sets.
    pixel_bytes: by device, the bytes that it keeps and reads for each pixel; by default four, a
        float32. The roofline counts them.
    always: False where a run measures it with ``--layers`` or by its name only.
    layer_over: the program that does the same without this layer; empty for all others.
    """

    name: str
    module: str
    framework: str
    extra: str
    objective: Objective = "softmax"
    data: Literal["resident", "streamed"] = "resident"
    devices: tuple[Device, ...] = ("cpu", "gpu")
    variables: dict[str, str] = field(default_factory=dict)
    pixel_bytes: dict[Device, int] = field(default_factory=dict)
    always: bool = True
    layer_over: str = ""

    @property
    def style(self) -> Literal["idiomatic", "tuned"]:
        """Return "tuned" for a module of that folder, else "idiomatic"."""
        return "tuned" if self.module.startswith("tuned.") else "idiomatic"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextbookProgram(Implementation):
    """A program of the textbook, and the results that the textbook prints.

    published: value and tolerance by quantity. The tolerance is None if the value depends on a
        seed that the textbook does not give; then it is shown but not judged.
    """

    published: dict[str, tuple[float, float | None]]


# Linux's C library then asks for huge pages, which NumPy does by itself: each image of a batch lies
# elsewhere, and the processor remembers the addresses of few small pages.
# Source: https://sourceware.org/glibc/manual/latest/html_node/Memory-Allocation-Tunables.html
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}

IMPLEMENTATIONS = (
    Implementation("numpy", "idiomatic.softmax_numpy", "numpy", "", devices=("cpu",)),
    Implementation(
        "numba",
        "tuned.softmax_numba",
        "numba",
        "numba",
        devices=("cpu",),
        pixel_bytes={"cpu": 1},
    ),
    Implementation("pytorch", "idiomatic.softmax_pytorch", "torch", "pytorch"),
    Implementation(
        "pytorch-dataloader",
        "idiomatic.softmax_pytorch_dataloader",
        "torch",
        "pytorch",
        data="streamed",
    ),
    Implementation(
        "pytorch-compiled",
        "tuned.softmax_pytorch_compiled",
        "torch",
        "pytorch",
        # Otherwise a cold start also compiles a test program for each instruction set and
        # precompiles a header, which takes longer than it saves.
        variables={
            "TORCHINDUCTOR_VEC_ISA_OK": "1",
            "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS": "0",
        },
        pixel_bytes={"cpu": 1},
    ),
    Implementation("jax", "idiomatic.softmax_jax", "jax", "jax"),
    Implementation(
        "jax-scan",
        "tuned.softmax_jax_scan",
        "jax",
        "jax",
        variables=HUGE_PAGES,
        pixel_bytes={"cpu": 1, "gpu": 1},
    ),
    Implementation(
        "keras-tensorflow",
        "idiomatic.softmax_keras",
        "keras",
        "tensorflow",
        data="streamed",
        variables={"KERAS_BACKEND": "tensorflow"},
    ),
    Implementation(
        "keras-jax",
        "idiomatic.softmax_keras",
        "keras",
        "keras,jax",
        data="streamed",
        variables={"KERAS_BACKEND": "jax"},
    ),
    Implementation(
        "keras-torch",
        "idiomatic.softmax_keras",
        "keras",
        "keras,pytorch",
        data="streamed",
        variables={"KERAS_BACKEND": "torch"},
    ),
    Implementation(
        "keras-tensorflow-fused",
        "tuned.softmax_keras_fused",
        "keras",
        "tensorflow",
        variables={"KERAS_BACKEND": "tensorflow", **HUGE_PAGES},
        pixel_bytes={"cpu": 1, "gpu": 1},
    ),
    Implementation(
        "tensorflow-loop",
        "tuned.softmax_tensorflow_loop",
        "tensorflow",
        "tensorflow",
        variables=HUGE_PAGES,
        pixel_bytes={"cpu": 1, "gpu": 1},
    ),
    Implementation(
        "sklearn-softmax", "idiomatic.softmax_sklearn", "scikit-learn", "sklearn", devices=("cpu",)
    ),
    Implementation(
        "sklearn-sgd",
        "idiomatic.ovr_sklearn",
        "scikit-learn",
        "sklearn",
        objective="one-vs-rest",
        devices=("cpu",),
        pixel_bytes={"cpu": 8},
    ),
    Implementation(
        "pytorch-compiled-step",
        "idiomatic.softmax_pytorch_compiled_step",
        "torch",
        "pytorch",
        always=False,
        layer_over="pytorch",
    ),
    Implementation(
        "skorch",
        "idiomatic.softmax_skorch",
        "skorch",
        "skorch",
        data="streamed",
        always=False,
        layer_over="pytorch-dataloader",
    ),
    Implementation(
        "lightning",
        "idiomatic.softmax_lightning",
        "lightning",
        "lightning",
        data="streamed",
        always=False,
        layer_over="pytorch-dataloader",
    ),
    Implementation(
        "optax", "idiomatic.softmax_optax", "optax", "optax", always=False, layer_over="jax"
    ),
    Implementation(
        "flax-nnx", "idiomatic.softmax_flax", "flax", "flax", always=False, layer_over="optax"
    ),
    Implementation(
        "equinox",
        "idiomatic.softmax_equinox",
        "equinox",
        "equinox",
        always=False,
        layer_over="optax",
    ),
    Implementation(
        "keras-torch-jit",
        "idiomatic.softmax_keras_compiled",
        "keras",
        "keras,pytorch",
        data="streamed",
        variables={"KERAS_BACKEND": "torch"},
        always=False,
        layer_over="keras-torch",
    ),
    Implementation(
        "keras-jax-fused",
        "idiomatic.softmax_keras_compiled",
        "keras",
        "keras,jax",
        data="streamed",
        variables={"KERAS_BACKEND": "jax"},
        always=False,
        layer_over="keras-jax",
    ),
    Implementation("mlx", "idiomatic.softmax_mlx", "mlx", "mlx", always=False),
    Implementation(
        "tinygrad",
        "idiomatic.softmax_tinygrad",
        "tinygrad",
        "tinygrad",
        data="streamed",
        # Otherwise it compiles in processes of its own, which it does not end.
        variables={"PARALLEL": "0"},
        always=False,
    ),
    Implementation(
        "cupy",
        "idiomatic.softmax_cupy",
        "cupy-cuda12x",
        "cupy",
        devices=("gpu",),
        always=False,
    ),
)

TEXTBOOK_PROGRAMS = (
    TextbookProgram(
        "textbook-keras",
        "textbook.textbook_keras",
        "keras",
        "tensorflow",
        # The loss varies more between seeds than the accuracy.
        published={"validation_accuracy": (0.8463, 0.01), "validation_loss": (0.4530, None)},
        devices=("cpu",),
        variables={"KERAS_BACKEND": "tensorflow"},
    ),
    TextbookProgram(
        "textbook-sklearn",
        "textbook.textbook_sklearn",
        "scikit-learn",
        "sklearn",
        published={"cross_validation_accuracy": (0.8196, 0.003)},
        objective="one-vs-rest",
        devices=("cpu",),
    ),
)

# Roofline probes: what the machine can do with each framework.
PROBES = (
    Implementation("roofline-numpy", "roofline.roofline_numpy", "numpy", "", devices=("cpu",)),
    Implementation("roofline-pytorch", "roofline.roofline_pytorch", "torch", "pytorch"),
    Implementation("roofline-jax", "roofline.roofline_jax", "jax", "jax"),
    Implementation(
        "roofline-tensorflow", "roofline.roofline_tensorflow", "tensorflow", "tensorflow"
    ),
)
