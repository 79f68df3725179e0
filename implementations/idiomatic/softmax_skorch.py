"""Softmax regression in skorch: a PyTorch module as a classifier of scikit-learn's kind.

Follows https://skorch.readthedocs.io/en/stable/user/quickstart.html and, for a data set instead of
arrays, https://skorch.readthedocs.io/en/stable/user/dataset.html. ``partial_fit`` goes on from the
params and the optimizer's state of the epoch before.
"""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNetClassifier
from torch import nn
from torch.utils.data import Subset, TensorDataset

from bench.contract import SGD, Device, Optimizer, Params, Problem
from implementations._devices.torch import find_device


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        optimizer, settings = choose_optimizer(problem.optimizer)
        images, labels = torch.from_numpy(problem.images), torch.from_numpy(problem.labels)
        self.dataset = TensorDataset(images, labels.to(torch.int64))
        self.net = NeuralNetClassifier(
            nn.Linear,
            module__in_features=problem.features,
            module__out_features=problem.classes,
            criterion=nn.CrossEntropyLoss,
            optimizer=optimizer,
            **settings,
            batch_size=problem.batch_size,
            max_epochs=1,
            train_split=None,
            classes=list(range(problem.classes)),
            device=find_device(device),
            verbose=0,
        ).initialize()

    def reset(self, params: Params) -> None:
        with torch.no_grad():
            self.net.module_.weight.copy_(torch.from_numpy(params.weight.T))
            self.net.module_.bias.copy_(torch.from_numpy(params.bias))
            for squares in self.net.optimizer_.state.values():  # none under SGD
                squares.zero_()

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        self.net.partial_fit(Subset(self.dataset, order.tolist()), y=None)
        weight, bias = (part.detach().cpu().numpy() for part in self.net.module_.parameters())
        return Params(np.array(weight.T, order="C"), np.array(bias))

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        return self.net.predict(images)


class RMSprop(torch.optim.Optimizer):
    """RMSprop as in the contract. In torch.optim.RMSprop, epsilon is outside the root."""

    def __init__(
        self, params: Iterable[torch.Tensor], lr: float, *, rho: float, epsilon: float
    ) -> None:
        super().__init__(params, {"lr": lr, "rho": rho, "epsilon": epsilon})
        for w in self.param_groups[0]["params"]:
            self.state[w] = torch.zeros_like(w)

    @torch.no_grad()
    def step(self, closure: Callable[[], torch.Tensor]) -> torch.Tensor:
        with torch.enable_grad():
            loss = closure()
        group = self.param_groups[0]
        for w in group["params"]:
            v = self.state[w].mul_(group["rho"]).addcmul_(w.grad, w.grad, value=1 - group["rho"])
            w.addcdiv_(w.grad, (v + group["epsilon"]).sqrt_(), value=-group["lr"])
        return loss


def choose_optimizer(
    optimizer: Optimizer,
) -> tuple[type[torch.optim.Optimizer], dict[str, float]]:
    """Return the class of the problem's optimizer, and its settings as skorch names them."""
    if isinstance(optimizer, SGD):
        return torch.optim.SGD, {"lr": optimizer.learning_rate}
    settings = {"optimizer__rho": optimizer.rho, "optimizer__epsilon": optimizer.epsilon}
    return RMSprop, {"lr": optimizer.learning_rate, **settings}
