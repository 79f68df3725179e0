"""Put a known slowdown into an implementation, to see whether a gate detects it.

``calibrate.py`` appends this file to an implementation, so it imports nothing that has a name of
the contract.
"""

from bench.worker.measure import now_cpu


class SlowedTrainer:
    """A Trainer that burns CPU time after every n-th epoch.

    share: of the CPU time that all threads of the process used in the epoch. Not of its wall time:
    on a loaded machine an epoch waits for its core, and the short burn after it does not.
    """

    def __init__(self, trainer, share, every):
        self._trainer = trainer
        self._share = share
        self._every = every
        self._epochs = 0

    def reset(self, params):
        """Reset the implementation; its epochs are counted on."""
        self._trainer.reset(params)

    def train_epoch(self, order):
        """Train an epoch, and burn the share of its CPU time."""
        self._epochs += 1
        before = now_cpu()
        params = self._trainer.train_epoch(order)
        seconds = now_cpu() - before
        if self._epochs % self._every == 0:
            burn(self._share * seconds)
        return params

    def predict(self, images):
        """Predict as the implementation does."""
        return self._trainer.predict(images)


def slow_down(implementation, share, every):
    """Return the implementation with a slowdown: see ``SlowedTrainer``."""
    return lambda problem, device: SlowedTrainer(implementation(problem, device), share, every)


def burn(seconds):
    """Compute until this process has used so much more CPU time."""
    end = now_cpu() + seconds
    while now_cpu() < end:
        pass
