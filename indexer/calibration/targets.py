"""Targets of a calibration: an index, or the folder of an encoder. Each embeds pictures and stores the result."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from indexer.evaluation.embed_in_memory import Embedded, embed_in_memory
from indexer.pipeline.scan import FoundFile
from indexer.pipeline.survey import is_same
from indexer.pipeline.writer import open_writer
from search.encoders import load_folder
from search.encoders.manifest import MANIFEST_FILE
from search.engine import open_index
from search.errors import DataError, IndexFolderError, PictureError
from search.recognition.stored import write_calibration
from search.store.catalog import CATALOG_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexer.pipeline.progress import Progress
    from search.config import Device
    from search.encoders.base import Encoder
    from search.engine import SearchEngine
    from search.recognition.calibration import Calibration
    from search.store.records import PictureRecord


class Target(Protocol):
    """An index or encoder whose distances are calibrated."""

    name: str
    fingerprint: str

    def embed(self, paths: Sequence[Path], progress: Progress) -> Embedded:
        """Embed each picture once."""

    def own_pictures(self) -> list[tuple[Path, str, str]]:
        """Path, label and subject of the target's own labelled pictures; raises DataError if there are none."""

    def store(self, calibration: Calibration) -> Path:
        """Store a calibration with the target, and return where."""


@contextmanager
def open_target(folder: Path, device: Device) -> Iterator[Target]:
    """Open an index or an encoder's folder.

    Raises:
        DataError: the folder is neither.
        EncoderError, IndexFolderError: the folder is damaged.
    """
    if (folder / CATALOG_NAME).is_file():
        with open_index(folder, device=device) as engine:
            yield IndexTarget(engine)
    elif (folder / MANIFEST_FILE).is_file():
        yield EncoderTarget(folder, load_folder(folder, device=device))
    else:
        raise DataError(
            f"{folder}: is neither an index nor a folder that twinlens train wrote, so a calibration cannot be stored "
            "in it. Build an index with the encoder and calibrate that"
        )


class EncoderTarget:
    """A folder that `twinlens train` wrote."""

    def __init__(self, folder: Path, encoder: Encoder) -> None:
        self.folder, self._encoder = folder, encoder
        self.name, self.fingerprint = encoder.name, encoder.fingerprint

    def embed(self, paths: Sequence[Path], progress: Progress) -> Embedded:
        """See `Target`."""
        return embed_in_memory(self._encoder, paths, progress=progress)

    def own_pictures(self) -> list[tuple[Path, str, str]]:
        """See `Target`."""
        raise DataError(f"{self.folder}: an encoder has no pictures of its own. Name a folder of them, or pairs")

    def store(self, calibration: Calibration) -> Path:
        """See `Target`."""
        return write_calibration(self.folder, calibration)


class IndexTarget:
    """An index: unchanged pictures are not embedded again."""

    def __init__(self, engine: SearchEngine) -> None:
        self._engine = engine
        self.name = engine.folder.resolve().name
        self.fingerprint = engine.fingerprint

    def embed(self, paths: Sequence[Path], progress: Progress) -> Embedded:
        """See `Target`."""
        progress.begin("read vectors", None)
        records, vectors = self._engine.vectors()
        row_of = {record.path: row for row, record in enumerate(records)}
        known = [place for place, path in enumerate(paths) if path in row_of and _unchanged(records[row_of[path]])]
        rest = sorted(set(range(len(paths))) - set(known))
        fresh = np.empty((0, self._engine.dim), dtype=np.float32)
        rows, skipped = np.array(known, dtype=np.int64), tuple[PictureError, ...]()
        if rest:
            found = embed_in_memory(self._engine.encoder, [paths[place] for place in rest], progress=progress)
            fresh, skipped = found.vectors, found.skipped
            rows = np.concatenate([rows, np.array(rest, dtype=np.int64)[found.rows]])
        both = np.concatenate([vectors[[row_of[paths[place]] for place in known]], fresh])
        order = np.argsort(rows)
        return Embedded(rows[order], both[order], skipped)

    def own_pictures(self) -> list[tuple[Path, str, str]]:
        """See `Target`."""
        found = [(record.path, record.label, record.label) for record in self._engine.pictures() if record.label]
        if not found:
            raise DataError(
                f"{self._engine.folder}: no picture has a label. Name a folder of labelled pictures, or pairs"
            )
        return found

    def store(self, calibration: Calibration) -> Path:
        """See `Target`; one transaction under the writer's lock.

        Raises:
            IndexLockedError: another process is writing the index.
            IndexFolderError: the index was rebuilt with another encoder in the meantime.
        """
        folder = self._engine.folder
        with open_writer(folder) as catalog, catalog.transaction():
            if catalog.settings().get("fingerprint") != calibration.fingerprint:
                raise IndexFolderError(
                    f"{folder}: was rebuilt with another encoder in the meantime. Run twinlens calibrate again"
                )
            catalog.set(calibration=calibration.to_dict())
        return folder


def _unchanged(record: PictureRecord) -> bool:
    """Whether a picture is unchanged since it was indexed. A missing file counts as unchanged: its vector is stored."""
    try:
        status = record.path.stat()
    except OSError:
        return True
    return is_same(record, FoundFile.of(record.path, status))
