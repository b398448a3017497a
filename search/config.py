"""The defaults that the CLI, the API and the app share; no other module defines any."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from search.counts import check_count, check_range

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search.crop import Crop
    from search.filters.language import Where

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["float32", "bfloat16"]
Runtime = Literal["auto", "torch"]
Engine = Literal["local", "ray"]
References = Literal["mean", "best"]
Keep = Literal["best", "first"]

MOST_AT_ONCE = 4_096
"""Maximum number of pictures embedded at once, all of which are held in memory."""
MOST_WORKERS = 256
"""Threads at most: each holds a picture."""
MAP_PICTURES = 700
"""Pictures that a map of an index shows at most, unless another number is given."""


@dataclass(frozen=True, slots=True)
class DecodeConfig:
    """Limits of the decoder."""

    max_pixels: int = 150_000_000
    """Larger pictures are rejected before they are decoded."""
    max_costly_pixels: int = 50_000_000
    """The same for WebP, AVIF and HEIC, whose decoders hold several copies of a picture."""
    max_side: int = 65_535
    """Wider or higher pictures are rejected. It is the limit of JPEG; the weights of a resize grow with the side."""
    max_bytes: int = 512 * 1024 * 1024
    """Larger files are rejected before they are read."""


@dataclass(frozen=True)
class BuildConfig:
    """Options for building an index from a folder of pictures."""

    default_encoder: ClassVar[str] = "photo"

    encoder: str | None = None
    """Defaults to the encoder of the index; for a new index, to `default_encoder`."""
    precision: Precision | None = None
    """Precision of the encoder on a CPU with OpenVINO. Defaults to that of the index; for a new index, to float32."""
    kind: str = "auto"
    device: Device = "auto"
    recall: float = 0.95
    """Recall@10 that approximate structures are tuned for."""
    memory: int | None = None
    """Bytes of memory that `auto` may choose a structure for; None for no limit."""
    labels: str | None = None
    """`folder` (the path of a picture's folder below the folder of pictures), `none`, or the path of a CSV with the
    columns path and label.
    Defaults to the source stored in the index, or `folder` for a new index; existing pictures keep their labels."""
    batch_size: int = 64
    workers: int = min(8, os.cpu_count() or 1)
    """Number of threads that read and decode pictures."""
    exclude: tuple[str, ...] | None = None
    """Patterns of files and folders to leave out, in addition to those of `indexer.pipeline.excludes`. Defaults to the
    patterns that the index remembers."""
    allow_missing: bool = False
    """Remove pictures whose entire folder is missing or empty, instead of keeping and reporting them."""
    engine: Engine = "local"
    """Where pictures are read and embedded: in this process, or on a Ray cluster (`indexer.cluster`)."""
    address: str | None = None
    """Address of a running Ray cluster. Defaults to RAY_ADDRESS, or to a cluster on this machine for one build."""
    rehash: bool = False
    """Read every file again, instead of only those whose size, time or inode has changed."""
    params: Mapping[str, int] | None = None
    """Parameters of the structure, such as {"M": 16, "threads": 1}, for a `kind` given by name. Each kind has its own:
    see the classes in `search.indexes`. Defaults to those of the kind; the effort is tuned unless it is given."""

    def __post_init__(self) -> None:
        """Raise TypeError if `exclude` is a single pattern rather than a tuple, QueryError for an invalid number."""
        if isinstance(self.exclude, str):
            raise TypeError(f"exclude must be a tuple of patterns, such as ({self.exclude!r},), not a string")
        object.__setattr__(self, "recall", check_range("recall", self.recall, 1.0))
        if self.memory is not None:
            object.__setattr__(self, "memory", check_count("memory", self.memory))


@dataclass(frozen=True)
class QueryConfig:
    """Options for a query."""

    k: int = 10
    device: Device = "auto"
    same_only: bool = False
    """Return only pictures that the calibration classifies as showing the same thing."""
    collapse: bool = False
    """Merge near-duplicates among the hits into one."""
    radius: float | None = None
    """Return only pictures within this Euclidean distance, in [0, 2], of the query, still at most k."""
    diversity: float = 0.0
    """Choose hits that are unlike one another (`search.query.diversity`): from 0, the k nearest, to 1."""
    views: bool = False
    """Search with the mean embedding of several views of each query picture (`search.query.views`)."""
    unwanted_weight: ClassVar[float] = 0.5
    """Weight of the mean of the negative query pictures, relative to 1 for that of the positive ones."""
    liked_weight: ClassVar[float] = 0.75
    """Weight of the mean of the liked hits, relative to 1 for the query: see `search.query.feedback`."""
    disliked_weight: ClassVar[float] = 0.25
    """Weight of the mean of the disliked hits, relative to 1 for the query."""


@dataclass(frozen=True)
class DuplicatesConfig:
    """Options for finding duplicates, and for choosing the copy to keep."""

    default_threshold: ClassVar[float] = 0.35
    """Used if the index is not calibrated and its encoder has no cut-points: see docs/results/copy_distances.md."""

    threshold: float | None = None
    """Euclidean distance, in [0, 2], up to which pictures count as copies. Defaults to that of the calibration;
    without one to the cut-point of near copies of the encoder, or else to `default_threshold`."""
    probability: float | None = None
    """Alternative to a threshold: the minimum calibrated probability, in [0, 1], that two pictures show the same."""
    exact_only: bool = False
    """Report only files with identical bytes, without searching."""
    exhaustive: bool = False
    """Compare every pair, even if the index has a faster, approximate structure."""
    where: Where | None = None
    """Compare only pictures that match this filter."""
    keep: Keep = "best"
    """Which picture of each group to keep: the best, or the first by id."""
    device: Device = "auto"


@dataclass(frozen=True)
class VerifyConfig:
    """Options for comparing two pictures."""

    references: References = "mean"
    """How several references of one thing are combined: by their mean embedding, or by the nearest of them."""


@dataclass(frozen=True)
class IdentifyConfig:
    """Options for identification."""

    references: References = "best"
    """Distance to an identity: to its nearest reference picture (best), or to the mean of all of them."""
    max_false_accept: float | None = None
    """Accepted rate of false accepts of strangers: see `search.recognition.identities.open_set_threshold`."""
    threshold: float | None = None
    """Euclidean distance to use instead of the calibrated threshold."""
    k: int = 5
    """Number of candidates in an answer."""
    force: bool = False
    """Accept pictures of poor quality."""


@dataclass(frozen=True)
class EnrollConfig:
    """Options for enrolling a person."""

    encoder: str | None = None
    """Defaults to the encoder of the index; for a new index, to `BuildConfig.default_encoder`."""
    device: Device = "auto"
    add: bool = False
    """Add reference pictures to a name that is already enrolled."""
    force: bool = False
    """Accept pictures of poor quality, and pictures that are already enrolled under another name."""
    box: Crop | None = None
    """The part of the one reference picture that shows the person. For an encoder that finds faces, the face whose
    centre lies in it; needed if the picture shows several."""


@dataclass(frozen=True)
class AttendConfig:
    """Options for watching the folder of a camera."""

    unknown: Path | None = None
    """CSV of strangers and unusable pictures. Defaults to the path of the log with `.unknown` before its suffix."""
    visit_minutes: float = 30.0
    """A person who is seen again within so many minutes is still on the same visit, however long it gets."""
    interval: float = 1.0
    """Seconds between two scans of the folder."""
    once: bool = False
    """Process the pictures that are present, then exit."""
    identify: IdentifyConfig = field(default_factory=IdentifyConfig)


@dataclass(frozen=True)
class RetainConfig:
    """How long an index retains the data of removed pictures."""

    days: int = 90
    """Days since the removal; 0 retains nothing."""


@dataclass(frozen=True)
class WatchConfig:
    """Options for following a folder of pictures."""

    interval: float = 60.0
    """Seconds until the folder is scanned without a change event: network disks may not report changes."""
    settle: float = 2.0
    """Seconds that a file must be unchanged before it is added, because it may still be being written."""
    allow_empty: bool = False
    """Accept a folder without pictures instead of refusing it."""
