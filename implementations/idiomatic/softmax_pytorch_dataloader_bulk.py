"""Softmax regression in PyTorch, fed by its DataLoader in whole batches.

Follows https://docs.pytorch.org/docs/stable/data.html#disable-automatic-batching: with
``batch_size=None`` and a ``BatchSampler`` as the sampler, the loader takes a batch out of the
``TensorDataset`` by one index, not image by image. All else is softmax_pytorch_dataloader.py.
"""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name that PyTorch's own pages use
from torch.utils.data import BatchSampler, DataLoader, TensorDataset

from bench.contract import SGD, Device, Optimizer, Params, Problem
from implementations._devices.torch import find_device


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find_device(device)
        images, labels = torch.from_numpy(problem.images), torch.from_numpy(problem.labels)
        self.dataset = TensorDataset(images, labels.to(torch.int64))
        self.model = nn.Linear(problem.features, problem.classes, device=self.device)
        self.optimizer = make_optimizer(problem.optimizer, self.model.parameters())

    def reset(self, params: Params) -> None:
        with torch.no_grad():
            self.model.weight.copy_(torch.from_numpy(params.weight.T))
            self.model.bias.copy_(torch.from_numpy(params.bias))
            for squares in self.optimizer.state.values():  # none under SGD
                squares.zero_()

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        pinned = self.device.type == "cuda"  # PyTorch pins memory for CUDA only
        loader = DataLoader(
            self.dataset,
            batch_size=None,
            sampler=BatchSampler(order.tolist(), self.problem.batch_size, drop_last=False),
            pin_memory=pinned,
        )
        for images, labels in loader:
            logits = self.model(images.to(self.device, non_blocking=pinned))
            loss = F.cross_entropy(logits, labels.to(self.device, non_blocking=pinned))
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
