"""Train an encoder on a folder of pictures, one subfolder per class. `train` imports torch when it is called."""

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
    """Train an encoder on pictures, one folder per class, and write it into `out`.

    The same call resumes a run that was stopped. A finished run leaves `encoder.json`, `weights.safetensors`,
    `history.csv` and `run.json` in the folder, which `load_encoder` then opens; with OpenVINO, its conversion too.

    Args:
        pictures: the folder of pictures.
        out: a new folder, or the folder of the run to resume.
        recipe: a name in `indexer.training.recipes`; its settings are used if `config` is None.
        config: settings; defaults to the settings of the recipe, or to `TrainConfig()` without a recipe.
        labels: `folder`, or the path of a CSV with the columns path, label, and optionally split and subject.
        exclude: patterns of files and folders to leave out, see `indexer.pipeline.excludes`.
        resume: if false, a folder that already holds a run is an error.
        progress: callback, called after every step.

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
