"""What the tuned implementations take for granted about the pixels, looked at where they do."""

import importlib

import numpy as np
import pytest

from bench.contract import SGD, Problem

LEVELS = np.arange(256, dtype=np.float32) / np.float32(255)


def kept(name, images):
    """The type in which an implementation keeps these images, and whether they come back."""
    if name == "numba":
        module = module_of("numba", "tuned.softmax_numba")
        pixels, high, low = module.compress(images)
        back = np.empty_like(images)
        module.gather(pixels, high, low, np.arange(len(images), dtype=np.int32), back)
        return pixels.dtype, np.array_equal(back, images)
    if name == "jax-scan":
        module = module_of("jax", "tuned.softmax_jax_scan")
        problem = Problem(images, np.zeros(len(images), np.int32), 10, len(images), SGD(0.05))
        packed, _ = module.Trainer(problem, "cpu").data
        back = module.jax.jit(module.unpack)(packed)
        return np.dtype(packed.dtype), np.array_equal(back, images)
    module = module_of("torch", "tuned.softmax_pytorch_compiled")
    packed = module.pack(module.torch.from_numpy(images))
    back = module.unpack(packed).numpy()
    return np.dtype(str(packed.dtype).removeprefix("torch.")), np.array_equal(back, images)


def module_of(framework, name):
    pytest.importorskip(framework)
    return importlib.import_module(f"implementations.{name}")


@pytest.mark.parametrize("name", ["numba", "jax-scan", "pytorch-compiled"])
def test_bytes_are_kept_only_where_they_give_back_every_float32(name):
    whole = np.tile(LEVELS, (8, 1))
    dtype, same = kept(name, whole)
    assert dtype.kind == "u"
    assert same
    whole[3, 7] = np.nextafter(whole[3, 7], np.float32(1))
    dtype, same = kept(name, whole)
    assert dtype == np.float32
    assert same
