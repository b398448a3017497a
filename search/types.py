"""The types of the public API's arguments and results."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from search.errors import QueryError

if TYPE_CHECKING:
    import os
    from typing import BinaryIO

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from search.filters.columns import ColumnInfo, MetadataValue
    from search.tuned import Tuning

    Picture: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | Image | NDArray[Any]
    """A path, the bytes of a file, an open file, a PIL image or an array: see `search.pictures.decode.load_picture`."""

    Example: TypeAlias = Picture | "Text"
    """What a search starts from, or is to be unlike."""

    Floats: TypeAlias = NDArray[np.float32]
    """Embeddings `(N, D)` or distances `(Q, k)`."""

    Rows: TypeAlias = NDArray[np.int64]
    """Row numbers `(Q, k)`; -1 marks a missing neighbour."""

    Mask: TypeAlias = NDArray[np.bool_]
    """One boolean per row, `(N,)`."""


Strength: TypeAlias = Literal["near copy", "very similar", "similar", "weak"]
"""How similar a hit is, in a word; what each is worth was measured for the encoder: see docs/search.md."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text to search with, where a string would be the path of a picture: `Text("red bicycle in snow")`.

    Raises:
        QueryError: there is no word in it.
    """

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text.strip():
            raise QueryError(f"a text to search with needs at least one word, and this is {self.text!r:.60}")


@dataclass(frozen=True, slots=True)
class Hit:
    """One neighbour of a query.

    `distance` is Euclidean between unit vectors, in [0, 2]. `probability` is the calibrated probability, in [0, 1],
    that both pictures show the same thing, or None if the index is not calibrated, or the query is not one picture.
    """

    id: int
    path: Path
    label: str | None
    distance: float
    probability: float | None = None
    metadata: dict[str, MetadataValue] = field(default_factory=dict, hash=False)
    """Column -> value, without the columns in which this picture has none; moments are in UTC."""
    copies: tuple[Hit, ...] | None = None
    """Near-duplicates that this hit represents, nearest to the query first; None if hits were not collapsed."""
    strength: Strength | None = None
    """How similar the hit is, by the cut-points of the encoder; None if the index is calibrated, if no cut-points were
    measured for its encoder, or if the query is a blend of several examples."""

    @property
    def similarity(self) -> float:
        """Cosine of the two embeddings, in [-1, 1], from d^2 = 2 - 2 cos."""
        return 1.0 - self.distance**2 / 2.0

    def to_dict(self) -> dict[str, Any]:
        """The hit as plain values for JSON."""
        plain = {
            "id": self.id,
            "path": str(self.path),
            "label": self.label,
            "distance": self.distance,
            "similarity": self.similarity,
            "strength": self.strength,
            "probability": self.probability,
            "metadata": {n: v.isoformat() if isinstance(v, date) else v for n, v in self.metadata.items()},
        }
        return plain if self.copies is None else {**plain, "copies": [copy.to_dict() for copy in self.copies]}


@dataclass(slots=True)
class Timing:
    """Seconds that each step of a query took."""

    decode: float = 0.0
    encode: float = 0.0
    search: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The hits of one query, and how long each step took."""

    hits: list[Hit]
    timing: Timing = field(default_factory=Timing)
    weak: bool = False
    """Whether even the nearest hit is weak: nothing in the index looks much like the query."""


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """A segment as recorded in the catalog."""

    id: int
    rows: int
    live: int
    kind: str
    recall: float | None
    parameters: dict[str, Any] = field(default_factory=dict)
    tuning: Tuning | None = None
    """How the structure was tuned; None for a small exact segment, and for one that an older version built."""


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """The properties of an index folder that `twinlens info` prints; `size` is in bytes."""

    path: Path
    images: int
    labels: int
    dim: int
    encoder: str
    fingerprint: str
    kind: str
    segments: tuple[SegmentInfo, ...]
    size: int
    created: str
    updated: str
    calibration: dict[str, Any] | None = None
    """The result of `Calibration.summary`; None if the index is not calibrated."""
    columns: tuple[ColumnInfo, ...] = ()
    """Columns of metadata, in the order in which they were added."""
    decoder: int = 1
    """Revision of the decoder that embedded the pictures, see `search.pictures.decoder_revision`."""
    precision: str | None = None
    """Precision of the encoder on a CPU with OpenVINO; None if the index has no encoder, or its file is damaged."""
