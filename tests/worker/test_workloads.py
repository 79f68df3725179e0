"""The fixed experiments."""

import numpy as np
import pytest

from bench.contract import RMSprop
from bench.worker.workloads import WORKLOADS, get_workload, is_workload


def test_textbook_workload_has_the_optimizer_that_keras_calls_rmsprop():
    # The defaults, which the chapter takes: https://keras.io/api/optimizers/rmsprop/.
    assert WORKLOADS["textbook"].optimizer == RMSprop(0.001, rho=0.9, epsilon=1e-7)


@pytest.mark.parametrize("models", [2, 3, 100_000])
def test_models_of_a_workload_have_rates_of_their_own(models):
    known = get_workload(f"many-{models}")
    assert (known.models, len(np.unique(known.rates)), known.rates.dtype) == (models, models, "f4")
    assert [*known.rates[[0, -1]]] == [np.float32(0.005), np.float32(0.05)]


@pytest.mark.parametrize(
    "name", ["many", "many-0", "many-01", "many-1000000", "many--1", "xmany-1"]
)
def test_unknown_workload_is_none(name):
    assert not is_workload(name)
    with pytest.raises(KeyError):
        get_workload(name)
