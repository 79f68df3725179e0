"""Measure how far known mistakes end from the oracle, for the scale of the parity chart.

``PYTHONPATH=tests:. python -m support.mistakes`` trains some saboteurs of tests/assets on
Fashion-MNIST as ``bench run`` does, and writes bench/report/charts/mistakes.json.
"""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

from support.processes import ASSETS

from bench.contract import Params
from bench.data import dataset
from bench.report.charts import parity
from bench.runner.parity import oracle
from bench.runner.parity.draws import Draws
from bench.runner.parity.judge import FOLLOWED_EPOCHS
from bench.worker import data
from bench.worker.workloads import WORKLOADS

# Saboteurs, by what they do.
MISTAKES = {
    "multiplies in TF32": "tf32",
    "weight decay of 1e-6": "decays_its_weights",
    "learning rate × 1.0001": "learns_too_fast",
    "swaps two batches": "swaps_batches",
    "from_logits=False": "keras_jax_probabilities",
}
SEED = 42


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ASSETS / "saboteurs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measure_error(module: ModuleType, folder: Path, workload: str, classes: int) -> float:
    """Return the largest parity error of the epochs that a judge follows."""
    known, draws = WORKLOADS[workload], Draws.make(SEED, 1)
    samples = len(data.read_labels(folder, "train"))
    problem = data.read_problem(
        folder, workload, classes=classes, batch_size=known.batch_size, samples=samples
    )
    start = draws.draw_initial_params(known, problem.features, classes)
    trainer = module.Trainer(problem, "cpu")
    trainer.reset(start)
    state, errors = oracle.start(start), []
    for epoch in range(1, FOLLOWED_EPOCHS + 1):
        order = draws.draw_order(epoch, samples)
        params = Params(*trainer.train_epoch(order))
        state = oracle.train_epoch(problem, state, order)
        errors.append(oracle.parity_error(params, state.solution, start))
    return max(errors)


def main() -> None:
    """Write the errors of all mistakes in all workloads."""
    prepared = dataset.find()
    errors = {
        workload: {
            words: float(
                f"{measure_error(load(name), prepared.folder, workload, prepared.classes):.3g}"
            )
            for words, name in MISTAKES.items()
        }
        for workload in WORKLOADS
    }
    text = json.dumps(errors, indent=2, ensure_ascii=False)
    parity.MISTAKES.write_text(f"{text}\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
