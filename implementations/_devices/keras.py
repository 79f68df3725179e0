"""Find Keras's devices, on the backend that KERAS_BACKEND names."""

from textwrap import shorten
from types import ModuleType

import keras

from bench.contract import Device, Unavailable


def find_device(device: Device) -> str:
    """Return Keras's name of a device, after creating a tensor there. Raises Unavailable."""
    backend = keras.backend.backend()
    name = name_accelerator(backend) if device == "gpu" else device
    if backend == "jax":
        name += ":0"  # older releases of Keras take no other name
    try:
        with keras.device(name):
            place = str(keras.ops.zeros(1).device).lower()
    except (AssertionError, RuntimeError, ValueError) as error:
        if "out of memory" in str(error):  # the device exists but is full
            raise
        message = shorten(str(error), 150, placeholder=" ...")
        raise Unavailable(f"Keras finds no {device.upper()} with {backend}: {message}") from error
    if (device, backend) == ("gpu", "tensorflow"):
        tensorflow = import_look_up(backend)
        if "cpu" in place:  # TensorFlow falls back without an error
            raise tensorflow.explain_absence(device)
        tensorflow.use_float32()
    # No ":0" otherwise: to PyTorch that is another device than that of its tensors, and gradients
    # are lost.
    return name


def name_accelerator(backend: str) -> str:
    """Return the name by which Keras finds a backend's GPU."""
    if backend == "torch":  # "gpu" means CUDA only; without a name it is what PyTorch has
        default = str(keras.ops.zeros(1).device.type)
        return "gpu" if default == "cpu" else default
    if backend == "jax":  # Keras compares the name with the platform, "gpu" today, maybe "cuda"
        return str(import_look_up(backend).find_device("gpu").platform)
    return "gpu"


def import_look_up(backend: str) -> ModuleType:
    """Return the device look-up of a backend; the others may not be installed."""
    if backend == "jax":
        from implementations._devices import jax  # noqa: PLC0415 - see above

        return jax
    if backend == "tensorflow":
        from implementations._devices import tensorflow  # noqa: PLC0415 - see above

        return tensorflow
    from implementations._devices import torch  # noqa: PLC0415 - see above

    return torch


def read_peak_bytes() -> int | None:
    """Return the most bytes that the backend had in use on the GPU so far; None on the CPU."""
    return import_look_up(keras.backend.backend()).read_peak_bytes()
