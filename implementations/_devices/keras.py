"""Keras's devices, on whichever backend KERAS_BACKEND names."""

from textwrap import shorten

import keras

from bench.contract import Device, Unavailable


def find(device: Device) -> str:
    """Keras's name of the device; a tensor shows that it is there, as TensorFlow never objects."""
    backend = keras.backend.backend()
    name = accelerator() if (device, backend) == ("gpu", "torch") else device
    try:
        with keras.device(name):
            place = str(keras.ops.zeros(1).device).lower()
    except (AssertionError, RuntimeError, ValueError) as error:
        if "out of memory" in str(error):  # there is one, and it is full
            raise
        said = shorten(str(error), 150, placeholder=" ...")
        raise Unavailable(f"Keras finds no {device.upper()} with {backend}: {said}") from error
    if (device, backend) == ("gpu", "tensorflow"):
        from implementations._devices import tensorflow  # noqa: PLC0415 - only as the backend

        if "cpu" in place:
            raise tensorflow.missing(device)
        tensorflow.use_float32()
    # Without ":0", which PyTorch takes for another device than its tensors', losing the gradients.
    return name


def accelerator() -> str:
    """What Keras takes by itself on PyTorch, which may be Apple's; "gpu" is CUDA's to it."""
    own = str(keras.ops.zeros(1).device.type)
    return "gpu" if own == "cpu" else own
