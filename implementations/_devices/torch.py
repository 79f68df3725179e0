"""PyTorch's devices, and how work on CUDA is recorded once and replayed."""

from collections.abc import Callable
from textwrap import shorten

import torch

from bench.contract import Device, Unavailable

CAPTURED = ("cuda",)  # the devices whose work can be recorded once and replayed, AMD's included


def find(device: Device) -> torch.device:
    """The CPU, or the accelerator that this build of PyTorch was made for; a tensor shows it."""
    if device == "cpu":
        return torch.device("cpu")
    accelerator = torch.accelerator.current_accelerator()
    if accelerator is None:
        raise Unavailable(f"PyTorch {torch.__version__} is a build for the CPU alone")
    try:
        torch.ones(1, device=accelerator)
    except (AssertionError, RuntimeError) as error:
        if "out of memory" in str(error):  # there is one, and it is full
            raise
        said = shorten(str(error), 150, placeholder=" ...")
        raise Unavailable(f"PyTorch {torch.__version__} finds no GPU: {said}") from error
    return accelerator


def capture(run: Callable[[], None]) -> Callable[[], None]:
    """Record all that ``run`` launches as a CUDA graph; return what launches it again, as one.

    As https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs has it: what happens the
    first time only (compiling, loading kernels, making handles) happens before, on a side stream.
    """
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    # On the stream of the warm-up, because AMD's library makes a handle for each.
    with torch.cuda.graph(graph, stream=stream):
        run()
    return graph.replay
