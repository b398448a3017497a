"""Every error that Twinlens raises on purpose.

TwinlensError
├── PictureError          a picture that cannot be read; `.source` and `.reason`
│   └── MissingPictureError  the file does not exist
├── EncoderError          an encoder that is unknown, cannot be loaded, or does not belong here
├── IndexFolderError      an index folder that is missing, unfinished, damaged, or of another version
│   ├── IndexLockedError  another process is writing it
│   ├── IndexBusyError    another program holds the catalog: try again
│   ├── IndexClosedError  the engine or catalog was closed before it was used
│   ├── DamagedFileError  one of its files is missing, truncated or changed; `.file` and `.problem`
│   └── DiskError         a file could not be written or read: the disk is full, failed, or refused
├── StoreError            a vector database that cannot be reached, or whose collection cannot be used
├── UnsupportedError      something that an index kind or a device does not support
├── QueryError            an invalid query: k < 1, an empty list of pictures
│   └── FilterError       a filter that does not follow the grammar, or does not fit the columns
├── ForkError             an engine or encoder that was opened before this process was forked
├── DataError             a collection, CSV or label file that cannot be used
└── (indexer.training)    TrainingCollapsedError: every picture got the same embedding

A message says what was wrong, where, and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class TwinlensError(Exception):
    """Base class of all errors below."""


class PictureError(TwinlensError):
    """A picture that cannot be read."""

    def __init__(self, source: str, reason: str) -> None:
        """Name the picture (a path, `<bytes>` or the like) and give the reason in one sentence."""
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason

    def __reduce__(self) -> tuple[type[PictureError], tuple[str, str]]:
        """Pickle by the constructor's arguments: a process pool transfers errors this way, and hangs if it fails."""
        return type(self), (self.source, self.reason)


class MissingPictureError(PictureError):
    """The file of a picture does not exist."""


class EncoderError(TwinlensError):
    """An encoder that is unknown, cannot be loaded, or does not belong to this index."""


class IndexFolderError(TwinlensError):
    """An index folder that is missing, unfinished, damaged, or of another version."""


class IndexLockedError(IndexFolderError):
    """Another process is writing the index."""


class IndexBusyError(IndexFolderError):
    """Another program, such as a database browser or a backup, holds the catalog. Nothing is damaged: try again."""


class IndexClosedError(IndexFolderError):
    """An engine or a catalog was used after it was closed."""


class DamagedFileError(IndexFolderError):
    """A file of an index folder that is missing, truncated, or holds other bytes than were written."""

    def __init__(self, file: Path, problem: str, remedy: str = "Run twinlens check --repair on the index") -> None:
        """Name the file, its problem and the remedy."""
        super().__init__(f"{file}: {problem}. {remedy}")
        self.file = file
        self.problem = problem
        self._remedy = remedy

    def __reduce__(self) -> tuple[type[DamagedFileError], tuple[Path, str, str]]:
        """Pickle by the constructor's arguments, as `PictureError` does."""
        return type(self), (self.file, self.problem, self._remedy)


class DiskError(IndexFolderError):
    """A file could not be written or read: the disk is full, failed, or refused."""


class StoreError(TwinlensError):
    """A vector database that cannot be reached or refuses, or whose collection is missing, unfinished or damaged."""


class UnsupportedError(TwinlensError):
    """Something that an index kind or a device does not support."""


class QueryError(TwinlensError):
    """An invalid query."""


class FilterError(QueryError):
    """A filter that does not follow the grammar, or does not fit the columns."""


class DataError(TwinlensError):
    """A collection, CSV or label file that cannot be used."""


class ForkError(TwinlensError):
    """An engine or encoder was used in a process that was forked after it was opened."""
