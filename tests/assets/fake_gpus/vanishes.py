"""A made-up GPU that is lost after some epochs, as CUDA says it."""

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def __init__(self, problem, device):
        super().__init__(problem, "cpu")
        self.left = 3 if device == "gpu" else 1000

    def train_epoch(self, order):
        if not self.left:
            raise RuntimeError("CUDA error: the launch timed out and was terminated")
        self.left -= 1
        return super().train_epoch(order)
