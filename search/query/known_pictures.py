"""Look up pictures of an open index: records, labels, metadata and stored embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.counts import check_count, picture_number, shown
from search.encoders.manifest import read_manifest
from search.encoders.runtime_keys import precision_of
from search.errors import EncoderError, QueryError
from search.filters.language import condition_of
from search.pictures.decoder_revision import decoder_of
from search.store.segments import gather_vectors
from search.types import IndexInfo, SegmentInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.filters.columns import ColumnType, MetadataValue
    from search.filters.language import Where
    from search.recognition.calibration import Calibration
    from search.store.records import PictureRecord
    from search.store.snapshot import Snapshot
    from search.types import Floats

_MOST = 2**63 - 1
"""The largest integer that SQLite holds."""


class KnownPictures:
    """Looks up the pictures of one snapshot by id or filter; raises QueryError for unknown ids and invalid filters."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Look up in this snapshot."""
        self._snapshot = snapshot

    def __len__(self) -> int:
        """Number of pictures in the index."""
        return self._snapshot.catalog.pictures.count()

    def record(self, picture_id: int) -> PictureRecord:
        """The record of one picture."""
        record = self._snapshot.catalog.pictures.get(picture_number(picture_id))
        if record is None:
            raise self._no_picture(picture_id)
        return record

    def records(self, *, after: int = 0, limit: int = -1) -> list[PictureRecord]:
        """At most `limit` pictures with an id above `after`, by ascending id; all of them by default."""
        after = min(check_count("after", after, least=-_MOST), _MOST)
        limit = min(check_count("limit", limit, least=-1), _MOST)
        return self._snapshot.catalog.pictures.records(after=after, limit=limit)

    def labels(self) -> dict[str, int]:
        """Label -> number of pictures."""
        return self._snapshot.catalog.pictures.label_counts()

    def count(self, where: Where | None) -> int:
        """Number of pictures that match a filter."""
        return self._snapshot.catalog.pictures.count_where(condition_of(where))

    def ids(self, where: Where | None) -> list[int]:
        """Ids of the pictures that match a filter, ascending."""
        return self._snapshot.catalog.metadata.numbers("pictures.id", condition_of(where))

    def columns(self) -> dict[str, ColumnType]:
        """Name -> type of each column of metadata."""
        return self._snapshot.catalog.metadata.columns()

    def metadata(self, picture_ids: Sequence[int]) -> dict[int, dict[str, MetadataValue]]:
        """Id -> column -> value, without empty values."""
        ids = [key for key in map(picture_number, picture_ids) if 0 < key <= _MOST]
        return self._snapshot.catalog.metadata.of(ids)

    def texts(self, column: str, most: int) -> list[str]:
        """At most `most` of the different values of a column of text, sorted; raises QueryError for another column."""
        if self.columns().get(column) != "text":
            raise QueryError(f"there is no column of text named {column!r}")
        return self._snapshot.catalog.metadata.texts(column, check_count("most", most))

    def vectors_of(self, ids: Sequence[int]) -> Floats:
        """Stored embeddings `(N, dim) float32` in the order of the ids; raises DamagedFileError if they are damaged."""
        return gather_vectors(self._snapshot.segments, self.places_of(ids), self._snapshot.dim)

    def places_of(self, ids: Sequence[int]) -> list[tuple[int, int]]:
        """Segment and row of the stored embeddings, in the order of the ids."""
        ids = [picture_number(each) for each in ids]
        places = self._snapshot.catalog.places.of(ids)
        if unknown := [picture_id for picture_id in ids if picture_id not in places]:
            raise self._no_picture(unknown[0])
        return [places[picture_id] for picture_id in ids]

    def vectors(self) -> tuple[list[PictureRecord], Floats]:
        """Every picture by ascending id, and their embeddings `(N, dim) float32` in the same order."""
        snapshot, records = self._snapshot, self.records()
        places = [(record.segment, record.row) for record in records]
        return records, gather_vectors(snapshot.segments, places, snapshot.dim)

    def _no_picture(self, picture_id: int) -> QueryError:
        return QueryError(f"no picture has the id {shown(picture_id)} in {self._snapshot.folder}")


def index_info(snapshot: Snapshot, calibration: Calibration | None) -> IndexInfo:
    """Size, encoder, segments, columns and calibration of a snapshot."""
    live = {s.id: s.structure.size if s.live is None else int(s.live.sum()) for s in snapshot.segments}
    catalog, settings = snapshot.catalog, snapshot.settings
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
        calibration=None if calibration is None else calibration.summary(),
        columns=catalog.metadata.infos(),
        decoder=decoder_of(settings),
        precision=_precision(snapshot),
    )


def _precision(snapshot: Snapshot) -> str | None:
    if (place := snapshot.settings["encoder_folder"]) is None:
        return None
    try:
        return precision_of(read_manifest(snapshot.folder / place))
    except EncoderError:  # a query reports it, and `twinlens check`
        return None
