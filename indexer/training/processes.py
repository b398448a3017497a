"""Train in several processes, which torchrun starts: each embeds its share of every batch.

All processes draw the same batch and compute the loss over all its embeddings, because a loss of pairs and triplets
over a share is another loss. Gradients of the network are summed over the shares, and batch norm takes its statistics
from the whole batch, so that the curve is that of one process with the same batch. Networks with dropout draw other
masks.

The processes share the folder of the run: the first one writes it, the others read the pixels and the saved state.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from torch import Tensor

_LONGEST = timedelta(days=1)
"""The others wait while the first process decodes all pictures. torchrun ends them if it fails."""


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of one run; a run in a single one needs no group, and every method then does nothing."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the folder of the run."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.count > 1:
            distributed.barrier()

    def same(self, values: Sequence[float | None]) -> list[float | None]:
        """The values of the first process, in all of them; None stays None."""
        if self.count == 1:
            return list(values)
        sent = torch.tensor([float("nan") if each is None else each for each in values], dtype=torch.float64)
        sent = sent.to(_device())
        distributed.broadcast(sent, src=0)
        return [None if each != each else each for each in sent.tolist()]

    def share(self, rows: int) -> slice:
        """The rows of a batch that this process embeds.

        Raises:
            DataError: the batch cannot be divided evenly.
        """
        if rows % self.count:
            raise DataError(
                f"a batch of {rows} views cannot be divided among {self.count} processes: choose --batch so that P"
                f" times K is a multiple of {self.count}"
            )
        size = rows // self.count
        return slice(self.rank * size, (self.rank + 1) * size)

    def gathered(self, embeddings: Tensor) -> Tensor:
        """The embeddings of the whole batch `(B, D)` from those of each share; gradients reach the own share."""
        if self.count == 1:
            return embeddings
        whole: Tensor = _Gather.apply(embeddings, self.rank, self.count)
        return whole

    def prepared(self, network: nn.Module) -> None:
        """Make batch norm take its statistics from the whole batch, in place.

        Raises:
            DataError: the network has batch norm of a kind that cannot.
        """
        if self.count > 1:
            share_statistics(network)

    def wrapped(self, network: Any) -> Callable[[Tensor], Tensor]:
        """The network with gradients that are summed over all processes, as `gathered` expects."""
        forward: Callable[[Tensor], Tensor] = network
        if self.count > 1:
            forward = DistributedDataParallel(network, broadcast_buffers=False)
        return forward

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Remove differences in rounding between gradients that every process computes from the whole batch."""
        if self.count > 1:
            for parameter in parameters:
                if parameter.grad is not None:
                    distributed.all_reduce(parameter.grad)
                    parameter.grad /= self.count


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """The processes that torchrun started, connected for the block; a single one without torchrun."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1 or not distributed.is_available():
        yield Processes()
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_LONGEST)
    try:
        yield Processes(distributed.get_rank(), count)
    finally:
        distributed.destroy_process_group()


def share_statistics(network: nn.Module) -> None:
    """Replace each batch norm by `WholeBatchNorm` with the same weights, names and settings.

    Raises:
        DataError: a batch norm of another class, whose forward pass is not known here.
    """
    for name, child in list(network.named_children()):
        if isinstance(child, _BatchNorm):
            if type(child) not in (nn.BatchNorm1d, nn.BatchNorm2d):
                raise DataError(
                    f"the network has batch norm of the kind {type(child).__name__}, whose statistics cannot be shared"
                    " by several processes. Train in one process"
                )
            setattr(network, name, WholeBatchNorm.like(child))
        else:
            share_statistics(child)


class WholeBatchNorm(_BatchNorm):
    """Batch norm over the rows of all processes; torch's SyncBatchNorm does not run on CPUs."""

    @classmethod
    def like(cls, norm: _BatchNorm) -> WholeBatchNorm:
        """The same weights and running statistics, as the same tensors."""
        made = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        made._parameters, made._buffers = norm._parameters, norm._buffers
        return made.train(norm.training)

    def _check_input_dim(self, input: Tensor) -> None:
        """Accept `(B, C)` and `(B, C, ...)`."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise `(B, C, ...)`; in evaluation mode as torch does."""
        if not (self.training and distributed.is_initialized()):
            return super().forward(input)
        axes = [0, *range(2, input.ndim)]
        shape = [1, -1, *[1] * (input.ndim - 2)]
        count = input.numel() // input.shape[1] * distributed.get_world_size()
        wide = input.float()
        mean = _Sum.apply(wide.sum(axes)) / count
        centred = wide - mean.view(shape)
        variance = _Sum.apply(centred.square().sum(axes)) / count
        self._follow(mean.detach(), variance.detach() * count / max(1, count - 1))
        scale = torch.rsqrt(variance + self.eps)
        if self.affine:
            scale = scale * self.weight
        normal = centred * scale.view(shape)
        normalised: Tensor = normal + self.bias.view(shape) if self.affine else normal
        return normalised.to(input.dtype)

    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance.to(self.running_var.dtype), share)


class _Sum(torch.autograd.Function):
    """Sums a tensor over all processes, forward and backward."""

    @staticmethod
    def forward(context: Any, own: Tensor) -> Tensor:
        total = own.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total


class _Gather(torch.autograd.Function):
    """Joins the shares of all processes; `DistributedDataParallel` averages, so the gradient is scaled to a sum."""

    @staticmethod
    def forward(context: Any, share: Tensor, rank: int, count: int) -> Tensor:
        parts = [torch.empty_like(share) for _ in range(count)]
        distributed.all_gather(parts, share.contiguous())
        context.rank, context.count, context.size = rank, count, len(share)
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        start = context.rank * context.size
        return gradients[0][start : start + context.size] * context.count, None, None


def _device() -> torch.device:
    """Where the backend of the group expects tensors."""
    return torch.device("cuda" if distributed.get_backend() == "nccl" else "cpu")
