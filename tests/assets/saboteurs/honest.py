"""NumPy as the suite has it, in somebody's own file."""

from implementations import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    pass
