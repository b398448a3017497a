"""Settings of `embed` and of the import of its parts, and their only defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from indexer.shards.assignment import Shard
from search.config import BuildConfig, Device, Precision

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping


@dataclass(frozen=True)
class EmbedConfig:
    """How one shard of a collection is embedded; what it shares with `BuildConfig` means the same."""

    shard: Shard = field(default_factory=Shard)
    """Defaults to all files."""
    encoder: str | None = None
    """Defaults to the encoder of a new index."""
    precision: Precision | None = None
    device: Device = BuildConfig.device
    labels: str | None = None
    """`folder` (the default), `none`, or the path of a CSV."""
    batch_size: int = BuildConfig.batch_size
    workers: int = BuildConfig.workers
    exclude: tuple[str, ...] | None = None
    block_files: int = 2_048
    """Files per block: a run that is killed embeds at most so many again."""


@dataclass(frozen=True)
class PartsConfig:
    """How parts become an index."""

    root: str | os.PathLike[str] | None = None
    """The folder of pictures on this machine; defaults to the path that it had when it was embedded."""
    partial: bool = False
    """Import the parts that are there, although shards are missing; the others can be imported later."""
    kind: str = BuildConfig.kind
    device: Device = BuildConfig.device
    recall: float = BuildConfig.recall
    memory: int | None = BuildConfig.memory
    params: Mapping[str, int] | None = BuildConfig.params
