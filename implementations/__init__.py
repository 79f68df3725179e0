"""The registry of everything that can be measured. It imports no framework.

``idiomatic`` and ``tuned`` hold the implementations, ``many`` those that train several models
together, ``textbook`` the textbook's two programs, ``roofline`` the probes of the machine, and
``_devices`` the device look-ups of the frameworks.
"""

from dataclasses import dataclass, field
from typing import Literal

# As in bench.contract, which imports NumPy; `bench list` does not need it.
Objective = Literal["softmax", "one-vs-rest"]
Device = Literal["cpu", "gpu"]


@dataclass(frozen=True, slots=True, kw_only=True)
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
    one_core: whether it computes on one core, however many it gets.
    always: False where a run measures it with ``--layers`` or by its name only.
    layer_over: the program that does the same without this layer, or less tuned; empty for all
        others.
    former_name: what it is called in the records of older versions.
    remark: what its framework's maintainers would say of the row, beside its name in every table.
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
    one_core: bool = False
    always: bool = True
    layer_over: str = ""
    former_name: str = ""
    remark: str = ""

    @property
    def style(self) -> Literal["idiomatic", "tuned"]:
        """Return "tuned" for a module of such a folder, else "idiomatic"."""
        return "tuned" if "tuned" in self.module.split(".") else "idiomatic"

    @property
    def many(self) -> bool:
        """Return whether it trains several models together: the workloads many-N."""
        return self.module.startswith("many.")


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

# Linux's C library then keeps what is freed. By default it gives larger pieces back to the kernel,
# which clears every page of them before the next step may write to it.
KEPT_MEMORY = {
    "GLIBC_TUNABLES": f"glibc.malloc.trim_threshold={2**30}:glibc.malloc.mmap_threshold={2**30}"
}

IMPLEMENTATIONS = (
    Implementation(
        name="numpy",
        module="idiomatic.softmax_numpy",
        framework="numpy",
        extra="",
        devices=("cpu",),
    ),
    Implementation(
        name="numba",
        module="tuned.softmax_numba",
        framework="numba",
        extra="numba",
        devices=("cpu",),
        one_core=True,
        pixel_bytes={"cpu": 1},
    ),
    Implementation(
        name="pytorch", module="idiomatic.softmax_pytorch", framework="torch", extra="pytorch"
    ),
    Implementation(
        name="pytorch-dataloader",
        module="idiomatic.softmax_pytorch_dataloader",
        framework="torch",
        extra="pytorch",
        data="streamed",
    ),
    Implementation(
        name="pytorch-compiled",
        module="tuned.softmax_pytorch_compiled",
        framework="torch",
        extra="pytorch",
        # Otherwise a cold start also compiles a test program for each instruction set and
        # precompiles a header, which takes longer than it saves.
        variables={
            "TORCHINDUCTOR_VEC_ISA_OK": "1",
            "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS": "0",
            **KEPT_MEMORY,
        },
        pixel_bytes={"cpu": 1},
        layer_over="pytorch-ten-steps",
    ),
    Implementation(name="jax", module="idiomatic.softmax_jax", framework="jax", extra="jax"),
    Implementation(
        name="jax-scan",
        module="tuned.softmax_jax_scan",
        framework="jax",
        extra="jax",
        variables=HUGE_PAGES,
        pixel_bytes={"cpu": 1, "gpu": 1},
        layer_over="jax-plain-scan",
    ),
    Implementation(
        name="keras-tensorflow",
        module="idiomatic.softmax_keras",
        framework="keras",
        extra="tensorflow",
        data="streamed",
        variables={"KERAS_BACKEND": "tensorflow"},
    ),
    Implementation(
        name="keras-jax",
        module="idiomatic.softmax_keras",
        framework="keras",
        extra="keras,jax",
        data="streamed",
        variables={"KERAS_BACKEND": "jax"},
    ),
    Implementation(
        name="keras-torch",
        module="idiomatic.softmax_keras",
        framework="keras",
        extra="keras,pytorch",
        data="streamed",
        variables={"KERAS_BACKEND": "torch"},
    ),
    Implementation(
        name="keras-tensorflow-loop",
        module="tuned.softmax_keras_tensorflow_loop",
        former_name="keras-tensorflow-fused",
        framework="keras",
        extra="tensorflow",
        variables={"KERAS_BACKEND": "tensorflow", **HUGE_PAGES},
        pixel_bytes={"cpu": 1, "gpu": 1},
    ),
    Implementation(
        name="keras-jax-scan",
        module="tuned.softmax_keras_jax_scan",
        framework="keras",
        extra="keras,jax",
        variables={"KERAS_BACKEND": "jax", **HUGE_PAGES},
        pixel_bytes={"cpu": 1, "gpu": 1},
    ),
    Implementation(
        name="tensorflow",
        module="idiomatic.softmax_tensorflow",
        framework="tensorflow",
        extra="tensorflow",
    ),
    Implementation(
        name="tensorflow-loop",
        module="tuned.softmax_tensorflow_loop",
        framework="tensorflow",
        extra="tensorflow",
        variables=HUGE_PAGES,
        pixel_bytes={"cpu": 1, "gpu": 1},
        layer_over="tensorflow-plain-loop",
    ),
    Implementation(
        name="sklearn-softmax",
        module="idiomatic.softmax_sklearn",
        framework="scikit-learn",
        extra="sklearn",
        devices=("cpu",),
        remark="a trick",
    ),
    Implementation(
        name="sklearn-sgd",
        module="idiomatic.ovr_sklearn",
        framework="scikit-learn",
        extra="sklearn",
        objective="one-vs-rest",
        devices=("cpu",),
        one_core=True,
        pixel_bytes={"cpu": 8},
    ),
    Implementation(
        name="pytorch-compiled-step",
        module="idiomatic.softmax_pytorch_compiled_step",
        framework="torch",
        extra="pytorch",
        always=False,
        layer_over="pytorch",
    ),
    Implementation(
        name="pytorch-compiled-model",
        module="idiomatic.softmax_pytorch_compiled_model",
        framework="torch",
        extra="pytorch",
        always=False,
        layer_over="pytorch",
    ),
    Implementation(
        name="pytorch-fullgraph-step",
        module="idiomatic.softmax_pytorch_fullgraph_step",
        framework="torch",
        extra="pytorch",
        always=False,
        layer_over="pytorch",
    ),
    Implementation(
        name="pytorch-ten-steps",
        module="idiomatic.softmax_pytorch_ten_steps",
        framework="torch",
        extra="pytorch",
        always=False,
        layer_over="pytorch-fullgraph-step",
    ),
    Implementation(
        name="pytorch-dataloader-bulk",
        module="idiomatic.softmax_pytorch_dataloader_bulk",
        framework="torch",
        extra="pytorch",
        data="streamed",
        always=False,
        layer_over="pytorch",
    ),
    Implementation(
        name="jax-plain-scan",
        module="idiomatic.softmax_jax_plain_scan",
        framework="jax",
        extra="jax",
        always=False,
        layer_over="jax",
    ),
    Implementation(
        name="tensorflow-plain-loop",
        module="idiomatic.softmax_tensorflow_plain_loop",
        framework="tensorflow",
        extra="tensorflow",
        always=False,
        layer_over="tensorflow",
    ),
    Implementation(
        name="skorch",
        module="idiomatic.softmax_skorch",
        framework="skorch",
        extra="skorch",
        data="streamed",
        always=False,
        layer_over="pytorch-dataloader",
    ),
    Implementation(
        name="lightning",
        module="idiomatic.softmax_lightning",
        framework="lightning",
        extra="lightning",
        data="streamed",
        always=False,
        layer_over="pytorch-dataloader",
    ),
    Implementation(
        name="optax",
        module="idiomatic.softmax_optax",
        framework="optax",
        extra="optax",
        always=False,
        layer_over="jax",
    ),
    Implementation(
        name="flax-nnx",
        module="idiomatic.softmax_flax",
        framework="flax",
        extra="flax",
        always=False,
        layer_over="optax",
    ),
    Implementation(
        name="flax-nnx-cached",
        module="idiomatic.softmax_flax_cached",
        framework="flax",
        extra="flax",
        always=False,
        layer_over="optax",
    ),
    Implementation(
        name="flax-nnx-functional",
        module="idiomatic.softmax_flax_functional",
        framework="flax",
        extra="flax",
        always=False,
        layer_over="optax",
    ),
    Implementation(
        name="equinox",
        module="idiomatic.softmax_equinox",
        framework="equinox",
        extra="equinox",
        always=False,
        layer_over="optax",
    ),
    Implementation(
        name="equinox-flat",
        module="idiomatic.softmax_equinox_flat",
        framework="equinox",
        extra="equinox",
        always=False,
        layer_over="optax",
    ),
    Implementation(
        name="keras-torch-jit",
        module="idiomatic.softmax_keras_compiled",
        framework="keras",
        extra="keras,pytorch",
        data="streamed",
        variables={"KERAS_BACKEND": "torch"},
        always=False,
        layer_over="keras-torch",
    ),
    Implementation(
        name="keras-jax-50-steps",
        former_name="keras-jax-fused",
        module="idiomatic.softmax_keras_compiled",
        framework="keras",
        extra="keras,jax",
        data="streamed",
        variables={"KERAS_BACKEND": "jax"},
        always=False,
        layer_over="keras-jax",
    ),
    Implementation(
        name="keras-tensorflow-50-steps",
        module="idiomatic.softmax_keras_compiled",
        framework="keras",
        extra="tensorflow",
        data="streamed",
        variables={"KERAS_BACKEND": "tensorflow"},
        always=False,
        layer_over="keras-tensorflow",
    ),
    Implementation(
        name="mlx",
        module="idiomatic.softmax_mlx",
        framework="mlx",
        extra="mlx",
        always=False,
        remark="for Apple silicon",
    ),
    Implementation(
        name="tinygrad",
        module="idiomatic.softmax_tinygrad",
        framework="tinygrad",
        extra="tinygrad",
        data="streamed",
        # Otherwise it compiles in processes of its own, which it does not end.
        variables={"PARALLEL": "0"},
        always=False,
        remark="without BEAM",
    ),
    Implementation(
        name="cupy",
        module="idiomatic.softmax_cupy",
        framework="cupy-cuda12x",
        extra="cupy",
        devices=("gpu",),
        always=False,
    ),
)

# Programs that train several models together, and those that do so one by one in several processes.
MANY = (
    Implementation(
        name="numpy-batched",
        module="many.idiomatic.many_numpy",
        framework="numpy",
        extra="",
        devices=("cpu",),
    ),
    Implementation(
        name="numba-models",
        module="many.tuned.many_numba",
        framework="numba",
        extra="numba",
        devices=("cpu",),
        pixel_bytes={"cpu": 1},
    ),
    Implementation(name="jax-vmap", module="many.idiomatic.many_jax", framework="jax", extra="jax"),
    Implementation(
        name="jax-vmap-scan",
        module="many.tuned.many_jax_scan",
        framework="jax",
        extra="jax",
        variables=HUGE_PAGES,
        pixel_bytes={"cpu": 1, "gpu": 1},
    ),
    Implementation(
        name="pytorch-vmap",
        module="many.idiomatic.many_pytorch",
        framework="torch",
        extra="pytorch",
    ),
    Implementation(
        name="keras-tensorflow-wide",
        module="many.idiomatic.many_keras",
        framework="keras",
        extra="tensorflow",
        data="streamed",
        variables={"KERAS_BACKEND": "tensorflow"},
    ),
    Implementation(
        name="keras-jax-wide",
        module="many.idiomatic.many_keras",
        framework="keras",
        extra="keras,jax",
        data="streamed",
        variables={"KERAS_BACKEND": "jax"},
    ),
    Implementation(
        name="keras-torch-wide",
        module="many.idiomatic.many_keras",
        framework="keras",
        extra="keras,pytorch",
        data="streamed",
        variables={"KERAS_BACKEND": "torch"},
        always=False,
    ),
    Implementation(
        name="mlx-vmap",
        module="many.idiomatic.many_mlx",
        framework="mlx",
        extra="mlx",
        always=False,
        remark="for Apple silicon",
    ),
    Implementation(
        name="numpy-processes",
        module="many.idiomatic.processes_numpy",
        framework="numpy",
        extra="",
        devices=("cpu",),
    ),
    Implementation(
        name="numba-processes",
        module="many.tuned.processes_numba",
        framework="numba",
        extra="numba",
        devices=("cpu",),
        pixel_bytes={"cpu": 1},
    ),
    Implementation(
        name="jax-scan-processes",
        module="many.tuned.processes_jax_scan",
        framework="jax",
        extra="jax",
        devices=("cpu",),
        variables=HUGE_PAGES,
        pixel_bytes={"cpu": 1},
    ),
)

TEXTBOOK_PROGRAMS = (
    TextbookProgram(
        name="textbook-keras",
        module="textbook.textbook_keras",
        framework="keras",
        extra="tensorflow",
        # The loss varies more between seeds than the accuracy.
        published={"validation_accuracy": (0.8463, 0.01), "validation_loss": (0.4530, None)},
        devices=("cpu",),
        variables={"KERAS_BACKEND": "tensorflow"},
    ),
    TextbookProgram(
        name="textbook-sklearn",
        module="textbook.textbook_sklearn",
        framework="scikit-learn",
        extra="sklearn",
        published={"cross_validation_accuracy": (0.8196, 0.003)},
        objective="one-vs-rest",
        devices=("cpu",),
    ),
)

# Roofline probes: what the machine can do with each framework.
PROBES = (
    Implementation(
        name="roofline-numpy",
        module="roofline.roofline_numpy",
        framework="numpy",
        extra="",
        devices=("cpu",),
    ),
    Implementation(
        name="roofline-pytorch",
        module="roofline.roofline_pytorch",
        framework="torch",
        extra="pytorch",
    ),
    Implementation(
        name="roofline-jax", module="roofline.roofline_jax", framework="jax", extra="jax"
    ),
    Implementation(
        name="roofline-tensorflow",
        module="roofline.roofline_tensorflow",
        framework="tensorflow",
        extra="tensorflow",
    ),
)
