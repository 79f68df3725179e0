"""Softmax regression of several models in Numba, one by one, in one process a core.

Follows https://scikit-learn.org/stable/computing/parallelism.html, which advises one process a core
with one thread each. In its process, many_numba.py trains one model after the other; pixels stay
bytes (uint8).
"""

from bench.contract import Device, Problem
from implementations.many._processes import Processes, serve
from implementations.many.tuned import many_numba


class Trainer(Processes):
    def __init__(self, problem: Problem, device: Device) -> None:
        super().__init__(problem, device, "implementations.many.tuned.processes_numba")


if __name__ == "__main__":
    serve(lambda problem: many_numba.Trainer(problem, "cpu"))
