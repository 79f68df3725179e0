"""Softmax regression in PyTorch, with the model in torch.compile, as most programs have it.

Follows https://docs.pytorch.org/tutorials/intermediate/torch_compile_tutorial.html: a compiled
module is called in place of the model. Loss and optimizer stay in Python. All else is
softmax_pytorch.py.
"""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name that PyTorch's own pages use

from bench.contract import SGD, Device, Optimizer, Params, Problem
from implementations._devices.torch import find_device


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find_device(device)
        self.images = torch.from_numpy(problem.images).to(self.device)
        self.labels = torch.from_numpy(problem.labels).to(self.device, torch.int64)
        self.model = nn.Linear(problem.features, problem.classes, device=self.device)
        self.compiled = torch.compile(self.model)
        self.optimizer = make_optimizer(problem.optimizer, self.model.parameters())

    def reset(self, params: Params) -> None:
        with torch.no_grad():
            self.model.weight.copy_(torch.from_numpy(params.weight.T))
            self.model.bias.copy_(torch.from_numpy(params.bias))
            for squares in self.optimizer.state.values():  # none under SGD
                squares.zero_()

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        for batch in torch.from_numpy(order).to(self.device).split(self.problem.batch_size):
            loss = F.cross_entropy(self.compiled(self.images[batch]), self.labels[batch])
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
        weight, bias = (part.detach().cpu().numpy() for part in self.model.parameters())
        return Params(np.array(weight.T, order="C"), np.array(bias))

    @torch.no_grad()
    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        logits = self.model(torch.from_numpy(images).to(self.device))
        return logits.argmax(dim=1).cpu().numpy()


class RMSprop(torch.optim.Optimizer):
    """RMSprop as in the contract. In torch.optim.RMSprop, epsilon is outside the root."""

    def __init__(
        self, params: Iterable[torch.Tensor], lr: float, *, rho: float, epsilon: float
    ) -> None:
        super().__init__(params, {"lr": lr, "rho": rho, "epsilon": epsilon})
        for w in self.param_groups[0]["params"]:
            self.state[w] = torch.zeros_like(w)

    @torch.no_grad()
    def step(self) -> None:
        group = self.param_groups[0]
        for w in group["params"]:
            v = self.state[w].mul_(group["rho"]).addcmul_(w.grad, w.grad, value=1 - group["rho"])
            w.addcdiv_(w.grad, (v + group["epsilon"]).sqrt_(), value=-group["lr"])


def make_optimizer(optimizer: Optimizer, params: Iterable[torch.Tensor]) -> torch.optim.Optimizer:
    """Return the optimizer of the problem."""
    if isinstance(optimizer, SGD):
        return torch.optim.SGD(params, lr=optimizer.learning_rate)
    return RMSprop(params, optimizer.learning_rate, rho=optimizer.rho, epsilon=optimizer.epsilon)
