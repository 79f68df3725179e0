"""Find TensorFlow's devices: https://www.tensorflow.org/guide/gpu."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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


@contextmanager
def trace(path: Path) -> Iterator[None]:
    """Trace a block: https://www.tensorflow.org/guide/profiler."""
    # Not with every program: it takes time, and is no public module.
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace  # noqa: PLC0415 - see above

    with tf.profiler.experimental.Profile(str(path.parent / "profile")):
        yield
    for written in path.parent.glob("profile/**/*.xplane.pb"):
        events = list_events(XSpace.FromString(written.read_bytes()))
        path.write_bytes(gzip.compress(json.dumps({"traceEvents": events}).encode()))


def list_events(space: Any) -> list[dict[str, object]]:
    """Return the events of an XSpace as Chrome's trace events; TensorBoard's plugin would too.

    Source: xplane.proto of OpenXLA. Chrome's times are microseconds.
    """
    start = min(line.timestamp_ns for plane in space.planes for line in plane.lines)
    events: list[dict[str, object]] = []
    for number, plane in enumerate(space.planes):
        name = {"ph": "M", "pid": number, "name": "process_name", "args": {"name": plane.name}}
        events.append(name)
        for line in plane.lines:
            place = {"pid": number, "tid": line.id}
            name = {"ph": "M", **place, "name": "thread_name", "args": {"name": line.name}}
            begin = (line.timestamp_ns - start) / 1e3
            events += [name] + [
                {
                    "ph": "X",
                    **place,
                    "name": plane.event_metadata[event.metadata_id].name,
                    "ts": begin + event.offset_ps / 1e6,
                    "dur": event.duration_ps / 1e6,
                }
                for event in line.events
            ]
    return events
