"""Softmax regression in PyTorch, with ten of the compiled steps in one graph.

The step is that of softmax_pytorch_fullgraph_step.py, and ``torch.compile`` unrolls the loop over
the batches, as its page on loops says:
https://docs.pytorch.org/docs/stable/compile/programming_model.dynamo_core_concepts.html.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name that PyTorch's own pages use

from bench.contract import SGD, Device, Params, Problem
from implementations._devices.torch import find_device

TOGETHER = 10  # steps in a graph: more take longer to compile

Tensors = dict[str, torch.Tensor]  # by name of the parameter


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find_device(device)
        self.images = torch.from_numpy(problem.images).to(self.device)
        self.labels = torch.from_numpy(problem.labels).to(self.device, torch.int64)
        self.model = nn.Linear(problem.features, problem.classes, device=self.device)
        self.params = {name: part.detach() for name, part in self.model.named_parameters()}
        self.squares = {name: torch.zeros_like(part) for name, part in self.params.items()}
        self.steps = torch.compile(self.train_steps, fullgraph=True)
        self.together = max(n for n in range(1, TOGETHER + 1) if problem.steps % n == 0)

    def reset(self, params: Params) -> None:
        self.params["weight"].copy_(torch.from_numpy(params.weight.T))
        self.params["bias"].copy_(torch.from_numpy(params.bias))
        for square in self.squares.values():
            square.zero_()

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        batches = torch.from_numpy(order).to(self.device).split(self.problem.batch_size)
        for first in range(0, len(batches), self.together):
            some = batches[first : first + self.together]
            self.steps(self.params, self.squares, self.images, self.labels, some)
        weight, bias = (self.params[name].cpu().numpy() for name in ("weight", "bias"))
        return Params(np.array(weight.T, order="C"), np.array(bias))

    def train_steps(
        self,
        params: Tensors,
        squares: Tensors,
        images: torch.Tensor,
        labels: torch.Tensor,
        batches: tuple[torch.Tensor, ...],
    ) -> None:
        """Update the params in place, once per batch."""
        for batch in batches:
            self.train_step(params, squares, images[batch], labels[batch])

    def train_step(
        self, params: Tensors, squares: Tensors, images: torch.Tensor, labels: torch.Tensor
    ) -> None:
        """Update the params in place."""
        gradient = torch.func.grad(self.loss)(params, images, labels)
        optimizer = self.problem.optimizer
        for name, g in gradient.items():
            w, v = params[name], squares[name]
            if isinstance(optimizer, SGD):
                w.sub_(optimizer.learning_rate * g)
            else:
                v.mul_(optimizer.rho).add_((1 - optimizer.rho) * g * g)
                w.sub_(optimizer.learning_rate * g / torch.sqrt(v + optimizer.epsilon))

    def loss(self, params: Tensors, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the mean cross-entropy of a batch."""
        return F.cross_entropy(torch.func.functional_call(self.model, params, images), labels)

    @torch.no_grad()
    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        logits = self.model(torch.from_numpy(images).to(self.device))
        return logits.argmax(dim=1).cpu().numpy()
