"""Measure an index, or an encoder on a folder of pictures, by the labels of the pictures."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.evaluation.config import EvaluateConfig
from indexer.evaluation.figures import Evaluation, measure
from indexer.evaluation.robustness import measure_robustness
from indexer.pipeline.progress import Silent
from search.errors import DataError, PictureError
from search.pictures.decode import decode, load_picture, read_file

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from PIL.Image import Image

    from indexer.pipeline.progress import Progress
    from search.store.records import PictureRecord

ALTERED_SIZE = 512
"""Target side in pixels for `search.pictures.decode.load_picture` when pictures are altered. Altering a photograph of
24 megapixels would take minutes, although the network's input has a few hundred pixels."""


def evaluate(
    target: str | os.PathLike[str], config: EvaluateConfig | None = None, *, progress: Progress | None = None
) -> Evaluation:
    """Measure R@1, R@5, R@10, mAP@R and NMI by exact search, with intervals, and optionally the robustness.

    Args:
        target: an index folder, or a folder of pictures if `config.encoder` is set.
        config: settings; defaults to `EvaluateConfig()`.
        progress: callback for progress updates.

    Raises:
        DataError: no pictures, fewer than two labels, or no two pictures that share one.
        IndexFolderError: `target` is not an index.
        EncoderError: there is no such encoder.
    """
    config = config or EvaluateConfig()
    if config.encoder is None:
        return _of_index(Path(target), config, progress)
    return _of_folder(Path(target), config.encoder, config, progress)


def labelled_pictures(
    root: Path, labels: str = "folder", include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> tuple[list[Path], list[str]]:
    """Paths below `root` and their classes, as `twinlens train` reads them, those that a pattern matches.

    Raises:
        DataError: no such pictures, or a pattern that no class matches.
    """
    from indexer.training.data import read_pictures

    found = read_pictures(root, labels, exclude=exclude)
    for pattern in include:
        if not any(fnmatchcase(each.group, pattern) for each in found):
            raise DataError(f"{root}: no class matches {pattern!r}. A class is called like {found[0].group!r}")
    kept = [each for each in found if not include or any(fnmatchcase(each.group, pattern) for pattern in include)]
    return [each.path for each in kept], [each.label for each in kept]


def _of_folder(root: Path, encoder: str, config: EvaluateConfig, progress: Progress | None) -> Evaluation:
    from indexer.evaluation.embed_in_memory import embed_in_memory
    from search.encoders import load_encoder

    paths, labels = labelled_pictures(root, config.labels, config.include, config.exclude)
    loaded = load_encoder(encoder, device=config.device)
    embedded = embed_in_memory(loaded, paths, progress=progress)
    paths, labels = ([each[row] for row in embedded.rows.tolist()] for each in (paths, labels))
    (progress or Silent()).begin("measure", None)
    evaluation = measure(embedded.vectors, labels, collection=root.resolve().name, encoder=loaded.name)
    evaluation = replace(evaluation, skipped=embedded.skipped)
    if not config.robustness:
        return evaluation

    def load(row: int) -> Image:
        return load_picture(paths[row], target=ALTERED_SIZE)

    table = measure_robustness(loaded, load, embedded.vectors, labels, queries=config.queries, progress=progress)
    return replace(evaluation, robustness=table, skipped=(*embedded.skipped, *table.skipped))


def _of_index(index: Path, config: EvaluateConfig, progress: Progress | None) -> Evaluation:
    from search.engine import open_index

    with open_index(index, device=config.device if config.robustness else "cpu") as engine:
        records, vectors = engine.vectors()
        labels = [record.label for record in records]
        (progress or Silent()).begin("measure", None)
        evaluation = measure(vectors, labels, collection=index.resolve().name, encoder=engine.info().encoder)
        if not config.robustness:
            return evaluation
        table = measure_robustness(
            engine.encoder,
            lambda row: _read_again(records[row]),
            vectors,
            labels,
            queries=config.queries,
            progress=progress,
        )
    return replace(evaluation, robustness=table, skipped=table.skipped)


def _read_again(record: PictureRecord) -> Image:
    from indexer.pipeline.content_hash import content_hash

    data = read_file(record.path)
    if content_hash(data) != record.content:
        raise PictureError(str(record.path), "has changed since it was indexed")
    return decode(data, name=str(record.path), target=ALTERED_SIZE)
