"""The engine: decode, encode, search the segments, merge, and join the catalog. The only place where those meet."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from search.chunks import chunks
from search.config import Device, QueryConfig, VerifyConfig
from search.errors import QueryError
from search.filters.language import condition_of
from search.forks import watch
from search.pictures.decode import load_picture
from search.query.blend import blend
from search.query.embedding import DECODED_AT_ONCE, Embedder
from search.query.known_pictures import KnownPictures, index_info
from search.query.query import Query, shows_options
from search.query.segment_search import SegmentSearch
from search.recognition.recognition import Recognition
from search.store.snapshot import Snapshot
from search.types import Answer, Hit, IndexInfo, Timing

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import Unpack

    from search.config import IdentifyConfig, References
    from search.encoders.base import Encoder
    from search.filters.columns import ColumnType, MetadataValue
    from search.query.blend import Crop
    from search.query.query import SearchOptions, Where
    from search.recognition.calibration import Calibration, Verification
    from search.recognition.identities import Gallery, Identification, Identity
    from search.store.catalog import Catalog
    from search.store.records import PictureRecord
    from search.store.segments import Segment
    from search.types import Floats, Mask, Picture


@shows_options
class SearchEngine:
    """An open index folder: a snapshot of it, which later commits do not change. Usable from several threads."""

    def __init__(
        self, folder: Path, *, device: Device = QueryConfig.device, before: SearchEngine | None = None
    ) -> None:
        """Open the newest snapshot of an index folder; see `open_index`, and `refresh` for the engine `before`."""
        self.folder = folder
        self._device: Device = device
        self._snapshot: Snapshot = Snapshot.newest(folder, device, None if before is None else before._snapshot)
        self._embedder: Embedder = Embedder(self._snapshot, None if before is None else before._embedder)
        self._known = KnownPictures(self._snapshot)
        self._recognition = Recognition(self._snapshot, self._embedder)
        self._segment_search = SegmentSearch(self._snapshot, self._known, self._recognition)
        watch(self)

    def __enter__(self) -> Self:
        self._snapshot.require_open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[partial[SearchEngine], tuple[Path]]:
        """Pickle as the folder and the device: whoever loads it, such as a spawned process, opens the index again."""
        return partial(open_index, device=self._device), (self.folder.absolute(),)

    def after_fork(self, lost: Any) -> None:
        """Give up, in a child of this process, all that belongs to the parent: see `search.forks`."""
        self._snapshot = self._embedder = self._known = self._recognition = self._segment_search = lost

    def close(self) -> None:
        """Let go of the snapshot; what is called after that, but a second `close`, raises IndexClosedError."""
        self._snapshot.close()

    @property
    def stale(self) -> bool:
        """Whether a commit came after this snapshot: open the index again to see it."""
        return self._snapshot.stale

    def refresh(self) -> SearchEngine:
        """The engine of the newest snapshot: this one where nothing was committed since, else another one.

        The other one takes over what did not change, the encoder and the segments with their structures, so that it
        costs little. This one stays as it is: close it when nobody asks it any more.
        """
        return SearchEngine(self.folder, device=self._device, before=self) if self.stale else self

    # Search ------------------------------------------------------------------------------------------------------

    def search(
        self,
        picture: Picture,
        k: int = QueryConfig.k,
        *,
        without: Sequence[Picture] = (),
        crop: Crop | None = None,
        **options: Unpack[SearchOptions],
    ) -> list[Hit]:
        """Find the k pictures of the collection that look most like a picture, nearest first.

        Args:
            picture: a path, the bytes of a file, an open file, a PIL image or an array.
            k: how many hits; fewer where the index, or what the filter leaves of it, holds fewer.
            without: pictures; what looks like them comes later (`search.query.blend`). Distances are then measured
                to the blend, and there are no probabilities.
            crop: the part of the picture to look at; None: all of it.
            where: a filter (`search.filters.language`), such as `"label = shoe and width > 100"` or
                `{"label": "shoe"}`: only pictures that match it may answer.
            same_only: return only pictures that the calibration takes for the same thing; perhaps none.
            collapse: return near copies (`search.query.copy_threshold`) once: k hits that differ, with their `copies`.

        Raises:
            PictureError: the picture cannot be read.
            QueryError: k < 1, an invalid filter, or `same_only` where nothing was calibrated.
        """
        return self.ask(picture, k, without=without, crop=crop, **options).hits

    def ask(
        self,
        picture: Picture,
        k: int = QueryConfig.k,
        *,
        without: Sequence[Picture] = (),
        crop: Crop | None = None,
        **options: Unpack[SearchOptions],
    ) -> Answer:
        """`search`, with the seconds that each step took."""
        query, timing = self._checked(k, options, blended=len(without) > 0), Timing()
        start = time.perf_counter()
        looked_at: Picture = picture if crop is None else crop.of(load_picture(picture))
        timing.decode = time.perf_counter() - start
        embedding = self._embedder.embed([looked_at, *without], timing)
        if query.blended:
            embedding = blend(embedding[:1], embedding[1:])[None]
        start = time.perf_counter()
        hits = self._segment_search.answer(embedding, query)[0]
        timing.search = time.perf_counter() - start
        return Answer(hits, timing)

    def search_together(
        self,
        pictures: Sequence[Picture],
        k: int = QueryConfig.k,
        *,
        weights: Sequence[float] | None = None,
        without: Sequence[Picture] = (),
        **options: Unpack[SearchOptions],
    ) -> list[Hit]:
        """Find what looks like several pictures at once: one query of their weighted mean (`search.query.blend`).

        Raises:
            PictureError: a picture cannot be read.
            QueryError: as of `search`; weights that do not fit; pictures that cancel out; or `same_only`, which
            compares a picture with a picture.
        """
        query = self._checked(k, options, blended=True)
        vectors = self.embed_many([*pictures, *without])
        blended = blend(vectors[: len(pictures)], vectors[len(pictures) :], weights)
        return self._segment_search.answer(blended[None], query)[0]

    def search_many(
        self, pictures: Sequence[Picture], k: int = QueryConfig.k, **options: Unpack[SearchOptions]
    ) -> list[list[Hit]]:
        """Answer several pictures, each on its own: one list of hits a picture, in their order; raises as `search`."""
        query = self._checked(k, options)
        answers: list[list[Hit]] = []
        for chunk in chunks(pictures, DECODED_AT_ONCE):
            vectors = self.embed_many(chunk)
            answers += self._segment_search.answer(vectors, query)
        return answers

    def search_vectors(
        self, vectors: Floats, k: int = QueryConfig.k, **options: Unpack[SearchOptions]
    ) -> list[list[Hit]]:
        """Answer embeddings `(Q, dim) float32`, unit rows of this index's encoder; raises QueryError as `search`."""
        queries = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
        if queries.shape[1] != self.dim:
            raise QueryError(f"vectors of length {queries.shape[1]} cannot be searched in an index of {self.dim}")
        if not np.allclose(np.linalg.norm(queries, axis=1), 1.0, atol=1e-3):
            raise QueryError("vectors must be of unit length: divide each by its Euclidean norm")
        return self._segment_search.answer(queries, Query.of(k, options))

    def search_id(self, picture_id: int, k: int = QueryConfig.k, **options: Unpack[SearchOptions]) -> list[Hit]:
        """Find what looks like a picture of the collection, by its stored embedding; it is its own first answer."""
        return self.search_vectors(self.vectors_of([picture_id]), k, **options)[0]

    def _checked(self, k: int, options: SearchOptions, *, blended: bool = False) -> Query:
        return self._segment_search.checked(Query.of(k, options, blended=blended))

    # Embeddings --------------------------------------------------------------------------------------------------

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._snapshot.dim

    @property
    def fingerprint(self) -> str:
        """Of the encoder that made the vectors."""
        return self._snapshot.fingerprint

    @property
    def encoder(self) -> Encoder:
        """The encoder that the folder carries, loaded when first needed; raises EncoderError where it is damaged."""
        return self._embedder.encoder

    def embed(self, picture: Picture) -> Floats:
        """Embed one picture as a `(dim,) float32` unit vector; raises PictureError where it cannot be read."""
        embedding: Floats = self.embed_many([picture])[0]
        return embedding

    def embed_many(self, pictures: Sequence[Picture]) -> Floats:
        """Embed pictures as `(N, dim) float32` unit rows; raises as `embed`."""
        return self._embedder.embed(pictures)

    def vector(self, picture_id: int) -> Floats:
        """The stored embedding of one picture, `(dim,) float32`; raises as `vectors_of`."""
        vector: Floats = self.vectors_of([picture_id])[0]
        return vector

    def vectors_of(self, ids: Sequence[int]) -> Floats:
        """The stored embeddings of pictures, `(N, dim) float32` in the order of their ids; raises as `picture`."""
        return self._known.vectors_of(ids)

    def vectors(self) -> tuple[list[PictureRecord], Floats]:
        """Every picture by ascending id, and their embeddings `(N, dim) float32` in the same order."""
        return self._known.vectors()

    # Verification and identification -----------------------------------------------------------------------------

    @property
    def calibration(self) -> Calibration | None:
        """What `twinlens calibrate` measured of this index; None where it was not run."""
        return self._recognition.calibration

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
        return self._recognition.verify(a, b, references)

    def identify(self, picture: Picture, config: IdentifyConfig | None = None) -> Identification:
        """Say whom of the enrolled a picture shows, or that it shows none of them.

        Raises:
            PictureError: the picture cannot be read, or is too poor (unless forced); the reason says why.
            QueryError: nobody is enrolled, or there is neither a calibration nor a threshold to decide by.
        """
        return self._recognition.identify(picture, config)

    def identities(self) -> list[Identity]:
        """Everybody that `identify` can recognise, by name."""
        return self._recognition.identities()

    @property
    def gallery(self) -> Gallery:
        """Everybody enrolled in this snapshot, with the embeddings of their reference pictures."""
        return self._recognition.gallery

    # What the index holds ----------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Pictures in the index."""
        return len(self._known)

    @property
    def catalog(self) -> Catalog:
        """The catalog of this snapshot; read-only."""
        return self._snapshot.catalog

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The blocks of vectors of this snapshot, oldest first; read-only."""
        return self._snapshot.segments

    def chosen(self, segment: Segment, where: Where | None) -> Mask | None:
        """Rows of a segment that a filter takes in, `(N,) bool`; None for all. Raises QueryError as `count`."""
        self._snapshot.require_open()
        return self._segment_search.mask(segment, condition_of(where))

    def picture(self, picture_id: int) -> PictureRecord:
        """What the catalog knows of one picture; raises QueryError where no picture has this id."""
        return self._known.record(picture_id)

    def pictures(self, *, after: int = 0, limit: int = -1) -> list[PictureRecord]:
        """Pictures by ascending id, from the first id above `after`; all of them unless limited."""
        return self._known.records(after=after, limit=limit)

    def labels(self) -> dict[str, int]:
        """Pictures a label, by label."""
        return self._known.labels()

    def count(self, where: Where | None = None) -> int:
        """How many pictures a filter takes in; raises QueryError for one that cannot be."""
        return self._known.count(where)

    def ids(self, where: Where | None = None) -> list[int]:
        """Ids of the pictures that a filter takes in, ascending; all of them without a filter. Raises as `count`."""
        return self._known.ids(where)

    def columns(self) -> dict[str, ColumnType]:
        """Name -> type of each column of metadata that a filter can name, beside `search.filters.columns.BUILT_IN`."""
        return self._known.columns()

    def metadata(self, picture_ids: Sequence[int]) -> dict[int, dict[str, MetadataValue]]:
        """Id -> column -> value, without the columns in which a picture has none; pictures without any may lack."""
        return self._known.metadata(picture_ids)

    def info(self) -> IndexInfo:
        """What the folder holds."""
        return index_info(self._snapshot, self.calibration)


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
