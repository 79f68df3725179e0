"""Find TensorFlow's devices: https://www.tensorflow.org/guide/gpu."""

import tensorflow as tf

from bench.contract import Device, Unavailable


def find_device(device: Device) -> str:
    """Return TensorFlow's name of a device. Raises Unavailable; TensorFlow itself falls back."""
    if not tf.config.list_physical_devices(device.upper()):
        raise explain_absence(device)
    if device == "gpu":
        use_float32()
    return f"/{device.upper()}:0"


def explain_absence(device: Device) -> Unavailable:
    """Return the reason why this build of TensorFlow has no such device."""
    cuda = tf.sysconfig.get_build_info().get("cuda_version")
    build = f"is built for CUDA {cuda}" if cuda else "is a CPU-only build"
    return Unavailable(f"TensorFlow {tf.__version__} finds no {device.upper()}; it {build}")


def use_float32() -> None:
    """Disable TF32, the default: XLA's kernels ignore NVIDIA_TF32_OVERRIDE."""
    tf.config.experimental.enable_tensor_float_32_execution(False)


def read_peak_bytes() -> int | None:
    """Return the most bytes of tensors on the GPU so far; None on the CPU."""
    if not tf.config.list_physical_devices("GPU"):
        return None
    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
