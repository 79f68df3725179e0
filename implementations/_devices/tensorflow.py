"""TensorFlow's devices."""

import tensorflow as tf

from bench.contract import Device, Unavailable


def find(device: Device) -> str:
    """TensorFlow's name of the device; asked for in vain, it would fall back in silence."""
    if not tf.config.list_physical_devices(device.upper()):
        raise missing(device)
    if device == "gpu":
        use_float32()
    return f"/{device.upper()}:0"


def missing(device: Device) -> Unavailable:
    """The reason why this build of TensorFlow has no such device."""
    cuda = tf.sysconfig.get_build_info().get("cuda_version")
    build = f"is built for CUDA {cuda}" if cuda else "is a build for the CPU alone"
    return Unavailable(f"TensorFlow {tf.__version__} finds no {device.upper()}; it {build}")


def use_float32() -> None:
    """Switch TF32 off: it is on by default, and XLA's kernels ignore NVIDIA_TF32_OVERRIDE."""
    tf.config.experimental.enable_tensor_float_32_execution(False)
