"""A block of files as it travels to a worker, and its results as they come back: JSON, and the bytes of the vectors.

JSON holds the bytes of file names that are not UTF-8 as escapes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.pipeline.scan import FoundFile
from indexer.pipeline.staging import ReadResult
from search.pictures.exif import PictureExif

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from search.types import Floats

_FIELDS = ("bytes", "mtime_ns", "content", "width", "height", "reason", "ctime_ns", "inode", "passing", "note")


@dataclass(slots=True)
class BlockResults:
    """Collects what `embed_files` hands on, in the order of the files."""

    dim: int
    files: list[ReadResult] = field(default_factory=list)
    embedded: list[ReadResult] = field(default_factory=list)
    vectors: list[Floats] = field(default_factory=list)

    def add(self, files: Sequence[ReadResult], vectors: Iterable[tuple[ReadResult, Floats]]) -> None:
        """Take a batch."""
        self.files += files
        for result, vector in vectors:
            self.embedded.append(result)
            self.vectors.append(vector)

    def packed(self) -> str:
        """All but the vectors."""
        return json.dumps({"files": list(map(_fields, self.files)), "embedded": list(map(_fields, self.embedded))})

    def packed_vectors(self) -> bytes:
        """The vectors `(len(embedded), dim)`, little-endian float32."""
        return np.array(self.vectors, dtype="<f4").tobytes()

    @classmethod
    def unpacked(cls, text: str, vectors: bytes, dim: int) -> BlockResults:
        """The inverse of `packed` and `packed_vectors`."""
        content = json.loads(text)
        rows = np.frombuffer(vectors, dtype="<f4").reshape(-1, dim)
        return cls(dim, list(map(_result, content["files"])), list(map(_result, content["embedded"])), list(rows))

    def pairs(self) -> Iterator[tuple[ReadResult, Floats]]:
        """The embedded contents with their vectors."""
        return zip(self.embedded, self.vectors, strict=True)


def _fields(result: ReadResult) -> list[Any]:
    taken = result.exif.taken
    values = [getattr(result, name) for name in _FIELDS]
    return [str(result.path), *values, taken and taken.isoformat(), result.exif.camera]


def _result(values: list[Any]) -> ReadResult:
    path, *rest, taken, camera = values
    exif = PictureExif(taken and datetime.fromisoformat(taken), camera)
    return ReadResult(Path(path), **dict(zip(_FIELDS, rest, strict=True)), exif=exif)


def packed_files(files: Sequence[FoundFile]) -> str:
    """Files that are to be read."""
    return json.dumps([[str(file.path), file.bytes, file.mtime_ns, file.ctime_ns, file.inode] for file in files])


def unpacked_files(text: str) -> list[FoundFile]:
    """The inverse of `packed_files`."""
    return [FoundFile(Path(path), *rest) for path, *rest in json.loads(text)]
