"""The training loop: steps, rows of the history, and the state to resume from."""

from __future__ import annotations

import copy
import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from indexer.training.averaging import MovingAverage
from indexer.training.batches import seed_of
from indexer.training.checkpoints import STATE_FILE, load_best, load_state, save_best, save_state
from indexer.training.collapse import TrainingCollapsedError, check_spread, spread_of
from indexer.training.history import HistoryRow, write_history
from indexer.training.mining import active_share
from indexer.training.objective import Objective
from indexer.training.optimizing import autocast, dtype_of, make_optimizer
from indexer.training.processes import Processes
from indexer.training.schedule import cosine_rate, plateau_rate, progress_of, size_at, waited_for
from search.encoders import load_encoder
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.networks import build_network
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor, nn

    from indexer.training.batches import Batch, BatchMaker
    from indexer.training.config import TrainConfig
    from indexer.training.validation import Validator


@dataclass(frozen=True, slots=True)
class TrainEvent:
    """Progress of a run after one step; `row` is set if the step was evaluated."""

    step: int
    progress: float
    """Share of the run that is over."""
    loss: float
    row: HistoryRow | None = None


class Trainer:
    """Owns the network, the objective and the optimizer of one run."""

    def __init__(
        self,
        config: TrainConfig,
        classes: int,
        batches: BatchMaker,
        validator: Validator | None,
        out: Path,
        processes: Processes | None = None,
    ) -> None:
        self.config = config
        self.processes = processes or Processes()
        self.batches = batches
        self.validator = validator
        self.out = out
        self.device = batches.device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            # A resumed run loads its own weights: no pretrained ones are downloaded.
            self.network = build_network(config.network, pretrained=not (out / STATE_FILE).exists())
            self.objective = Objective(config, classes)
        if config.start is not None and not (out / STATE_FILE).exists():
            start_from(self.network, config.network, config.start)
        self.processes.prepared(self.network)
        self.network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.objective.to(self.device)
        self.average = MovingAverage(self.network, config.ema) if config.ema > 0 else None
        self.optimizer = make_optimizer(config, self.network, self.objective)
        self.dtype = dtype_of(config.precision, self.device)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)
        self._forward = self.processes.wrapped(torch.compile(self.network) if config.compile else self.network)
        self.step = 0
        self.seconds = 0.0
        self.history: list[HistoryRow] = []

    @property
    def progress(self) -> float:
        """Share of the run that is over."""
        return progress_of(self.step, self.config.steps, self.seconds, self.config.max_minutes)

    @property
    def finished(self) -> bool:
        """Whether the run is complete, or stopped early."""
        stopping = self.config.early_stopping
        waited = stopping is not None and waited_for([row.map_at_r for row in self.history]) >= stopping
        return waited or self.progress >= 1.0

    @property
    def paused(self) -> bool:
        """Whether the run has reached `stop_after`."""
        limit = self.config.stop_after
        return limit is not None and bool(self.history) and self.history[-1].step >= limit

    def resume(self) -> bool:
        """Restore the last saved state; false if there is none.

        Raises:
            DataError: the state is damaged, or belongs to another network.
        """
        notes = load_state(self.out, self._modules(), self.optimizer)
        if notes is None:
            return False
        self.step, self.seconds = int(notes["step"]), float(notes["seconds"])
        self.scaler.load_state_dict(notes["scaler"])
        self.history = [HistoryRow(**row) for row in notes["history"]]
        if self.processes.is_first:
            write_history(self.out, self.history)
        return True

    def run(self, progress: Callable[[TrainEvent], None]) -> None:
        """Train to the end or to a pause; save the state at every row of the history.

        Raises:
            TrainingCollapsedError: all pictures get the same embedding, or the loss is not a number.
        """
        self.network.train()
        began = time.monotonic() - self.seconds
        losses: list[Tensor] = []
        while not (self.finished or self.paused):
            loss, embeddings, batch = self.take_step()
            losses.append(loss)
            self.step += 1
            self.seconds = self._elapsed(began)
            row = None
            if self.step % self.config.evaluate_every == 0 or self.progress >= 1.0:
                row = self._row(torch.stack(losses), embeddings, batch)
                losses.clear()
                self.seconds = self._elapsed(began)
                if self.processes.is_first:
                    self._save()
            progress(TrainEvent(self.step, self.progress, float(loss), row))

    def _elapsed(self, began: float) -> float:
        """Seconds of the run by the clock of the first process, as all must end at the same step."""
        (seconds,) = self.processes.same([time.monotonic() - began])
        assert seconds is not None
        return seconds

    def take_step(self) -> tuple[Tensor, Tensor, Batch]:
        """Train on one batch; return the loss, the embeddings `(B, dim)`, both detached, and the batch."""
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        size = size_at(self.progress, self.config.train_sizes, self.config.input_size)
        batch = self.batches.make(self.step, size)
        # Dropout and miners use torch's global generator. Seeding it by step makes a resumed run draw the same numbers.
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            seed = seed_of(self.config.seed, self.step)
            torch.manual_seed(seed + self.processes.rank)
            with autocast(self.device, self.dtype):
                embeddings = self._forward(batch.views[self.processes.share(len(batch.views))])
            embeddings = self.processes.gathered(embeddings.float())
            if self.processes.count > 1:
                torch.manual_seed(seed)  # miners draw the same numbers in all processes
            loss = self.objective(embeddings, batch, self.progress)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.processes.average_gradients(self.objective.parameters())
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average is not None:
            self.average.follow(self.network, self.step + 1)
        return loss.detach(), embeddings.detach(), batch

    def trained(self) -> nn.Module:
        """A copy of the best or averaged network, in evaluation mode, on the CPU."""
        network = copy.deepcopy(self._current()).cpu().eval()
        if self.config.early_stopping is not None:
            load_best(self.out, network)
        return network

    def _current(self) -> nn.Module:
        return self.network if self.average is None else self.average.network

    def _rate(self) -> float:
        config = self.config
        if config.schedule == "cosine":
            return cosine_rate(self.progress, config.learning_rate, config.rise_share)
        return plateau_rate(
            self.progress,
            config.learning_rate,
            config.rise_share,
            factor=config.plateau_factor,
            patience=config.plateau_patience,
            scores=[row.map_at_r for row in self.history],
        )

    def _row(self, losses: Tensor, embeddings: Tensor, batch: Batch) -> HistoryRow:
        if not bool(torch.isfinite(losses).all()):
            raise TrainingCollapsedError(
                f"step {self.step}: the loss is not a number. Use a lower learning rate and begin again in a new folder"
            )
        normalize = self.config.normalize
        spread = spread_of(embeddings, normalize=normalize)
        check_spread(spread, self.step)
        recall_at_1, map_at_r, copies_found = self._validated()
        row = HistoryRow(
            step=self.step,
            minutes=self.seconds / 60,
            learning_rate=float(self.optimizer.param_groups[0]["lr"]),
            loss=float(losses.mean()),
            spread=spread,
            active=active_share(embeddings, batch.classes, self.config.margin, normalize=normalize),
            recall_at_1=recall_at_1,
            map_at_r=map_at_r,
            copies_found=copies_found,
        )
        self.history.append(row)
        return row

    def _validated(self) -> list[float | None]:
        """R@1, mAP@R and the share of copies found, measured by the first process."""
        figures: list[float | None] = [None, None, None]
        if self.validator and self.processes.is_first:
            measured = self.validator(self._current())
            figures = [measured.recall_at_1, measured.map_at_r, measured.copies_found]
        return self.processes.same(figures)

    def _save(self) -> None:
        if self.config.early_stopping is not None and waited_for([row.map_at_r for row in self.history]) == 0:
            save_best(self.out, self._current())
        notes: dict[str, Any] = {
            "step": self.step,
            "seconds": self.seconds,
            "scaler": self.scaler.state_dict(),
            "history": [asdict(row) for row in self.history],
        }
        save_state(self.out, self._modules(), self.optimizer, notes)
        write_history(self.out, self.history)

    def _modules(self) -> dict[str, nn.Module]:
        average = {} if self.average is None else {"average": self.average.network}
        return {"network": self.network, "objective": self.objective, **average}


def start_from(network: nn.Module, spec: dict[str, Any], encoder: str) -> None:
    """Copy the weights of an encoder's learned network into a network of the same spec.

    Of a joined encoder only the learned network is used.

    Raises:
        DataError: the encoder has no such network, or one of another spec.
        EncoderError: there is no such encoder, or it is damaged.
    """
    source = load_encoder(encoder, device="cpu", runtime="torch")
    if not isinstance(source, CheckpointEncoder):
        raise DataError(f"start {encoder}: has no network that twinlens train wrote. Name small, or a folder")
    learned, source_spec = source.network, source.architecture["network"]
    if source_spec["kind"] == "joined":
        learned, source_spec = learned.get_submodule("learned"), source_spec["learned"]
    if source_spec != json.loads(json.dumps(spec)):
        raise DataError(
            f"start {encoder}: its network is {json.dumps(source_spec)}. Set network to that, or leave start out"
        )
    network.load_state_dict(learned.state_dict())
