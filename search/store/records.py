"""Records of the catalog as plain dataclasses: pictures, files, segments, templates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from search.crop import Crop

if TYPE_CHECKING:
    from pathlib import Path

    from search.filters.columns import MetadataValue
    from search.tuned import Tuning


BOX = "box"


@dataclass(frozen=True, slots=True)
class BlockChecksums:
    """Checksums of a file of vectors, by blocks of whole rows; or of a structure, by blocks of bytes."""

    rows: int
    """Rows of a block, or bytes of a structure; the last one may have fewer."""
    crc32: bytes
    """uint32, little-endian, one per block."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file of the index folder, by its name relative to the folder."""

    name: str
    bytes: int
    sha256: str
    blocks: BlockChecksums | None = None
    """None for other files than vectors and structures, and for those written by an older version."""


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """One segment; `structure` is None for a kind that is not stored in a file."""

    id: int
    vectors: str
    structure: str | None
    rows: int
    kind: str
    parameters: dict[str, Any]
    recall: float | None
    tuning: Tuning | None = None
    """None for an exact kind that nothing was compared with, and in a segment that an older version built."""


@dataclass(frozen=True, slots=True)
class PictureRecord:
    """One picture of the index, and the row that holds its embedding."""

    id: int
    path: Path
    content: str
    bytes: int
    mtime_ns: int
    width: int
    height: int
    label: str | None
    segment: int
    row: int
    ctime_ns: int | None = None
    """When the inode changed; like `inode`, None if it is unknown, as in an older index or for an imported picture."""
    inode: int | None = None

    @property
    def has_folder_label(self) -> bool:
        """Whether the path of its folder ends with its label, as it does if the label came from the folder."""
        parts = [] if self.label is None else self.label.split("/")
        return bool(parts) and self.path.parent.parts[-len(parts) :] == tuple(parts)


class ShownRecord(NamedTuple):
    """What a hit shows of a picture; `metadata` must not be changed."""

    id: int
    path: Path
    label: str | None
    metadata: dict[str, MetadataValue]


@dataclass(frozen=True, slots=True)
class PlacedRecord:
    """The fields of a picture that a comparison with others needs."""

    id: int
    content: str
    segment: int
    row: int
    pixels: int
    bytes: int


@dataclass(frozen=True, slots=True)
class EmbeddedRecord:
    """Where the vector of a content is, and the picture's size in pixels."""

    content: str
    segment: int
    row: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class SkippedRecord:
    """A file that could not be read as a picture."""

    path: Path
    bytes: int
    mtime_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class TemplateRecord:
    """A reference picture of an identity, with the bytes of its embedding."""

    identity: str
    content: str
    path: Path
    vector: bytes
    """`(dim,)` float32, little-endian, of unit length."""
    quality: dict[str, Any]
    """`Quality.to_dict`, and under `BOX` the ends of the box with which the picture was enrolled, if there was one."""
    created: str

    @property
    def box(self) -> Crop | None:
        """The part of the picture that shows the identity; None if it was enrolled without a box."""
        return Crop(*self.quality[BOX]) if BOX in self.quality else None
