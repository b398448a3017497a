"""Training: a folder of pictures a class becomes an encoder. Nothing heavy is imported before `train` is called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from indexer.training.config import AugmentConfig, TrainConfig
from indexer.training.recipes import load_recipe, recipe_names

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from indexer.training.trainer import TrainEvent
    from indexer.training.training import TrainReport

__all__ = ["AugmentConfig", "TrainConfig", "load_recipe", "recipe_names", "train"]


def train(
    pictures: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    recipe: str | None = None,
    config: TrainConfig | None = None,
    labels: str = "folder",
    exclude: Sequence[str] = (),
    resume: bool = True,
    progress: Callable[[TrainEvent], None] | None = None,
) -> TrainReport:
    """Train an encoder on pictures, a folder a class, and write it into `out`.

    A run that was killed goes on where it was when the same call is made again. The folder ends with `encoder.json`,
    `weights.safetensors`, `history.csv` and `run.json`, and is then an encoder that `load_encoder` takes.

    Args:
        pictures: the folder of pictures.
        out: a new folder, or that of the run to resume.
        recipe: a name in `indexer.training.recipes`; its settings are used where `config` is None.
        config: settings; None: those of the recipe, or the defaults.
        labels: `folder`, or the path of a CSV with the columns path, label and perhaps split and subject.
        exclude: patterns of files and folders to leave out, see `indexer.pipeline.excludes`.
        resume: false refuses a folder that holds a run already.
        progress: told after every step.

    Raises:
        DataError: too few classes or pictures, an unknown name, or a folder that holds another run.
        TrainingCollapsedError: every picture got the same embedding.
    """
    from indexer.training.training import run

    settings = config or (load_recipe(recipe) if recipe else TrainConfig())
    return run(
        Path(pictures),
        Path(out),
        settings,
        recipe=recipe,
        labels=labels,
        exclude=exclude,
        resume=resume,
        progress=progress or (lambda event: None),
    )
