"""Softmax regression of several models in PyTorch, vectorized over the models.

Follows https://docs.pytorch.org/tutorials/intermediate/ensembling.html: functional_call with the
stacked parameters of the models, under torch.vmap; torch.func.grad differentiates it.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name that PyTorch's own pages use

from bench.contract import Device, Params, Problem, Unavailable
from implementations._devices.torch import find_device

Tensors = dict[str, torch.Tensor]  # by name of the parameter


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        if problem.models is None:
            raise Unavailable("it trains several models")
        self.problem = problem
        self.device = find_device(device)
        self.images = torch.from_numpy(problem.images).to(self.device)
        self.labels = torch.from_numpy(problem.labels).to(self.device, torch.int64)
        rates = torch.from_numpy(problem.models).to(self.device)
        self.rates = {"weight": rates[:, None, None], "bias": rates[:, None]}
        # Without memory of its own: the parameters are those of the call.
        self.model = nn.Linear(problem.features, problem.classes, device="meta")
        # Each model has its params; the batch is the same for all.
        self.gradient = torch.vmap(torch.func.grad(self.loss), in_dims=(0, None, None))

    def reset(self, params: Params) -> None:
        # Its weight has a row for each class.
        weight = np.ascontiguousarray(params.weight.transpose(0, 2, 1))
        arrays = {"weight": weight, "bias": params.bias.copy()}
        self.params = {name: torch.from_numpy(one).to(self.device) for name, one in arrays.items()}

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        for batch in torch.from_numpy(order).to(self.device).split(self.problem.batch_size):
            gradient = self.gradient(self.params, self.images[batch], self.labels[batch])
            for name, g in gradient.items():
                self.params[name].sub_(self.rates[name] * g)
        weight, bias = (self.params[name].cpu().numpy() for name in ("weight", "bias"))
        return Params(np.array(weight.transpose(0, 2, 1), order="C"), np.array(bias))

    def loss(self, params: Tensors, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the mean cross-entropy of a batch, of one model."""
        return F.cross_entropy(torch.func.functional_call(self.model, params, images), labels)
