"""The types of the public API's arguments and results."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
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
    measured for its encoder, or if the query is a blend of several examples or views."""

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


@dataclass(slots=True)
class SegmentAudit:
    """How one segment was searched; times are in seconds."""

    segment: int
    kind: str
    exact: bool = False
    """Whether every allowed row was compared: the kind is exact, or the filter matches few rows."""
    allowed: int = 0
    """Rows that have a picture and match the filter."""
    candidates: int = 0
    """Rows whose exact distance was computed, or bounded so that they could be left out."""
    structure: float = 0.0
    rerank: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The audit as plain values for JSON, times in milliseconds."""
        plain = {name: getattr(self, name) for name in ("segment", "kind", "exact", "allowed", "candidates")}
        return {**plain, "structure_ms": self.structure * 1e3, "rerank_ms": self.rerank * 1e3}


@dataclass(slots=True)
class Audit:
    """What one query found of what exact search finds, and the seconds that each stage took."""

    k: int
    recall: float | None = None
    """Share of the k nearest pictures, by exact search with the same filter, that the query found. A picture no farther
    than the true k-th counts. None if no picture matches. With `collapse` or `diversity`: before hits were collapsed
    or chosen."""
    decode: float = 0.0
    encode: float = 0.0
    mask: float = 0.0
    """To find the rows that match the filter; later queries with the same filter use them again."""
    records: float = 0.0
    """To merge the segments, and to read what hits show of their pictures."""
    total: float = 0.0
    """The whole query, without the exact search that it was compared with."""
    segments: list[SegmentAudit] = field(default_factory=list)

    @property
    def structure(self) -> float:
        """Seconds to find candidates in the structures of all segments."""
        return sum(each.structure for each in self.segments)

    @property
    def rerank(self) -> float:
        """Seconds to order the candidates of all segments by their exact distances."""
        return sum(each.rerank for each in self.segments)

    @property
    def candidates(self) -> int:
        """Candidates of all segments."""
        return sum(each.candidates for each in self.segments)

    def to_dict(self) -> dict[str, Any]:
        """The audit as plain values for JSON, times in milliseconds."""
        return {
            "k": self.k,
            "recall": self.recall,
            "candidates": self.candidates,
            "milliseconds": {stage: getattr(self, stage) * 1e3 for stage in STAGES},
            "segments": [each.to_dict() for each in self.segments],
        }


STAGES = ("decode", "encode", "mask", "structure", "rerank", "records", "total")
"""The stages of an `Audit`, in their order."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The hits of one query, and how long each step took."""

    hits: list[Hit]
    timing: Timing = field(default_factory=Timing)
    weak: bool = False
    """Whether even the nearest hit is weak: nothing in the index looks much like the query."""
    audit: Audit | None = None
    """Recall and stages of this query, if it was asked with `audit=True`."""
    cut_off: bool = False
    """Whether more than the k hits lie within the radius that was given."""


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
    """The properties of an index that `twinlens info` prints; `size` is in bytes, 0 if the store does not know it."""

    path: Path | str
    """The folder, or the URI of the store."""
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

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON: `segments` is the number of segments, `segment_list` describes each."""
        plain = asdict(self)
        plain["segment_list"] = plain.pop("segments")
        columns = [column.to_dict() for column in self.columns]
        return {**plain, "path": str(self.path), "segments": len(self.segments), "columns": columns}
