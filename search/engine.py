"""The engine: decode, encode, search the segments, merge, and join the catalog. The only place where those meet."""

from __future__ import annotations

import threading
import time
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from search.config import Device, QueryConfig
from search.counts import picture_number
from search.encoders.foreign import stored_encoder
from search.errors import EncoderError, IndexClosedError, IndexFolderError, QueryError
from search.filters.language import condition_of
from search.forks import watch
from search.indexes import resolve_device
from search.pictures.decode import load_picture
from search.pictures.decoder_revision import decoder_of
from search.query.blend import blend
from search.query.collapse import Collapse
from search.query.copy_threshold import copy_threshold
from search.query.embedding import DECODED_AT_ONCE, embed
from search.query.hits import hits_of, nearest, with_metadata
from search.query.known_pictures import KnownPictures
from search.query.masks import FilterMasks
from search.query.query import Query
from search.recognition.recognition import Recognition
from search.recognition.stored import index_calibration, same_threshold
from search.store.catalog import Catalog
from search.store.durable import verify
from search.store.segments import Segment, gather_vectors, open_segment
from search.types import Answer, Hit, IndexInfo, SegmentInfo, Timing

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from types import TracebackType

    from search.encoders.base import Encoder
    from search.filters.conditions import Condition
    from search.query.blend import Crop
    from search.query.query import Where
    from search.recognition.calibration import Calibration
    from search.store.records import FileRecord, PictureRecord, SegmentRecord, TemplateRecord
    from search.types import Floats, Mask, Picture


class SearchEngine(Recognition, KnownPictures):
    """An open index folder: a snapshot of it, which later commits do not change. Usable from several threads."""

    def __init__(
        self, folder: Path, *, device: Device = QueryConfig.device, before: SearchEngine | None = None
    ) -> None:
        """Open the newest snapshot of an index folder; see `open_index`, and `refresh` for the engine `before`."""
        self.folder = folder
        self._device: Device = device
        self._closed = False
        self._encoder: Encoder | None = None
        self._encoder_lock = threading.Lock()
        while not self._opened(before):
            continue
        self._masks = FilterMasks(self._catalog)
        watch(self)

    def _opened(self, before: SearchEngine | None) -> bool:
        """Open the newest snapshot; false where files of it vanished because a newer one came meanwhile."""
        self._snapshot, self._settings = Catalog.read(self.folder), {}
        try:
            self._settings = self._catalog.settings()
            if "encoder" not in self._settings:
                raise IndexFolderError(
                    f"{self.folder}: its first build was not finished. Run the same twinlens build again"
                )
            self._files: dict[str, FileRecord] = {record.name: record for record in self._catalog.files.records()}
            self._records = {record.id: record for record in self._catalog.segments.records()}
            self._segments = [self._open(record, before) for record in self._records.values()]
        except BaseException as error:
            self._snapshot.close()
            if isinstance(error, IndexFolderError) and "encoder" in self._settings and self.stale:
                return False
            raise
        if before is not None and before.fingerprint == self.fingerprint:
            self._encoder = before._encoder
        return True

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[partial[SearchEngine], tuple[Path]]:
        """Pickle as the folder and the device: whoever loads it, such as a spawned process, opens the index again."""
        return partial(open_index, device=self._device), (self.folder.absolute(),)

    def after_fork(self, lost: Any) -> None:
        """Give up, in a child of this process, all that belongs to the parent: see `search.forks`."""
        self._snapshot = self._settings = self._segments = self._masks = self._encoder_lock = lost

    def close(self) -> None:
        """Let go of the snapshot; what is called after that, but a second `close`, raises IndexClosedError."""
        self._closed = True
        self._snapshot.close()
        self._segments = []
        for read_once in ("calibration", "gallery"):
            self.__dict__.pop(read_once, None)

    @property
    def _catalog(self) -> Catalog:
        self._check_open()
        return self._snapshot

    def _check_open(self) -> None:
        if self._closed:
            raise IndexClosedError(f"{self.folder}: this engine was closed. Open the index again: open_index(folder)")

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return int(self._settings["dim"])

    @property
    def fingerprint(self) -> str:
        """Of the encoder that made the vectors."""
        return str(self._settings["fingerprint"])

    @property
    def stale(self) -> bool:
        """Whether a commit came after this snapshot: open the index again to see it."""
        self._check_open()
        newest = Catalog.read(self.folder, verify=False)
        try:
            return newest.generation() != int(self._settings.get("generation", 0))
        finally:
            newest.close()

    def refresh(self) -> SearchEngine:
        """The engine of the newest snapshot: this one where nothing was committed since, else another one.

        The other one takes over what did not change, the encoder and the segments with their structures, so that it
        costs little. This one stays as it is: close it when nobody asks it any more.
        """
        return SearchEngine(self.folder, device=self._device, before=self) if self.stale else self

    @cached_property
    def calibration(self) -> Calibration | None:
        """What `twinlens calibrate` measured of this index; None where it was not run.

        Raises:
            IndexFolderError: what is stored is damaged, or belongs to another encoder.
        """
        self._check_open()
        return index_calibration(self.folder, self._settings)

    @property
    def encoder(self) -> Encoder:
        """The encoder that the folder carries, loaded when first needed.

        Raises:
            EncoderError: its files are damaged, or are of another encoder than the vectors.
        """
        self._check_open()
        with self._encoder_lock:
            if self._encoder is None:
                self._encoder = self._load_encoder()
            return self._encoder

    def embed(self, picture: Picture) -> Floats:
        """Embed one picture as a `(dim,) float32` unit vector.

        Raises:
            PictureError: the picture cannot be read.
        """
        embedding: Floats = self.embed_many([picture])[0]
        return embedding

    def embed_many(self, pictures: Sequence[Picture]) -> Floats:
        """Embed pictures as `(N, dim) float32` unit rows."""
        return embed(self.encoder, pictures, Timing())

    def search(
        self,
        picture: Picture,
        k: int = QueryConfig.k,
        *,
        where: Where | None = None,
        same_only: bool = QueryConfig.same_only,
        without: Sequence[Picture] = (),
        crop: Crop | None = None,
        collapse: bool = QueryConfig.collapse,
    ) -> list[Hit]:
        """Find the k pictures of the collection that look most like a picture, nearest first.

        Only the part `crop` of the picture is looked at. What looks like the pictures `without` comes later:
        `search.query.blend` tells how; distances are then those to the blend, and there are no probabilities.

        Fewer than k come back where the index, or what the filter leaves of it, holds fewer. With `same_only` only
        those come that the calibration takes for the same thing; an empty list says that nothing is. With `collapse`
        near copies (see `search.query.copy_threshold`) are shown once: k hits that differ, each with its `copies`.

        Raises:
            PictureError: the picture cannot be read.
            QueryError: k < 1, a filter that cannot be (`search.filters.language` tells the language), or `same_only`
            where nothing was calibrated.
        """
        answer = self.ask(picture, k, where=where, same_only=same_only, without=without, crop=crop, collapse=collapse)
        return answer.hits

    def search_together(
        self,
        pictures: Sequence[Picture],
        k: int = QueryConfig.k,
        *,
        weights: Sequence[float] | None = None,
        without: Sequence[Picture] = (),
        where: Where | None = None,
        collapse: bool = QueryConfig.collapse,
    ) -> list[Hit]:
        """Find what looks like several pictures at once: one query of their weighted mean (`search.query.blend`).

        Raises:
            PictureError: a picture cannot be read.
            QueryError: as of `search`; weights that do not fit; or pictures that cancel out.
        """
        query = self._checked(Query(k, where, collapse=collapse, blended=True))
        vectors = self.embed_many([*pictures, *without])
        blended = blend(vectors[: len(pictures)], vectors[len(pictures) :], weights)
        return self._answer(blended[None], query)[0]

    def search_many(
        self,
        pictures: Sequence[Picture],
        k: int = QueryConfig.k,
        *,
        where: Where | None = None,
        same_only: bool = QueryConfig.same_only,
        collapse: bool = QueryConfig.collapse,
    ) -> list[list[Hit]]:
        """Answer several pictures, each on its own: one list of hits a picture, in their order."""
        query = self._checked(Query(k, where, same_only, collapse))
        answers: list[list[Hit]] = []
        for start in range(0, len(pictures), DECODED_AT_ONCE):
            answers += self._answer(self.embed_many(pictures[start : start + DECODED_AT_ONCE]), query)
        return answers

    def search_vectors(
        self,
        vectors: Floats,
        k: int = QueryConfig.k,
        *,
        where: Where | None = None,
        same_only: bool = QueryConfig.same_only,
        collapse: bool = QueryConfig.collapse,
    ) -> list[list[Hit]]:
        """Answer embeddings `(Q, dim) float32`, unit rows of this index's encoder."""
        queries = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
        if queries.shape[1] != self.dim:
            raise QueryError(f"vectors of length {queries.shape[1]} cannot be searched in an index of {self.dim}")
        if not np.allclose(np.linalg.norm(queries, axis=1), 1.0, atol=1e-3):
            raise QueryError("vectors must be of unit length: divide each by its Euclidean norm")
        return self._answer(queries, Query(k, where, same_only, collapse))

    def search_id(
        self,
        picture_id: int,
        k: int = QueryConfig.k,
        *,
        where: Where | None = None,
        same_only: bool = QueryConfig.same_only,
        collapse: bool = QueryConfig.collapse,
    ) -> list[Hit]:
        """Find what looks like a picture of the collection, by its stored embedding; it is its own first answer."""
        vector = self.vector(picture_id)[None]
        return self.search_vectors(vector, k, where=where, same_only=same_only, collapse=collapse)[0]

    def ask(
        self,
        picture: Picture,
        k: int = QueryConfig.k,
        *,
        where: Where | None = None,
        same_only: bool = QueryConfig.same_only,
        without: Sequence[Picture] = (),
        crop: Crop | None = None,
        collapse: bool = QueryConfig.collapse,
    ) -> Answer:
        """`search`, with the seconds that each step took."""
        query, timing = self._checked(Query(k, where, same_only, collapse, blended=len(without) > 0)), Timing()
        looked_at: Picture = picture if crop is None else crop.of(load_picture(picture))
        embedding = embed(self.encoder, [looked_at, *without], timing)
        if query.blended:
            embedding = blend(embedding[:1], embedding[1:])[None]
        start = time.perf_counter()
        hits = self._answer(embedding, query)[0]
        timing.search = time.perf_counter() - start
        return Answer(hits, timing)

    def vector(self, picture_id: int) -> Floats:
        """The stored embedding of one picture, `(dim,) float32`; raises as `vectors_of`."""
        vector: Floats = self.vectors_of([picture_id])[0]
        return vector

    def vectors_of(self, ids: Sequence[int]) -> Floats:
        """The stored embeddings of pictures, `(N, dim) float32` in the order of their ids.

        Raises:
            QueryError: no picture has one of these ids, or it is no whole number.
            DamagedFileError: they are damaged.
        """
        ids = [picture_number(each) for each in ids]
        found = self._catalog.places.of(ids)
        if unknown := [picture_id for picture_id in ids if picture_id not in found]:
            raise self._no_picture(unknown[0])
        return gather_vectors(self._segments, [found[picture_id] for picture_id in ids], self.dim)

    def vectors(self) -> tuple[list[PictureRecord], Floats]:
        """Every picture by ascending id, and their embeddings `(N, dim) float32` in the same order."""
        records = self.pictures()
        return records, gather_vectors(self._segments, [(record.segment, record.row) for record in records], self.dim)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The blocks of vectors of this snapshot, oldest first; to be read only."""
        self._check_open()
        return tuple(self._segments)

    def chosen(self, segment: Segment, where: Where | None) -> Mask | None:
        """Rows of a segment that a filter takes in, `(N,) bool`; None for all. Raises QueryError as `count`."""
        self._check_open()
        return self._mask(segment, condition_of(where))

    def info(self) -> IndexInfo:
        """What the folder holds."""
        live = {s.id: s.structure.size if s.live is None else int(s.live.sum()) for s in self._segments}
        segments = tuple(
            SegmentInfo(r.id, r.rows, live[r.id], r.kind, r.recall, r.parameters)
            for r in self._catalog.segments.records()
        )
        return IndexInfo(
            path=self.folder,
            images=len(self),
            labels=len(self._catalog.pictures.label_counts()),
            dim=self.dim,
            encoder=self._settings["encoder"],
            fingerprint=self._settings["fingerprint"],
            kind="+".join(sorted({s.kind for s in segments})) or "flat",
            segments=segments,
            size=sum(record.bytes for record in self._files.values()),
            created=self._settings["created"],
            updated=self._settings["updated"],
            calibration=None if self.calibration is None else self.calibration.summary(),
            columns=self._catalog.metadata.infos(),
            decoder=decoder_of(self._settings),
        )

    # Steps -------------------------------------------------------------------------------------------------------

    def _open(self, record: SegmentRecord, before: SearchEngine | None) -> Segment:
        dead = self._catalog.tombstones.rows(record.id)
        if before is not None and before._records.get(record.id) == record:
            return next(segment for segment in before._segments if segment.id == record.id).with_dead(dead)
        device = resolve_device(self._device, record.kind)
        return open_segment(self.folder, record, self._files, self.dim, dead, device)

    def _templates(self) -> list[TemplateRecord]:
        return self._catalog.identities.templates()

    def _load_encoder(self) -> Encoder:
        from search.encoders import load_encoder

        place = stored_encoder(self.folder, self._settings)
        for record in self._files.values():
            if record.name.startswith(place + "/"):
                verify(self.folder, record)
        encoder = load_encoder(self.folder / place, device=self._device)
        if encoder.fingerprint != self.fingerprint or encoder.dim != self.dim:
            raise EncoderError(
                f"{self.folder / place}: holds the encoder {encoder.fingerprint}, but the vectors were made by"
                f" {self._settings['fingerprint']}. Restore it, or build the index again"
            )
        return encoder

    def _answer(self, queries: Floats, query: Query) -> list[list[Hit]]:
        """Answer each of `(Q, dim)` unit rows."""
        self._check_open()
        most = same_threshold(self.folder, self.calibration) if query.same_only else None
        calibration = None if query.blended else self.calibration
        chosen = [self._mask(segment, query.condition) for segment in self._segments]
        if query.collapse:
            apart = copy_threshold(self.calibration).distance
            from search.query.folding import Folding  # which needs Pillow

            around = partial(self._nearest, chosen=chosen, calibration=calibration)
            folding = Folding(self._catalog.pictures.of)
            collapse = Collapse(apart, around, self.vectors_of, calibration, most, folding.differ)
            answers = [collapse(vector, query.k) for vector in queries]
        else:
            answers = self._nearest(queries, query.k, chosen, calibration, most)
        return with_metadata(self._catalog, answers)

    def _nearest(
        self,
        queries: Floats,
        k: int,
        chosen: Sequence[Mask | None],
        calibration: Calibration | None,
        most: float | None = None,
    ) -> list[list[Hit]]:
        """Search every segment, merge by distance, and join the catalog; ties are answered by ascending id.

        Args:
            queries: `(Q, dim)` unit rows.
            k: hits a query.
            chosen: for each segment its rows that may answer, None for all.
            calibration: gives hits their probability; None: they have none.
            most: distance that no hit may exceed; None: any.
        """
        merged: list[list[Hit]] = [[] for _ in queries]
        # Not strict: where another thread closes the engine, the segments are gone, and the catalog says so in the end.
        for segment, may_answer in zip(self._segments, chosen, strict=False):
            distances, rows = segment.search(queries, k, may_answer)
            pictures = self._catalog.pictures.at_rows(segment.id, np.unique(rows[rows >= 0]).tolist())
            for hits, near, found in zip(merged, distances, rows, strict=True):
                near_enough = found if most is None else np.where(near.astype(np.float64) <= most, found, -1)
                hits += hits_of(pictures, near, near_enough, calibration)
        return [nearest(hits, k) for hits in merged]

    def _mask(self, segment: Segment, condition: Condition | None) -> Mask | None:
        return None if condition is None else self._masks.mask(segment.id, len(segment.vectors), condition)

    def _checked(self, query: Query) -> Query:
        """Refuse what cannot be answered before a picture is decoded."""
        self._check_open()
        if query.same_only:
            same_threshold(self.folder, self.calibration)
        if query.condition is not None:
            self._catalog.metadata.check(query.condition)
        return query


def open_index(folder: str | os.PathLike[str], *, device: Device = QueryConfig.device) -> SearchEngine:
    """Open an index folder for searching.

    Args:
        folder: what `twinlens build --index` was given.
        device: where to encode and search; `auto` takes a GPU where there is one.

    Raises:
        IndexFolderError: no index there, an unfinished one, or a damaged one.
        UnsupportedError: the device cannot be had.
    """
    return SearchEngine(Path(folder), device=device)
