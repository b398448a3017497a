"""The settings of `twinlens evaluate` and their only defaults."""

from __future__ import annotations

from dataclasses import dataclass

from search.config import Device, QueryConfig


@dataclass(frozen=True)
class EvaluateConfig:
    """Settings of an evaluation."""

    encoder: str | None = None
    """A name or folder for `search.encoders.load_encoder`; the target is then a folder of pictures. None: the target
    is an index, whose stored embeddings and labels are measured."""
    labels: str = "folder"
    """For a folder of pictures: `folder` (the class of a picture is the path of its folder, relative to the target),
    or a CSV with the columns path and label."""
    include: tuple[str, ...] = ()
    """For a folder of pictures: patterns (`*` and `?`) of the classes to measure; defaults to all."""
    exclude: tuple[str, ...] = ()
    """For a folder of pictures: patterns of files and folders to leave out, see `indexer.pipeline.excludes`."""
    robustness: bool = False
    """Also measure altered copies of the pictures. The pictures of an index are read again; missing and changed ones
    are reported and not used as queries."""
    queries: int = 1000
    """Largest number of pictures that are altered; the gallery is still the complete collection."""
    device: Device = QueryConfig.device
    """Device of the encoder."""
