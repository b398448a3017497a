"""The only defaults of `twinlens evaluate`."""

from __future__ import annotations

from dataclasses import dataclass

from search.config import Device, QueryConfig


@dataclass(frozen=True)
class EvaluateConfig:
    """What is measured, and how."""

    encoder: str | None = None
    """None: the target is an index, whose stored embeddings and labels are measured. Else a name or folder that
    `search.encoders.load_encoder` takes, and the target is a folder of pictures."""
    labels: str = "folder"
    """Of a folder of pictures: `folder` (the path of a picture's folder below the target) or the path of a CSV with the
    columns path and label."""
    include: tuple[str, ...] = ()
    """Of a folder of pictures: patterns (`*` and `?`) of the classes to measure; empty: all."""
    exclude: tuple[str, ...] = ()
    """Of a folder of pictures: patterns of files and folders to leave out, see `indexer.pipeline.excludes`."""
    robustness: bool = False
    """Measure how the figures fall when pictures are altered, too. The pictures of an index are read again; those that
    are gone or have changed are reported and ask nothing."""
    queries: int = 1000
    """At most so many pictures are altered; all of them are still searched."""
    device: Device = QueryConfig.device
    """Where the encoder computes."""
