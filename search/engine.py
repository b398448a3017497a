"""The engine: decode, encode, search the segments, merge, and join the catalog. The only place where those meet."""

from __future__ import annotations

import threading
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from search.blend import blend
from search.catalog import Catalog
from search.config import DecodeConfig, Device, IdentifyConfig, QueryConfig, VerifyConfig
from search.durable import verify
from search.errors import EncoderError, IndexFolderError, QueryError
from search.filter_masks import FilterMasks
from search.foreign_encoder import stored_encoder
from search.hits import hits_of, nearest, with_metadata
from search.identities import Decider, Gallery
from search.images import load_picture, picture_name
from search.indexes import resolve_device
from search.quality import checked_quality
from search.query import Query
from search.segments import Segment, open_segment
from search.stored_calibration import index_calibration
from search.types import Answer, Hit, IndexInfo, SegmentInfo, Timing
from search.verification import verify_vectors
from search.where import condition_of

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from types import TracebackType

    from search.blend import Crop
    from search.config import References
    from search.encoders.base import Encoder
    from search.identities import Identification, Identity
    from search.metadata import ColumnType, Told
    from search.query import Where
    from search.records import FileRecord, PictureRecord, SegmentRecord
    from search.types import Floats, Picture
    from search.verification import Calibration, Verification

_DECODED_AT_ONCE = 64
"""Pictures of one `search_many` that are decoded and embedded together."""


class SearchEngine:
    """An open index folder: a snapshot of it, which later commits do not change. Usable from several threads."""

    def __init__(
        self, folder: Path, *, device: Device = QueryConfig.device, before: SearchEngine | None = None
    ) -> None:
        """Open the newest snapshot of an index folder; see `open_index`, and `refresh` for the engine `before`."""
        self.folder = folder
        self._device: Device = device
        self._encoder: Encoder | None = None
        self._encoder_lock = threading.Lock()
        while not self._opened(before):
            continue
        self._masks = FilterMasks(self._catalog)

    def _opened(self, before: SearchEngine | None) -> bool:
        """Open the newest snapshot; false where files of it vanished because a newer one came meanwhile."""
        self._catalog = Catalog.read(self.folder)
        try:
            self._settings = self._catalog.settings()
            if "encoder" not in self._settings:
                raise IndexFolderError(
                    f"{self.folder}: its first build was not finished. Run the same twinlens build again"
                )
            self._files: dict[str, FileRecord] = {record.name: record for record in self._catalog.files()}
            self._records = {record.id: record for record in self._catalog.segments()}
            self._segments = [self._open(record, before) for record in self._records.values()]
        except BaseException as error:
            self._catalog.close()
            if isinstance(error, IndexFolderError) and "encoder" in self._settings and self.stale:
                return False
            raise
        if before is not None and before.fingerprint == self.fingerprint:
            self._encoder = before._encoder
        return True

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
        newest = Catalog.read(self.folder, verify=False)
        try:
            return newest.generation() != int(self._settings["generation"])
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
               same_only: bool = QueryConfig.same_only, without: Sequence[Picture] = (),
               crop: Crop | None = None) -> list[Hit]:  # fmt: skip
        """Find the k pictures of the collection that look most like a picture, nearest first.

        Only the part `crop` of the picture is looked at. What looks like the pictures `without` comes later:
        `search.blend` tells how; distances are then those to the blend, and there are no probabilities.

        Fewer than k come back where the index, or what the filter leaves of it, holds fewer. With `same_only` only
        those come that the calibration takes for the same thing; an empty list says that nothing is.

        Raises:
            PictureError: the picture cannot be read.
            QueryError: k < 1, a filter that cannot be (`search.where` tells the language), or `same_only` where
                nothing was calibrated.
        """
        return self.ask(picture, k, where=where, same_only=same_only, without=without, crop=crop).hits

    def search_together(self, pictures: Sequence[Picture], k: int = QueryConfig.k, *,
                        weights: Sequence[float] | None = None, without: Sequence[Picture] = (),
                        where: Where | None = None) -> list[Hit]:  # fmt: skip
        """Find what looks like several pictures at once: one query of their weighted mean (`search.blend`).

        Raises:
            PictureError: a picture cannot be read.
            QueryError: as of `search`; weights that do not fit; or pictures that cancel out.
        """
        query = self._checked(Query(k, where, blended=True))
        vectors = self.embed_many([*pictures, *without])
        blended = blend(vectors[: len(pictures)], vectors[len(pictures) :], weights)
        return self._answer(blended[None], query)[0]

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
                    same_only: bool = QueryConfig.same_only) -> list[list[Hit]]:  # fmt: skip
        """Answer several pictures, each on its own: one list of hits a picture, in their order."""
        query = self._checked(Query(k, where, same_only))
        answers: list[list[Hit]] = []
        for start in range(0, len(pictures), _DECODED_AT_ONCE):
            answers += self._answer(self.embed_many(pictures[start : start + _DECODED_AT_ONCE]), query)
        return answers

    def search_vectors(self, vectors: Floats, k: int = QueryConfig.k, *, where: Where | None = None,
                       same_only: bool = QueryConfig.same_only) -> list[list[Hit]]:  # fmt: skip
        """Answer embeddings `(Q, dim) float32`, unit rows of this index's encoder."""
        queries = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
        if queries.shape[1] != self.dim:
            raise QueryError(f"vectors of length {queries.shape[1]} cannot be searched in an index of {self.dim}")
        if not np.allclose(np.linalg.norm(queries, axis=1), 1.0, atol=1e-3):
            raise QueryError("vectors must be of unit length: divide each by its Euclidean norm")
        return self._answer(queries, Query(k, where, same_only))

    def search_id(self, picture_id: int, k: int = QueryConfig.k, *, where: Where | None = None,
                  same_only: bool = QueryConfig.same_only) -> list[Hit]:  # fmt: skip
        """Find what looks like a picture of the collection, by its stored embedding; it is its own first answer."""
        return self.search_vectors(self.vector(picture_id)[None], k, where=where, same_only=same_only)[0]

    def ask(self, picture: Picture, k: int = QueryConfig.k, *, where: Where | None = None,
            same_only: bool = QueryConfig.same_only, without: Sequence[Picture] = (),
            crop: Crop | None = None) -> Answer:  # fmt: skip
        """`search`, with the seconds that each step took."""
        query, timing = self._checked(Query(k, where, same_only, blended=len(without) > 0)), Timing()
        looked_at: Picture = picture if crop is None else crop.of(load_picture(picture))
        embedding = self._embed([looked_at, *without], timing)
        if query.blended:
            embedding = blend(embedding[:1], embedding[1:])[None]
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
        vector: Floats = segment.take([record.row])[0]
        return vector

    def vectors(self) -> tuple[list[PictureRecord], Floats]:
        """Every picture by ascending id, and their embeddings `(N, dim) float32` in the same order."""
        records = self.pictures()
        matrix = np.empty((len(records), self.dim), dtype=np.float32)
        for segment in self._segments:
            mine = [(place, record.row) for place, record in enumerate(records) if record.segment == segment.id]
            if mine:
                places, rows = np.array(mine).T
                matrix[places] = segment.take(rows)
        return records, matrix

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
            columns=self._catalog.metadata.infos(),
        )

    def labels(self) -> dict[str, int]:
        """Pictures a label, by label."""
        return self._catalog.label_counts()

    def count(self, where: Where | None = None) -> int:
        """How many pictures a filter takes in; raises QueryError for one that cannot be."""
        return self._catalog.count_where(condition_of(where))

    def ids(self, where: Where | None = None) -> list[int]:
        """Ids of the pictures that a filter takes in, ascending; all of them without a filter. Raises as `count`."""
        return self._catalog.metadata.numbers("pictures.id", condition_of(where))

    def columns(self) -> dict[str, ColumnType]:
        """Name -> type of each column of metadata that a filter can name, beside `search.metadata.BUILT_IN`."""
        return self._catalog.metadata.columns()

    def metadata(self, picture_ids: Sequence[int]) -> dict[int, dict[str, Told]]:
        """Id -> column -> value, without the columns in which a picture has none; pictures without any may lack."""
        return self._catalog.metadata.of(picture_ids)

    # Steps -------------------------------------------------------------------------------------------------------

    def _open(self, record: SegmentRecord, before: SearchEngine | None) -> Segment:
        dead = self._catalog.tombstones(record.id)
        if before is not None and before._records.get(record.id) == record:
            return next(segment for segment in before._segments if segment.id == record.id).with_dead(dead)
        device = resolve_device(self._device, record.kind)
        return open_segment(self.folder, record, self._files, self.dim, dead, device)

    def _load_encoder(self) -> Encoder:
        from search.encoders import load_encoder

        place = stored_encoder(self.folder, self._settings)
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
        """Search every segment, merge by distance, and join the catalog; ties are answered by ascending id."""
        most = self._known_threshold(query)
        merged: list[list[Hit]] = [[] for _ in queries]
        for segment in self._segments:
            chosen = None
            if query.condition is not None:
                chosen = self._masks.mask(segment.id, len(segment.vectors), query.condition)
            distances, rows = segment.search(queries, query.k, chosen)
            pictures = self._catalog.pictures_at(segment.id, np.unique(rows[rows >= 0]).tolist())
            for hits, near, found in zip(merged, distances, rows, strict=True):
                near_enough = found if most is None else np.where(near.astype(np.float64) <= most, found, -1)
                hits += hits_of(pictures, near, near_enough, None if query.blended else self.calibration)
        return with_metadata(self._catalog, [nearest(hits, query.k) for hits in merged])

    def _checked(self, query: Query) -> Query:
        """Refuse what cannot be answered before a picture is decoded."""
        self._known_threshold(query)
        if query.condition is not None:
            self._catalog.metadata.check(query.condition)
        return query

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
