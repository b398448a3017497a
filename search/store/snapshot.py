"""A snapshot of an index folder, open for queries: its catalog, settings and segments."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, Self

from search.errors import IndexClosedError, IndexFolderError
from search.indexes import resolve_device
from search.store.catalog import Catalog
from search.store.segments import Segment, open_segment

if TYPE_CHECKING:
    from pathlib import Path

    from search.config import Device
    from search.store.records import FileRecord, SegmentRecord


class Snapshot:
    """The index as of one commit; later commits do not change it. Safe to use from several threads."""

    def __init__(
        self, catalog: Catalog, settings: dict[str, Any], device: Device, before: Snapshot | None = None
    ) -> None:
        """Open the segments of a catalog: use `newest` instead."""
        self.folder = catalog.folder
        self.device = device
        self.settings = settings
        self._closed = False
        self._catalog = catalog
        self.files: dict[str, FileRecord] = {record.name: record for record in catalog.files.records()}
        self._records = {record.id: record for record in catalog.segments.records()}
        self._segments = tuple(self._open_segment(record, before) for record in self._records.values())

    @classmethod
    def newest(cls, folder: Path, device: Device, before: Snapshot | None = None) -> Self:
        """Open the newest snapshot of an index folder.

        Args:
            folder: the index folder.
            device: where its structures search.
            before: an older snapshot, whose unchanged segments are reused.

        Raises:
            IndexFolderError: there is no index, or it is unfinished or damaged.
            UnsupportedError: the device is not available.
        """
        while True:
            with ExitStack() as opened:
                catalog = opened.enter_context(closing(Catalog.read(folder)))
                settings = catalog.settings()
                if "encoder" not in settings:
                    raise IndexFolderError(
                        f"{folder}: its first build was not finished. Run the same twinlens build again"
                    )
                try:
                    snapshot = cls(catalog, settings, device, before)
                except IndexFolderError:
                    if not _is_overtaken(folder, settings):
                        raise
                    continue  # a newer commit replaced its files meanwhile
                opened.pop_all()
                return snapshot

    def _open_segment(self, record: SegmentRecord, before: Snapshot | None) -> Segment:
        dead = self._catalog.tombstones.rows(record.id)
        unchanged = before is not None and before._records.get(record.id) == record
        for segment in before._segments if before is not None and unchanged else ():
            if segment.id == record.id:
                return segment.with_dead(dead)
        device = resolve_device(self.device, record.kind)
        return open_segment(self.folder, record, self.files, self.dim, dead, device)

    def close(self) -> None:
        """Close the catalog and release the segments; any later use raises IndexClosedError."""
        self._closed = True
        self._catalog.close()
        self._segments = ()

    def require_open(self) -> None:
        """Raise IndexClosedError if the snapshot is closed."""
        if self._closed:
            raise IndexClosedError(f"{self.folder}: this engine was closed. Open the index again: open_index(folder)")

    @property
    def catalog(self) -> Catalog:
        """The catalog of this snapshot; read-only."""
        self.require_open()
        return self._catalog

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments, oldest first; read-only."""
        self.require_open()
        return self._segments

    @property
    def dim(self) -> int:
        """Number of dimensions of an embedding."""
        return int(self.settings["dim"])

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the encoder that made the vectors."""
        return str(self.settings["fingerprint"])

    @property
    def stale(self) -> bool:
        """Whether the index was changed since this snapshot."""
        self.require_open()
        return _is_overtaken(self.folder, self.settings)


def _is_overtaken(folder: Path, settings: dict[str, Any]) -> bool:
    """Whether the folder holds another generation than that of these settings."""
    with closing(Catalog.read(folder, verify=False)) as newest:
        return newest.generation() != int(settings.get("generation", 0))
