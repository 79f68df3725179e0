"""Find PyTorch's devices, and capture CUDA graphs."""

from collections.abc import Callable
from textwrap import shorten

import torch

from bench.contract import Device, Unavailable

CAPTURED = ("cuda",)  # device types with CUDA graphs; AMD's are named cuda, too


def find_device(device: Device) -> torch.device:
    """Return the CPU or this build's accelerator, after creating a tensor there.

    Follows https://docs.pytorch.org/docs/stable/accelerator.html. Raises Unavailable.
    """
    if device == "cpu":
        return torch.device("cpu")
    accelerator = torch.accelerator.current_accelerator()
    if accelerator is None:
        raise Unavailable(f"PyTorch {torch.__version__} is a CPU-only build")
    try:
        torch.ones(1, device=accelerator)
    except (AssertionError, RuntimeError) as error:
        if "out of memory" in str(error):  # the device exists but is full
            raise
        message = shorten(str(error), 150, placeholder=" ...")
        raise Unavailable(f"PyTorch {torch.__version__} finds no GPU: {message}") from error
    return accelerator


def capture(run: Callable[[], None]) -> Callable[[], None]:
    """Record the kernels that ``run`` launches as a CUDA graph; return a function to replay them.

    Follows https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs: before the recording,
    warm-up calls on a side stream compile, load kernels and create handles.
    """
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    # A compilation cannot be recorded: fail, and name the guard that asks for it.
    no_compilation = torch._dynamo.config.patch(error_on_recompile=True)  # noqa: SLF001 - no public name
    # On the stream of the warm-up, because AMD's library creates a handle per stream.
    with no_compilation, torch.cuda.graph(graph, stream=stream):
        run()
    return graph.replay


def read_peak_bytes() -> int | None:
    """Return the most bytes of tensors on the GPU so far; None on the CPU and on Apple's GPUs."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_initialized() else None
