"""The registry of everything that is measured, without importing a framework.

``idiomatic`` and ``tuned`` hold the implementations, ``textbook`` the textbook's two programs,
``roofline`` the probes of what a machine can do, ``_devices`` how a framework finds its device.
"""

from dataclasses import dataclass, field
from typing import Literal

# As in bench.contract, which imports NumPy; `bench list` does not need it.
Objective = Literal["softmax", "one-vs-rest"]
Device = Literal["cpu", "gpu"]


@dataclass(frozen=True, slots=True)
class Implementation:
    """One contestant.

    framework: the distribution whose version is recorded.
    module: its file, as ``implementations.<module>``; the folder is the style.
    extra: the extras of this project that install it, as pip takes them ("keras,jax").
    data: "resident" data lies on the device; "streamed" data is fed batch by batch by the
        framework's own loader.
    variables: of its process, beside those that the harness sets.
    """

    name: str
    module: str
    framework: str
    extra: str
    objective: Objective = "softmax"
    data: Literal["resident", "streamed"] = "resident"
    devices: tuple[Device, ...] = ("cpu", "gpu")
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def style(self) -> Literal["idiomatic", "tuned"]:
        """Return "tuned" for a module of that folder, else "idiomatic"."""
        return "tuned" if self.module.startswith("tuned.") else "idiomatic"


@dataclass(frozen=True, slots=True)
class Figure:
    """A program of the textbook, and what it printed there.

    published: quantity -> (published value, tolerance within which ours must come out, or None
        where the textbook's value depends on a seed that it does not give).
    """

    name: str
    module: str
    framework: str
    extra: str
    published: dict[str, tuple[float, float | None]]
    objective: Objective = "softmax"
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A framework that is asked what the machine can do at all; a class ``Probe`` in its module."""

    name: str
    module: str
    framework: str
    extra: str
    devices: tuple[Device, ...] = ("cpu", "gpu")


IMPLEMENTATIONS = (
    Implementation("numpy", "idiomatic.softmax_numpy", "numpy", "", devices=("cpu",)),
    Implementation("numba", "tuned.softmax_numba", "numba", "numba", devices=("cpu",)),
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
        # Without these, a cold start also compiles a test program for each instruction set and a
        # header, whose time a single kernel never gets back.
        variables={
            "TORCHINDUCTOR_VEC_ISA_OK": "1",
            "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS": "0",
        },
    ),
    Implementation("jax", "idiomatic.softmax_jax", "jax", "jax"),
    Implementation("jax-scan", "tuned.softmax_jax_scan", "jax", "jax"),
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
        variables={"KERAS_BACKEND": "tensorflow"},
    ),
    Implementation(
        "tensorflow-loop",
        "tuned.softmax_tensorflow_loop",
        "tensorflow",
        "tensorflow",
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
    ),
)

FIGURES = (
    Figure(
        "figure-keras",
        "textbook.textbook_keras",
        "keras",
        "tensorflow",
        # Validation loss moves more than accuracy from seed to seed; it is shown, not judged.
        published={"validation_accuracy": (0.8463, 0.01), "validation_loss": (0.4530, None)},
        variables={"KERAS_BACKEND": "tensorflow"},
    ),
    Figure(
        "figure-sklearn",
        "textbook.textbook_sklearn",
        "scikit-learn",
        "sklearn",
        published={"cross_validation_accuracy": (0.8196, 0.003)},
        objective="one-vs-rest",
    ),
)

PROBES = (
    Ceiling("ceiling-numpy", "roofline.roofline_numpy", "numpy", "", devices=("cpu",)),
    Ceiling("ceiling-pytorch", "roofline.roofline_pytorch", "torch", "pytorch"),
    Ceiling("ceiling-jax", "roofline.roofline_jax", "jax", "jax"),
    Ceiling("ceiling-tensorflow", "roofline.roofline_tensorflow", "tensorflow", "tensorflow"),
)
