"""Find Keras's devices, on the backend that KERAS_BACKEND names."""

from textwrap import shorten

import keras

from bench.contract import Device, Unavailable


def find_device(device: Device) -> str:
    """Return Keras's name of a device, after creating a tensor there. Raises Unavailable."""
    backend = keras.backend.backend()
    name = name_accelerator() if (device, backend) == ("gpu", "torch") else device
    try:
        with keras.device(name):
            place = str(keras.ops.zeros(1).device).lower()
    except (AssertionError, RuntimeError, ValueError) as error:
        if "out of memory" in str(error):  # the device exists but is full
            raise
        message = shorten(str(error), 150, placeholder=" ...")
        raise Unavailable(f"Keras finds no {device.upper()} with {backend}: {message}") from error
    if (device, backend) == ("gpu", "tensorflow"):
        from implementations._devices import tensorflow  # noqa: PLC0415 - only if it is the backend

        if "cpu" in place:  # TensorFlow falls back without an error
            raise tensorflow.explain_absence(device)
        tensorflow.use_float32()
    # No ":0": to PyTorch that is another device than that of its tensors, and gradients are lost.
    return name


def name_accelerator() -> str:
    """Return the device that Keras uses by default on PyTorch, where "gpu" means CUDA only."""
    default = str(keras.ops.zeros(1).device.type)
    return "gpu" if default == "cpu" else default
