"""NumPy on two made-up devices: the CPU's time goes with the samples, the GPU's with the steps."""

from time import process_time  # noqa: TID251 - it is this file's purpose to take time

from implementations.idiomatic import softmax_numpy

PER_SAMPLE = {"cpu": 8e-6, "gpu": 0.2e-6}
PER_STEP = {"cpu": 0.0, "gpu": 0.2e-3}


def spend(seconds):
    end = process_time() + seconds
    while process_time() < end:
        pass


class Trainer(softmax_numpy.Trainer):
    def __init__(self, problem, device):
        super().__init__(problem, "cpu")
        samples, steps = len(problem.images), problem.steps
        self.seconds = PER_SAMPLE[device] * samples + PER_STEP[device] * steps
        self.predict_seconds = PER_SAMPLE[device]

    def train_epoch(self, order):
        spend(self.seconds)
        return super().train_epoch(order)

    def predict(self, images):
        spend(self.predict_seconds * len(images))
        return super().predict(images)
