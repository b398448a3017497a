"""Trainings that an experiment keeps: one that is through is read back, one that was stopped goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from indexer.training import train
from search.encoders import load_encoder

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.training import TrainConfig
    from search.encoders.base import Encoder

MINUTES_FILE = "minutes.txt"


def kept_run(pictures: Path, out: Path, config: TrainConfig, *, labels: str = "folder") -> tuple[Encoder, float]:
    """Give the encoder that a run leaves in `out`, on the CPU, and the minutes that its training took."""
    settings = replace(config, report=False, evaluate_every=min(config.evaluate_every, config.steps))
    report = train(pictures, out, config=settings, labels=labels)
    if not report.already_finished:
        (out / MINUTES_FILE).write_text(f"{report.minutes:.3f}", encoding="utf-8")
    return load_encoder(str(out), device="cpu"), float((out / MINUTES_FILE).read_text(encoding="utf-8"))
