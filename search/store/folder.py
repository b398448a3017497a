"""The index folder as a store: a snapshot of its catalog and segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from search.encoders.foreign import stored_encoder
from search.encoders.manifest import MANIFEST_FILE, read_manifest
from search.encoders.runtime_keys import precision_of
from search.errors import EncoderError, UnsupportedError
from search.indexes.allowed import Allowed
from search.pictures.decoder_revision import decoder_of
from search.store.catalog_records import CatalogRecords
from search.store.contract import Found, no_picture
from search.store.durable import verify
from search.store.masks import FilterMasks
from search.store.segments import gather_vectors
from search.store.shown_pictures import ShownPictures
from search.store.snapshot import Snapshot
from search.types import IndexInfo, SegmentAudit, SegmentInfo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from search.config import Device
    from search.filters.conditions import Condition
    from search.store.contract import Store
    from search.store.records import PictureRecord, TemplateRecord
    from search.store.segments import Segment
    from search.types import Audit, Floats, Mask


class FolderStore:
    """One snapshot of an index folder: see `search.store.contract.Store`. The masks of filters and hits are cached."""

    def __init__(self, folder: Path, device: Device, before: Snapshot | None = None) -> None:
        """Open the newest snapshot; unchanged segments of `before` are shared.

        Raises:
            IndexFolderError: there is no index, or it is unfinished or damaged.
            UnsupportedError: the device is not available.
        """
        self.snapshot = Snapshot.newest(folder, device, before)
        self.address: Path | str = folder
        self.device: Device = device
        self.settings: dict[str, Any] = self.snapshot.settings
        catalog = self.snapshot.catalog
        self.shown = ShownPictures(catalog)
        self._records = CatalogRecords(catalog)
        self._masks = FilterMasks(catalog)

    @property
    def records(self) -> CatalogRecords:
        """The pictures and their metadata."""
        self.snapshot.require_open()
        return self._records

    @property
    def stale(self) -> bool:
        """Whether something was committed since."""
        return self.snapshot.stale

    def newest(self) -> Self:
        """The newest snapshot, which shares the segments that did not change."""
        return type(self)(self.snapshot.folder, self.device, self.snapshot)

    def require_open(self) -> None:
        """Raise IndexClosedError after `close`."""
        self.snapshot.require_open()

    def close(self) -> None:
        """Release the snapshot."""
        self.snapshot.close()

    # Search ------------------------------------------------------------------------------------------------------

    def selection(self, condition: Condition | None, without: Sequence[int] = ()) -> FolderSelection:
        """The rows of each segment that match a condition, without those of some pictures."""
        chosen: list[tuple[Segment, Allowed | None]] = [
            (segment, None if condition is None else self._masks.allowed(segment, condition))
            for segment in self.snapshot.segments
        ]
        if without:
            of, rows = np.array(self._places_of(without)).T
            chosen = [(each, _left(each, allowed, rows[of == each.id])) for each, allowed in chosen]
        return FolderSelection(chosen)

    def mask(self, segment: Segment, condition: Condition | None) -> Mask | None:
        """Live rows of a segment that match a condition, `(N,) bool`; None without a condition."""
        self.snapshot.require_open()
        return None if condition is None else self._masks.allowed(segment, condition).mask

    # Vectors -----------------------------------------------------------------------------------------------------

    def require(self, ids: Sequence[int]) -> None:
        """Raise QueryError unless there is a picture for each id."""
        self._places_of(ids)

    def vectors_of(self, ids: Sequence[int]) -> Floats:
        """Stored embeddings `(N, dim) float32`; raises DamagedFileError if they are damaged."""
        return gather_vectors(self.snapshot.segments, self._places_of(ids), self.snapshot.dim)

    def vectors(self) -> tuple[list[PictureRecord], Floats]:
        """Every picture by ascending id, and their embeddings."""
        records = self.records.page()
        places = [(record.segment, record.row) for record in records]
        return records, gather_vectors(self.snapshot.segments, places, self.snapshot.dim)

    def _places_of(self, ids: Sequence[int]) -> list[tuple[int, int]]:
        """Segment and row of the stored embeddings, in the order of the ids."""
        places = self.snapshot.catalog.places.of(ids)
        if unknown := [picture_id for picture_id in ids if picture_id not in places]:
            raise no_picture(unknown[0], self.address)
        return [places[picture_id] for picture_id in ids]

    # Identities, encoder, description ----------------------------------------------------------------------------

    def templates(self) -> list[TemplateRecord]:
        """Reference pictures of the enrolled identities."""
        return self.snapshot.catalog.identities.templates()

    def card_folder(self) -> Path:
        """The folder of the encoder, of which only `encoder.json` is verified."""
        place = stored_encoder(self.snapshot.folder, self.settings)
        if (record := self.snapshot.files.get(f"{place}/{MANIFEST_FILE}")) is not None:
            verify(self.snapshot.folder, record)
        return self.snapshot.folder / place

    def encoder_folder(self) -> Path:
        """The folder of the encoder, with all files that it needs verified."""
        from search.encoders.openvino_conversion import is_conversion

        folder, place = self.snapshot.folder, stored_encoder(self.snapshot.folder, self.settings)
        for record in self.snapshot.files.values():
            if record.name.startswith(place + "/") and not is_conversion(record.name):  # the encoder does without those
                verify(folder, record)
        return folder / place

    def info(self) -> IndexInfo:
        """Size, encoder, segments and columns."""
        snapshot, catalog, settings = self.snapshot, self.snapshot.catalog, self.settings
        live = {s.id: s.structure.size if s.live is None else int(s.live.sum()) for s in snapshot.segments}
        segments = tuple(
            SegmentInfo(r.id, r.rows, live[r.id], r.kind, r.recall, r.parameters, r.tuning)
            for r in catalog.segments.records()
        )
        return IndexInfo(
            path=snapshot.folder,
            images=catalog.pictures.count(),
            labels=len(catalog.pictures.label_counts()),
            dim=snapshot.dim,
            encoder=settings["encoder"],
            fingerprint=settings["fingerprint"],
            kind="+".join(sorted({s.kind for s in segments})) or "flat",
            segments=segments,
            size=sum(record.bytes for record in snapshot.files.values()),
            created=settings["created"],
            updated=settings["updated"],
            columns=catalog.metadata.infos(),
            decoder=decoder_of(settings),
            precision=self._precision(),
        )

    def _precision(self) -> str | None:
        if (place := self.settings["encoder_folder"]) is None:
            return None
        try:
            return precision_of(read_manifest(self.snapshot.folder / place))
        except EncoderError:  # a query reports it, and `twinlens check`
            return None


class FolderSelection:
    """The segments of a snapshot, each with its rows that a query may return; None for all of them."""

    def __init__(self, chosen: Sequence[tuple[Segment, Allowed | None]]) -> None:
        """Search these rows of these segments."""
        self._chosen = chosen

    def nearest(self, queries: Floats, k: int, audit: Audit | None = None, *, exactly: bool = False) -> list[Found]:
        """The k nearest rows of each segment."""
        return [
            Found(
                segment.id,
                *(
                    segment.search_exactly(queries, k, allowed)
                    if exactly
                    else segment.search(queries, k, allowed, None if audit is None else _audit_of(segment, audit))
                ),
            )
            for segment, allowed in self._chosen
        ]


def in_folder(store: Store) -> FolderStore:
    """The store of an index folder, for what needs its catalog or its segments.

    Raises:
        UnsupportedError: it is another store.
    """
    if isinstance(store, FolderStore):
        return store
    raise UnsupportedError(
        f"{store.address}: this works on index folders only. Copy it into a folder first: twinlens migrate"
        f" {store.address} FOLDER"
    )


def _left(segment: Segment, allowed: Allowed | None, gone: np.ndarray[Any, Any]) -> Allowed | None:
    """What a segment may return without some of its rows."""
    if len(gone) == 0:
        return allowed
    left = np.ones(len(segment.vectors), dtype=np.bool_) if allowed is None else allowed.mask.copy()
    left[gone] = False
    return Allowed(left)


def _audit_of(segment: Segment, audit: Audit) -> SegmentAudit:
    """The entry of a segment, to which every search of a query adds."""
    for each in audit.segments:
        if each.segment == segment.id:
            return each
    audit.segments.append(SegmentAudit(segment.id, segment.structure.kind))
    return audit.segments[-1]
