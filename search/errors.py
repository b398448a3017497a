"""Every error that Twinlens raises on purpose.

TwinlensError
├── PictureError          a picture that cannot be read; `.source` and `.reason`
│   └── MissingPictureError  there is no such file
├── EncoderError          an encoder that is unknown, cannot be loaded, or does not belong here
├── IndexFolderError      an index folder that is missing, unfinished, damaged, or of another version
│   ├── IndexLockedError  another process is writing it
│   ├── IndexBusyError    another program holds the catalog: try again
│   ├── IndexClosedError  the engine or catalog was closed before it was used
│   ├── DamagedFileError  a file of it is missing, cut or changed; `.file` and `.problem`
│   └── DiskError         a file could not be written or read: the disk is full, failed, or refused
├── UnsupportedError      something that an index kind or a device cannot do
├── QueryError            a question that makes no sense: k < 1, an empty picture list
│   └── FilterError       a filter that does not follow the grammar, or does not fit the columns
├── ForkError             an engine or encoder that was opened before this process was forked
├── DataError             a collection, CSV or label file that cannot be used
└── (indexer.training)    TrainingCollapsedError: every picture got the same embedding

A message says what was wrong, where, and what to do about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class TwinlensError(Exception):
    """Base of all errors below: catch this one to catch them all."""


class PictureError(TwinlensError):
    """A picture that cannot be read."""

    def __init__(self, source: str, reason: str) -> None:
        """Name the picture (a path, or `<bytes>` and the like) and say why in one sentence."""
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason

    def __reduce__(self) -> tuple[type[PictureError], tuple[str, str]]:
        """Pickle by what it was made of: a pool of processes hands errors over that way, and hangs where it fails."""
        return type(self), (self.source, self.reason)


class MissingPictureError(PictureError):
    """A picture of which there is no file."""


class EncoderError(TwinlensError):
    """An encoder that is unknown, cannot be loaded, or does not belong to this index."""


class IndexFolderError(TwinlensError):
    """An index folder that is missing, unfinished, damaged, or of another version."""


class IndexLockedError(IndexFolderError):
    """Another process is writing the index."""


class IndexBusyError(IndexFolderError):
    """Another program holds the catalog, such as a database browser or a backup: nothing is damaged, try again."""


class IndexClosedError(IndexFolderError):
    """An engine or a catalog was used after it was closed."""


class DamagedFileError(IndexFolderError):
    """A file of an index folder that is missing, cut, or holds other bytes than were written."""

    def __init__(self, file: Path, problem: str, remedy: str = "Run twinlens check --repair on the index") -> None:
        """Name the file, say what is wrong with it and what to do."""
        super().__init__(f"{file}: {problem}. {remedy}")
        self.file = file
        self.problem = problem
        self._remedy = remedy

    def __reduce__(self) -> tuple[type[DamagedFileError], tuple[Path, str, str]]:
        """Pickle by what it was made of, as `PictureError`."""
        return type(self), (self.file, self.problem, self._remedy)


class DiskError(IndexFolderError):
    """A file could not be written or read: the disk is full, failed, or refused."""


class UnsupportedError(TwinlensError):
    """Something that an index kind or a device cannot do."""


class QueryError(TwinlensError):
    """A question that makes no sense."""


class FilterError(QueryError):
    """A filter that does not follow the grammar, or does not fit the columns."""


class DataError(TwinlensError):
    """A collection, CSV or label file that cannot be used."""


class ForkError(TwinlensError):
    """An engine or encoder was used in a process that was forked after it was opened."""
