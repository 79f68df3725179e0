"""The fixed experiments."""

from bench.contract import RMSprop
from bench.worker.workloads import WORKLOADS


def test_textbook_workload_has_the_optimizer_that_keras_calls_rmsprop():
    # The defaults, which the chapter takes: https://keras.io/api/optimizers/rmsprop/.
    assert WORKLOADS["textbook"].optimizer == RMSprop(0.001, rho=0.9, epsilon=1e-7)
