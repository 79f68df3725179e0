"""Names an objective that there is not."""

from implementations.idiomatic import softmax_numpy

OBJECTIVE = ["hinge"]
Trainer = softmax_numpy.Trainer
