"""The engine: decode, encode, search the segments, merge, and join the catalog. The only place where those meet."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from search.catalog import Catalog
from search.collapse import Collapse
from search.config import DecodeConfig, Device, IdentifyConfig, QueryConfig, VerifyConfig
from search.copy_threshold import copy_threshold
from search.durable import verify
from search.errors import EncoderError, IndexFolderError, QueryError
from search.identities import Decider, Gallery
from search.images import load_picture, picture_name
from search.indexes import resolve_device
from search.quality import checked_quality
from search.query import Query
from search.segments import Segment, gather_vectors, open_segment
from search.stored_calibration import index_calibration
from search.types import Hit, IndexInfo, SegmentInfo
from search.verification import verify_vectors

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from types import TracebackType

    from search.config import References
    from search.encoders.base import Encoder
    from search.identities import Identification, Identity
    from search.query import Where
    from search.records import FileRecord, PictureRecord
    from search.types import Floats, Mask, Picture, Rows
    from search.verification import Calibration, Verification

_DECODED_AT_ONCE = 64
"""Pictures of one `search_many` that are decoded and embedded together."""


@dataclass(slots=True)
class Timing:
    """Seconds that each step of a query took."""

    decode: float = 0.0
    encode: float = 0.0
    search: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The hits of one question and what it cost."""

    hits: list[Hit]
    timing: Timing = field(default_factory=Timing)


class SearchEngine:
    """An open index folder: a snapshot of it, which later commits do not change. Usable from several threads."""

    def __init__(self, folder: Path, *, device: Device = QueryConfig.device) -> None:
        """Open the newest snapshot of an index folder; see `open_index`."""
        self.folder = folder
        self._device: Device = device
        self._catalog = Catalog.read(folder)
        try:
            self._settings = self._catalog.settings()
            if "encoder" not in self._settings:
                raise IndexFolderError(f"{folder}: its first build was not finished. Run the same twinlens build again")
            self._files: dict[str, FileRecord] = {record.name: record for record in self._catalog.files()}
            self._segments = [self._open(record.id) for record in self._catalog.segments()]
        except BaseException:
            self._catalog.close()
            raise
        self._encoder: Encoder | None = None
        self._encoder_lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the snapshot."""
        self._catalog.close()
        self._segments = []

    def __len__(self) -> int:
        """Pictures in the index."""
        return self._catalog.count()

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
        newest = Catalog.read(self.folder)
        try:
            return newest.generation() != int(self._settings["generation"])
        finally:
            newest.close()

    @cached_property
    def calibration(self) -> Calibration | None:
        """What `twinlens calibrate` measured of this index; None where it was not run.

        Raises:
            IndexFolderError: what is stored is damaged, or belongs to another encoder.
        """
        return index_calibration(self.folder, self._settings)

    @property
    def encoder(self) -> Encoder:
        """The encoder that the folder carries, loaded when first needed.

        Raises:
            EncoderError: its files are damaged, or are of another encoder than the vectors.
        """
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
        return self._embed(pictures, Timing())

    def search(self, picture: Picture, k: int = QueryConfig.k, *, where: Where | None = None,
               same_only: bool = QueryConfig.same_only,
               collapse: bool = QueryConfig.collapse) -> list[Hit]:  # fmt: skip
        """Find the k pictures of the collection that look most like a picture, nearest first.

        Fewer than k come back where the index, or what the filter leaves of it, holds fewer. With `same_only` only
        those come that the calibration takes for the same thing; an empty list says that nothing is. With `collapse`
        near copies (see `search.copy_threshold`) are shown once: k hits that differ, each with its `copies`.

        Raises:
            PictureError: the picture cannot be read.
            QueryError: k < 1, a filter by an unknown column, or `same_only` where nothing was calibrated.
        """
        return self.ask(picture, k, where=where, same_only=same_only, collapse=collapse).hits

    def verify(
        self, a: Picture, b: Picture | Sequence[Picture], references: References = VerifyConfig.references
    ) -> Verification:
        """Say whether two pictures show the same thing: distance, probability, decision, and the rates of mistakes.

        Args:
            a: any picture.
            b: another, or a list or tuple of reference pictures of one thing.
            references: how several answer: by their mean embedding, or by the nearest (best) of them. The rates were
                measured on pairs of two pictures; several references change them.

        Returns:
            Where nothing was calibrated, the distance alone.

        Raises:
            PictureError: a picture cannot be read.
            QueryError: no reference at all.
        """
        others: Sequence[Picture] = b if isinstance(b, list | tuple) else [b]  # type: ignore[list-item]
        vectors = self.embed_many([a, *others])
        return verify_vectors(vectors[0], vectors[1:], self.calibration, references)

    def search_many(self, pictures: Sequence[Picture], k: int = QueryConfig.k, *, where: Where | None = None,
                    same_only: bool = QueryConfig.same_only,
                    collapse: bool = QueryConfig.collapse) -> list[list[Hit]]:  # fmt: skip
        """Answer several pictures, each on its own: one list of hits a picture, in their order."""
        query = Query(k, where, same_only, collapse)
        answers: list[list[Hit]] = []
        for start in range(0, len(pictures), _DECODED_AT_ONCE):
            answers += self._answer(self.embed_many(pictures[start : start + _DECODED_AT_ONCE]), query)
        return answers

    def search_vectors(self, vectors: Floats, k: int = QueryConfig.k, *, where: Where | None = None,
                       same_only: bool = QueryConfig.same_only,
                       collapse: bool = QueryConfig.collapse) -> list[list[Hit]]:  # fmt: skip
        """Answer embeddings `(Q, dim) float32`, unit rows of this index's encoder."""
        queries = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
        if queries.shape[1] != self.dim:
            raise QueryError(f"vectors of length {queries.shape[1]} cannot be searched in an index of {self.dim}")
        if not np.allclose(np.linalg.norm(queries, axis=1), 1.0, atol=1e-3):
            raise QueryError("vectors must be of unit length: divide each by its Euclidean norm")
        return self._answer(queries, Query(k, where, same_only, collapse))

    def search_id(self, picture_id: int, k: int = QueryConfig.k, *, where: Where | None = None,
                  same_only: bool = QueryConfig.same_only,
                  collapse: bool = QueryConfig.collapse) -> list[Hit]:  # fmt: skip
        """Find what looks like a picture of the collection, by its stored embedding; it is its own first answer."""
        vector = self.vector(picture_id)[None]
        return self.search_vectors(vector, k, where=where, same_only=same_only, collapse=collapse)[0]

    def ask(self, picture: Picture, k: int = QueryConfig.k, *, where: Where | None = None,
            same_only: bool = QueryConfig.same_only, collapse: bool = QueryConfig.collapse) -> Answer:  # fmt: skip
        """`search`, with the seconds that each step took."""
        query, timing = Query(k, where, same_only, collapse), Timing()
        self._known_threshold(query)
        embedding = self._embed([picture], timing)
        start = time.perf_counter()
        hits = self._answer(embedding, query)[0]
        timing.search = time.perf_counter() - start
        return Answer(hits, timing)

    @cached_property
    def gallery(self) -> Gallery:
        """Everybody enrolled in this snapshot, with the embeddings of their reference pictures."""
        return Gallery(self._catalog.templates(), self.dim)

    def identities(self) -> list[Identity]:
        """Everybody that `identify` can recognise, by name."""
        return self.gallery.identities()

    def identify(self, picture: Picture, config: IdentifyConfig | None = None) -> Identification:
        """Say whom of the enrolled a picture shows, or that it shows none of them.

        Raises:
            PictureError: the picture cannot be read, or is too poor (unless forced); the reason says why.
            QueryError: nobody is enrolled, or there is neither a calibration nor a threshold to decide by.
        """
        config = config or IdentifyConfig()
        decider = Decider(self.folder, self.gallery, self.calibration, config)
        image = load_picture(picture, target=self.encoder.input_size)
        quality = checked_quality(image, picture_name(picture), force=config.force)
        return decider.decide(self.encoder.encode([image])[0], quality)

    def picture(self, picture_id: int) -> PictureRecord:
        """What the catalog knows of one picture.

        Raises:
            QueryError: no picture has this id.
        """
        record = self._catalog.picture(picture_id)
        if record is None:
            raise QueryError(f"no picture has the id {picture_id} in {self.folder}")
        return record

    def pictures(self, *, after: int = 0, limit: int = -1) -> list[PictureRecord]:
        """Pictures by ascending id, from the first id above `after`; all of them unless limited."""
        return self._catalog.pictures(after=after, limit=limit)

    def vector(self, picture_id: int) -> Floats:
        """The stored embedding of one picture, `(dim,) float32`."""
        record = self.picture(picture_id)
        segment = next(s for s in self._segments if s.id == record.segment)
        return np.array(segment.vectors[record.row])

    def vectors_of(self, ids: Sequence[int]) -> Floats:
        """The stored embeddings of pictures, `(N, dim) float32` in the order of their ids.

        Raises:
            QueryError: no picture has one of these ids.
        """
        found = self._catalog.places(ids)
        if unknown := [picture_id for picture_id in ids if picture_id not in found]:
            raise QueryError(f"no picture has the id {unknown[0]} in {self.folder}")
        return gather_vectors(self._segments, [found[picture_id] for picture_id in ids], self.dim)

    def vectors(self) -> tuple[list[PictureRecord], Floats]:
        """Every picture by ascending id, and their embeddings `(N, dim) float32` in the same order."""
        records = self.pictures()
        return records, gather_vectors(self._segments, [(record.segment, record.row) for record in records], self.dim)

    @property
    def catalog(self) -> Catalog:
        """The catalog of this snapshot; to be read only."""
        return self._catalog

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The blocks of vectors of this snapshot, oldest first; to be read only."""
        return tuple(self._segments)

    def chosen(self, segment: Segment, where: Where | None) -> Mask | None:
        """Rows of a segment that a filter leaves, `(N,) bool`; None for all. Raises QueryError for one of no column."""
        return self._chosen(segment, Query(where=where).where)

    def info(self) -> IndexInfo:
        """What the folder holds."""
        live = {s.id: s.structure.size if s.live is None else int(s.live.sum()) for s in self._segments}
        segments = tuple(
            SegmentInfo(r.id, r.rows, live[r.id], r.kind, r.recall, r.parameters) for r in self._catalog.segments()
        )
        return IndexInfo(
            path=self.folder,
            images=len(self),
            labels=len(self._catalog.label_counts()),
            dim=self.dim,
            encoder=self._settings["encoder"],
            fingerprint=self._settings["fingerprint"],
            kind="+".join(sorted({s.kind for s in segments})) or "flat",
            segments=segments,
            size=sum(record.bytes for record in self._files.values()),
            created=self._settings["created"],
            updated=self._settings["updated"],
            calibration=None if self.calibration is None else self.calibration.summary(),
        )

    def labels(self) -> dict[str, int]:
        """Pictures a label, by label."""
        return self._catalog.label_counts()

    # Steps -------------------------------------------------------------------------------------------------------

    def _open(self, segment_id: int) -> Segment:
        record = next(r for r in self._catalog.segments() if r.id == segment_id)
        device = resolve_device(self._device, record.kind)
        return open_segment(self.folder, record, self._files, self.dim, self._catalog.tombstones(record.id), device)

    def _load_encoder(self) -> Encoder:
        from search.encoders import load_encoder

        place = self._settings["encoder_folder"]
        for record in self._files.values():
            if record.name.startswith(place + "/"):
                verify(self.folder, record)
        encoder = load_encoder(self.folder / place, device=self._device)
        if encoder.fingerprint != self._settings["fingerprint"]:
            raise EncoderError(
                f"{self.folder / place}: holds the encoder {encoder.fingerprint}, but the vectors were made by"
                f" {self._settings['fingerprint']}. Restore it, or build the index again"
            )
        return encoder

    def _embed(self, pictures: Sequence[Picture], timing: Timing) -> Floats:
        encoder = self.encoder
        parts: list[Floats] = []
        for start in range(0, len(pictures), _DECODED_AT_ONCE):
            begun = time.perf_counter()
            images = [
                load_picture(picture, target=encoder.input_size, config=DecodeConfig())
                for picture in pictures[start : start + _DECODED_AT_ONCE]
            ]
            decoded = time.perf_counter()
            parts.append(encoder.encode(images))
            timing.decode += decoded - begun
            timing.encode += time.perf_counter() - decoded
        return np.concatenate(parts) if parts else np.empty((0, self.dim), dtype=np.float32)

    def _answer(self, queries: Floats, query: Query) -> list[list[Hit]]:
        most = self._known_threshold(query)
        chosen = [self._chosen(segment, query.where) for segment in self._segments]
        if not query.collapse:
            return self._nearest(queries, query.k, chosen, most)

        def nearest(vectors: Floats, k: int) -> list[list[Hit]]:
            return self._nearest(vectors, k, chosen, None)

        collapse = Collapse(copy_threshold(self.calibration).distance, nearest, self.vectors_of, self.calibration, most)
        return [collapse(vector, query.k) for vector in queries]

    def _nearest(self, queries: Floats, k: int, chosen: list[Mask | None], most: float | None) -> list[list[Hit]]:
        """Search every segment, merge by distance, and join the catalog; ties are answered by ascending id.

        Args:
            queries: `(Q, dim)` unit rows.
            k: hits a query.
            chosen: for each segment its rows that may answer, None for all.
            most: distance that no hit may exceed; None: any.
        """
        merged: list[list[Hit]] = [[] for _ in queries]
        for segment, may_answer in zip(self._segments, chosen, strict=True):
            distances, rows = segment.search(queries, k, may_answer)
            pictures = self._catalog.pictures_at(segment.id, np.unique(rows[rows >= 0]).tolist())
            for hits, near, found in zip(merged, distances, rows, strict=True):
                near_enough = found if most is None else np.where(near.astype(np.float64) <= most, found, -1)
                hits += _hits(pictures, near, near_enough, self.calibration)
        return [sorted(hits, key=lambda hit: (hit.distance, hit.id))[:k] for hits in merged]

    def _known_threshold(self, query: Query) -> float | None:
        """Distance that no hit may exceed; None where all may come."""
        if not query.same_only:
            return None
        if self.calibration is None:
            raise QueryError(
                f"{self.folder}: nothing was calibrated, so nobody can say what is the same. Run twinlens calibrate "
                f"{self.folder} with labelled pictures or pairs, or ask without same-only"
            )
        return self.calibration.threshold

    def _chosen(self, segment: Segment, where: Where | None) -> Mask | None:
        if not where:
            return None
        mask = np.zeros(len(segment.vectors), dtype=np.bool_)
        mask[self._catalog.rows_where(segment.id, label=where["label"])] = True
        return mask


def _hits(pictures: dict[int, PictureRecord], distances: Floats, rows: Rows,
          calibration: Calibration | None) -> list[Hit]:  # fmt: skip
    chances: list[Any] = [None] * len(rows)
    if calibration is not None:
        chances = calibration.probability(np.minimum(distances, 2)).tolist()  # distances are padded with inf
    found = zip(rows.tolist(), distances.tolist(), chances, strict=True)
    records = ((pictures.get(row), distance, chance) for row, distance, chance in found)
    return [Hit(r.id, r.path, r.label, distance, chance) for r, distance, chance in records if r is not None]


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
