"""Softmax regression in Lightning, fed by PyTorch's DataLoader.

Follows https://lightning.ai/docs/pytorch/stable/starter/introduction.html. Nothing is logged, saved
or printed. A ``fit`` of one epoch costs some 4 ms more than an epoch of a longer one. All but the
loop is softmax_pytorch_dataloader.py.
"""

import logging
import warnings
from collections.abc import Callable, Iterable

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name that PyTorch's own pages use
from torch.utils.data import DataLoader, TensorDataset

from bench.contract import SGD, Device, Optimizer, Params, Problem
from implementations._devices.torch import find_device


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find_device(device)
        images, labels = torch.from_numpy(problem.images), torch.from_numpy(problem.labels)
        self.dataset = TensorDataset(images, labels.to(torch.int64))
        self.module = Module(problem)
        # It would advise to log, to save, and to load with several workers.
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", module="lightning")
        self.trainer = lightning.Trainer(
            accelerator="cpu" if device == "cpu" else "gpu",
            devices=1,
            max_epochs=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )

    def reset(self, params: Params) -> None:
        with torch.no_grad():
            self.module.layer.weight.copy_(torch.from_numpy(params.weight.T))
            self.module.layer.bias.copy_(torch.from_numpy(params.bias))
            for squares in self.module.optimizer.state.values():  # none under SGD
                squares.zero_()

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        loader = DataLoader(
            self.dataset, batch_size=self.problem.batch_size, sampler=order.tolist()
        )
        # A trainer counts its epochs and stops at the last one.
        self.trainer.fit_loop.max_epochs += 1
        self.trainer.fit(self.module, loader)
        weight, bias = (part.detach().cpu().numpy() for part in self.module.layer.parameters())
        return Params(np.array(weight.T, order="C"), np.array(bias))

    @torch.no_grad()
    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        self.module.to(self.device)  # the trainer leaves it on the CPU
        logits = self.module(torch.from_numpy(images).to(self.device))
        return logits.argmax(dim=1).cpu().numpy()


class Module(lightning.LightningModule):
    """A linear layer, its loss and its optimizer, which keeps its state over epochs."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.layer = nn.Linear(problem.features, problem.classes)
        self.optimizer = make_optimizer(problem.optimizer, self.layer.parameters())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layer(images)

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        images, labels = batch
        return F.cross_entropy(self(images), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.optimizer


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


def make_optimizer(optimizer: Optimizer, params: Iterable[torch.Tensor]) -> torch.optim.Optimizer:
    """Return the optimizer of the problem."""
    if isinstance(optimizer, SGD):
        return torch.optim.SGD(params, lr=optimizer.learning_rate)
    return RMSprop(params, optimizer.learning_rate, rho=optimizer.rho, epsilon=optimizer.epsilon)
