"""What a round draws at random: the initial weights, and the order of the samples in each epoch.

Every round has its own entropy for each workload, device, batch size and number of threads, which
its programs share and which no worker holds: a worker sees an order when its epoch begins. The
entropy is written into the run's folder when the round is over, so that anybody can draw the same
orders again.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.contract import Params, Problem
from bench.records.store import identify_entropy
from bench.worker.workloads import NOISE_WORKLOAD, Workload, choose_noise_batch

_HEX_DIGITS = 32

# The noise has this many images, and no more than the case, and is trained for so many epochs.
NOISE_SAMPLES, NOISE_EPOCHS = 9600, 2

# Of several models, so many are judged after the first epoch, and after every other one that is.
# All of a round's rows share them, and with them the oracle's work.
FIRST_MODELS, OTHER_MODELS = 1000, 5

EpochPart = Literal["stretch", "timed", "warm-up", "noise"]


class Epoch(NamedTuple):
    """One epoch of a trial: its part, and its number in it, from 1 on.

    stretch: the first epoch of a process, whose time includes compilation, and those that go on
    from it; they give the accuracies. timed: those whose times count; each starts from weights of
    its own. warm-up: of a GPU. noise: those that a trial ends with; the last one is judged.
    """

    part: EpochPart
    number: int


FIRST_EPOCH = Epoch("stretch", 1)
NOISE_EPOCH = Epoch("noise", NOISE_EPOCHS)

# The numbers of what is drawn, for the generator.
_PARTS = ("stretch", "timed", "warm-up", "noise")
_ORDER, _WEIGHTS, _NOISE, _MODELS = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Draws:
    """The draws of one round, for all programs of one size.

    entropy: 128 bits, as hexadecimal digits. whole_noise, noise_epochs: see ``TrialRecord``.
    """

    entropy: str
    whole_noise: bool = True
    noise_epochs: int = NOISE_EPOCHS

    @classmethod
    def make(cls, seed: int | None, *names: object) -> "Draws":
        """Return the draws of a round; without a seed nobody can know them beforehand.

        names: the number of the round, and the size of its rows.
        """
        if seed is None:
            return cls(secrets.token_hex(_HEX_DIGITS // 2))
        text = "/".join(map(str, (seed, *names)))
        return cls(hashlib.sha256(text.encode()).hexdigest()[:_HEX_DIGITS])

    @property
    def id(self) -> str:
        """A name of the entropy, from which it cannot be computed."""
        return identify_entropy(self.entropy)

    def draw_order(self, epoch: Epoch, samples: int) -> NDArray[np.int64]:
        """Return the permutation in which an epoch takes the samples: int64 (samples,)."""
        return self._start_generator(epoch, _ORDER).permutation(samples)

    def draw_initial_params(
        self, workload: Workload, features: int, classes: int, epoch: Epoch
    ) -> Params:
        """Return the weights before an epoch: zeros, Glorot uniform, or small; the bias is zero.

        Small ones are a tenth of Glorot's: the smaller, the less rounding. On noise one model has
        small ones, and each of several has zeros.

        Glorot uniform: ``U(-limit, limit)`` with ``limit = sqrt(6 / (features + classes))``, the
        default of Keras's Dense layer (Glorot and Bengio 2010, equation 16).
        """
        models = (workload.models,) if workload.models else ()
        weight = np.zeros((*models, features, classes), np.float32)
        initial = workload.initial
        if epoch.part == "noise":
            initial = "zeros" if models or self.noise_epochs == 1 else "small"
        if initial != "zeros":
            limit = np.sqrt(6 / (features + classes)) * (0.1 if initial == "small" else 1)
            generator = self._start_generator(epoch, _WEIGHTS)
            weight = generator.uniform(-limit, limit, weight.shape).astype(np.float32)
        return Params(weight, np.zeros((*models, classes), np.float32))

    def draw_models(self, epoch: Epoch, models: int) -> list[int]:
        """Return which of several models, by their numbers from 1 on, are judged after an epoch."""
        most = FIRST_MODELS if epoch == FIRST_EPOCH else OTHER_MODELS
        generator = self._start_generator(epoch, _MODELS)
        chosen: list[int] = generator.permutation(models)[:most].tolist()
        return sorted(1 + model for model in chosen)

    def draw_noise(self, problem: Problem) -> Problem:
        """Return a problem of uniform noise in [0, 1] with random labels, of another one's shape.

        Its pixels are whole (n / 255), as those of photographs: programs that keep bytes train it
        by the code that is timed.
        On images of things, the rounding of low precision averages out while the weights move on;
        on noise it does not (docs/parity.md). It is trained by SGD: RMSprop enlarges rounding.
        """
        size = choose_noise_batch(problem)
        if self.noise_epochs == 1:
            size = min(NOISE_WORKLOAD.batch_size, problem.samples)
        samples = size * (min(NOISE_SAMPLES, problem.samples) // size)
        generator = self._start_generator(Epoch("noise", 1), _NOISE)
        shape = samples, problem.features
        if self.whole_noise:
            images = generator.integers(256, size=shape).astype(np.float32) / np.float32(255)
        else:
            images = generator.random(shape, np.float32)
        labels = generator.integers(problem.classes, size=samples).astype(np.int32)
        optimizer = NOISE_WORKLOAD.optimizer
        return Problem(images, labels, problem.classes, size, optimizer, problem.models)

    def _start_generator(self, epoch: Epoch, what: int) -> np.random.Generator:
        numbers = [_PARTS.index(epoch.part), epoch.number, what]
        if epoch.part == "stretch" and what != _MODELS:
            # As in format 7, whose accuracies are of the same epochs.
            numbers = [epoch.number] if what == _ORDER else []
        return np.random.default_rng([int(self.entropy, 16), *numbers])
