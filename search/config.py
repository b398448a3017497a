"""The only defaults: CLI options, API arguments and app widgets all come from these."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from search.filters.language import Where

Device = Literal["auto", "cpu", "cuda"]
References = Literal["mean", "best"]
Keep = Literal["best", "first"]

MOST_AT_ONCE = 4_096
"""Pictures embedded at once at most: all of them are held in memory."""
MOST_WORKERS = 256
"""Threads at most: each holds a picture."""
MAP_PICTURES = 700
"""Pictures that a map of an index shows at most, unless another number is given."""


@dataclass(frozen=True, slots=True)
class DecodeConfig:
    """Limits of the decoder."""

    max_pixels: int = 150_000_000
    """Pictures of more pixels are refused before they are decoded."""
    max_costly_pixels: int = 50_000_000
    """The same for WebP, AVIF and HEIC, whose decoders hold a picture several times over."""
    max_side: int = 65_535
    """Pictures wider or higher are refused: what a JPEG can hold. The weights of a resize grow with the side alone."""
    max_bytes: int = 512 * 1024 * 1024
    """Files of more bytes are refused before they are read."""


@dataclass(frozen=True)
class BuildConfig:
    """How a folder of pictures becomes an index."""

    default_encoder: ClassVar[str] = "builtin"

    encoder: str | None = None
    """None: the encoder that the index already has, `default_encoder` for a new one."""
    kind: str = "auto"
    device: Device = "auto"
    recall: float = 0.95
    """Recall@10 that an approximate structure is tuned for."""
    labels: str | None = None
    """`folder` (the path of a picture's folder below the folder of pictures), `none`, or the path of a CSV with the
    columns path and label.
    None: the source that the index remembers, `folder` for a new one; pictures keep the labels that they have."""
    batch_size: int = 64
    workers: int = min(8, os.cpu_count() or 1)
    """Threads that read and decode pictures."""
    exclude: tuple[str, ...] | None = None
    """Patterns of files and folders to leave out, beside those of `indexer.pipeline.excludes`; None: those that the
    index remembers."""
    allow_missing: bool = False
    """Remove pictures whose whole folder is missing or empty, instead of keeping and reporting them."""
    rehash: bool = False
    """Read every file again, instead of only those whose size, time or inode changed."""

    def __post_init__(self) -> None:
        """Raise TypeError where one pattern is given in place of several."""
        if isinstance(self.exclude, str):
            raise TypeError(f"exclude is a tuple of patterns, such as ({self.exclude!r},), not one text")


@dataclass(frozen=True)
class QueryConfig:
    """How a query is answered."""

    k: int = 10
    device: Device = "auto"
    same_only: bool = False
    """Only pictures that a calibration takes for the same thing."""
    collapse: bool = False
    """Show near copies among the hits once."""
    unwanted_weight: ClassVar[float] = 0.5
    """What the mean of the pictures that hits should not look like counts, against 1 for what they should."""


@dataclass(frozen=True)
class DuplicatesConfig:
    """What counts as a copy, and which of the copies is the one to keep."""

    default_threshold: ClassVar[float] = 0.35
    """Where nothing was calibrated: see docs/results/copy_distances.md."""

    threshold: float | None = None
    """Euclidean distance, in [0, 2], up to which pictures are copies; None: that of the calibration, where there is
    one, else `default_threshold`."""
    probability: float | None = None
    """In place of a threshold: the least calibrated chance, in [0, 1], that two pictures show the same thing."""
    exact_only: bool = False
    """Only files of the same bytes: nothing is searched."""
    exhaustive: bool = False
    """Compare every pair, even where the index has a faster, approximate structure."""
    where: Where | None = None
    """Only among these pictures."""
    keep: Keep = "best"
    """Which picture of each group stays: the best, or the first by id."""
    device: Device = "auto"


@dataclass(frozen=True)
class VerifyConfig:
    """How two pictures are compared."""

    references: References = "mean"
    """How several references of one thing answer: by their mean embedding, or by the nearest of them."""


@dataclass(frozen=True)
class IdentifyConfig:
    """How somebody is recognised."""

    references: References = "best"
    """An identity is as near as its nearest reference picture (best), or as the mean of all of them."""
    max_false_accept: float | None = None
    """Share of strangers that may be accepted: see `search.recognition.identities.open_set_threshold`."""
    threshold: float | None = None
    """A Euclidean distance that takes the place of the calibrated one."""
    k: int = 5
    """Candidates that an answer names."""
    force: bool = False
    """Take pictures of poor quality too."""


@dataclass(frozen=True)
class EnrollConfig:
    """How somebody is enrolled."""

    encoder: str | None = None
    """None: that of the index; `BuildConfig.default_encoder` for a new one."""
    device: Device = "auto"
    add: bool = False
    """Give a name that is enrolled already more reference pictures."""
    force: bool = False
    """Take pictures of poor quality, and pictures that another name has already."""


@dataclass(frozen=True)
class AttendConfig:
    """How a camera's folder is watched."""

    unknown: Path | None = None
    """CSV of strangers and unusable pictures; None: the log with `.unknown` before its suffix."""
    visit_minutes: float = 30.0
    """Somebody seen again within so many minutes is on the same visit, however long it gets."""
    interval: float = 1.0
    """Seconds between two looks at the folder."""
    once: bool = False
    """Work through what is there, and end."""
    identify: IdentifyConfig = field(default_factory=IdentifyConfig)


@dataclass(frozen=True)
class RetainConfig:
    """How long an index retains what was known of removed pictures."""

    days: int = 90
    """From the removal on; 0: nothing is retained."""


@dataclass(frozen=True)
class WatchConfig:
    """How a folder of pictures is followed."""

    interval: float = 60.0
    """Seconds after which the folder is scanned even if the system told of no change: on network disks it may not."""
    settle: float = 2.0
    """Seconds that a file must have been left alone before it is taken: it may still be being written."""
    allow_empty: bool = False
    """Take a folder without pictures as it is, instead of refusing it."""
