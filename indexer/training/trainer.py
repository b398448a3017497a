"""The training loop: one step, one row of the history, one state to resume from."""

from __future__ import annotations

import copy
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from indexer.training.checkpoints import load_state, save_state
from indexer.training.collapse import TrainingCollapsedError, check_spread, spread_of
from indexer.training.history import HistoryRow, write_history
from indexer.training.losses import Objective
from indexer.training.schedule import learning_rate, progress_of, size_at
from search.encoders.networks import build_network

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor, nn

    from indexer.training.batches import BatchMaker
    from indexer.training.config import TrainConfig
    from indexer.training.validation import Validator


@dataclass(frozen=True, slots=True)
class TrainEvent:
    """What a run tells as it goes: a step is done, and now and then a row of the history is written."""

    step: int
    progress: float
    """Share of the run that is over."""
    loss: float
    row: HistoryRow | None = None


class Trainer:
    """Owns the network, the objective and the optimizer of one run."""

    def __init__(
        self, config: TrainConfig, classes: int, batches: BatchMaker, validator: Validator | None, out: Path
    ) -> None:
        self.config = config
        self.batches = batches
        self.validator = validator
        self.out = out
        self.device = batches.device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.network = build_network(config.network)
            self.objective = Objective(config, classes)
        self.network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.objective.to(self.device)
        self.optimizer = torch.optim.AdamW(self._groups(), lr=config.learning_rate)
        self.step = 0
        self.seconds = 0.0
        self.history: list[HistoryRow] = []

    @property
    def progress(self) -> float:
        """Share of the run that is over."""
        return progress_of(self.step, self.config.steps, self.seconds, self.config.max_minutes)

    def resume(self) -> bool:
        """Go back to the last saved state; false where there is none.

        Raises:
            DataError: the state is damaged or of another network.
        """
        notes = load_state(self.out, self._modules(), self.optimizer)
        if notes is None:
            return False
        self.step, self.seconds = int(notes["step"]), float(notes["seconds"])
        self.history = [HistoryRow(**row) for row in notes["history"]]
        write_history(self.out, self.history)
        return True

    def run(self, tell: Callable[[TrainEvent], None]) -> None:
        """Train to the end; the state is saved at every row of the history.

        Raises:
            TrainingCollapsedError: all pictures get the same embedding, or the loss is not a number.
        """
        self.network.train()
        began = time.monotonic() - self.seconds
        costs: list[Tensor] = []
        while self.progress < 1.0:
            loss, embeddings = self.take_step()
            costs.append(loss)
            self.step += 1
            self.seconds = time.monotonic() - began
            row = None
            if self.step % self.config.evaluate_every == 0 or self.progress >= 1.0:
                row = self._row(torch.stack(costs), embeddings)
                costs.clear()
                self.seconds = time.monotonic() - began
                self._save()
            tell(TrainEvent(self.step, self.progress, float(loss), row))

    def take_step(self) -> tuple[Tensor, Tensor]:
        """One batch, forward, backward, update; the loss and the embeddings `(B, dim)`, both detached."""
        rate = learning_rate(self.progress, self.config.learning_rate, self.config.rise_share)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        size = size_at(self.progress, self.config.train_sizes, self.config.input_size)
        batch = self.batches.make(self.step, size)
        embeddings = self.network(batch.views)
        loss = self.objective(embeddings, batch.classes, batch.pictures, self.progress)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach(), embeddings.detach()

    def trained(self) -> nn.Module:
        """Give a copy of the network in evaluation mode, on the CPU."""
        return copy.deepcopy(self.network).cpu().eval()

    def _row(self, costs: Tensor, embeddings: Tensor) -> HistoryRow:
        if not bool(torch.isfinite(costs).all()):
            raise TrainingCollapsedError(
                f"step {self.step}: the loss is not a number. Use a lower learning rate and begin again in a new folder"
            )
        spread = spread_of(embeddings)
        check_spread(spread, self.step)
        found = self.validator(self.network) if self.validator else None
        row = HistoryRow(
            step=self.step,
            minutes=self.seconds / 60,
            learning_rate=float(self.optimizer.param_groups[0]["lr"]),
            loss=float(costs.mean()),
            spread=spread,
            recall_at_1=found.recall_at_1 if found else None,
            copies_found=found.copies_found if found else None,
        )
        self.history.append(row)
        return row

    def _save(self) -> None:
        notes: dict[str, Any] = {
            "step": self.step,
            "seconds": self.seconds,
            "history": [asdict(row) for row in self.history],
        }
        save_state(self.out, self._modules(), self.optimizer, notes)
        write_history(self.out, self.history)

    def _modules(self) -> dict[str, nn.Module]:
        return {"network": self.network, "objective": self.objective}

    def _groups(self) -> list[dict[str, Any]]:
        """Weight decay for matrices and kernels only: on norms, biases and exponents it does harm."""
        parameters = [*self.network.parameters(), *self.objective.parameters()]
        return [
            {"params": [each for each in parameters if each.ndim > 1], "weight_decay": self.config.weight_decay},
            {"params": [each for each in parameters if each.ndim <= 1], "weight_decay": 0.0},
        ]
