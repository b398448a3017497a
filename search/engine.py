"""The search engine: the public interface to an open index. It combines decoding, encoding, search and the catalog."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from search.config import Device, QueryConfig, VerifyConfig
from search.filters.language import condition_of
from search.forks import watch
from search.query.collection_map import collection_map
from search.query.embedding import Embedder, unit_queries
from search.query.examples import Asking
from search.query.known_pictures import KnownPictures, index_info
from search.query.query import Query, only_hits, shows_options
from search.query.segment_search import SegmentSearch
from search.recognition.recognition import Recognition
from search.store.snapshot import Snapshot
from search.types import Answer, Hit, IndexInfo, Text, Timing

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import Unpack

    from search.config import IdentifyConfig, References
    from search.crop import Crop
    from search.encoders.base import Encoder
    from search.explanation.heat_maps import Explanation
    from search.filters.columns import ColumnType, MetadataValue
    from search.query.collection_map import CollectionMap
    from search.query.query import SearchOptions, Where
    from search.recognition.calibration import Calibration, Verification
    from search.recognition.cut_points import CutPoints
    from search.recognition.identities import Gallery, Identification, Identity
    from search.store.catalog import Catalog
    from search.store.records import PictureRecord
    from search.store.segments import Segment
    from search.types import Example, Floats, Mask, Picture


@shows_options
class SearchEngine:
    """An open index folder, as a snapshot that later commits do not change. Safe to use from several threads."""

    def __init__(
        self, folder: Path, *, device: Device = QueryConfig.device, before: SearchEngine | None = None
    ) -> None:
        """Open the newest snapshot of an index folder: see `open_index`. `refresh` passes itself as `before`."""
        self.folder = folder
        self._device: Device = device
        self._snapshot: Snapshot = Snapshot.newest(folder, device, None if before is None else before._snapshot)
        self._embedder: Embedder = Embedder(self._snapshot, None if before is None else before._embedder)
        self._known = KnownPictures(self._snapshot)
        self._recognition = Recognition(self._snapshot, self._embedder)
        self._segment_search = SegmentSearch(self._snapshot, self._known, self._recognition)
        self._asking = Asking(self._embedder, self._segment_search)
        watch(self)

    def __enter__(self) -> Self:
        self._snapshot.require_open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[partial[SearchEngine], tuple[Path]]:
        """Pickle the folder and the device only: unpickling, as in a spawned process, opens the index again."""
        return partial(open_index, device=self._device), (self.folder.absolute(),)

    def after_fork(self, lost: Any) -> None:
        """Drop, in a forked child, everything that belongs to the parent process: see `search.forks`."""
        self._snapshot = self._embedder = self._known = self._recognition = self._segment_search = self._asking = lost

    def close(self) -> None:
        """Release the snapshot. Any later call raises IndexClosedError, except a second `close`."""
        self._snapshot.close()

    @property
    def stale(self) -> bool:
        """Whether the index has changed since this snapshot: `refresh` opens the newest one."""
        return self._snapshot.stale

    def refresh(self) -> SearchEngine:
        """Return an engine for the newest snapshot: this one if nothing was committed since, otherwise a new one.

        A new engine shares the encoder and the segments that did not change, so that refreshing is cheap. This engine
        keeps its snapshot: close it when it is no longer used.
        """
        return SearchEngine(self.folder, device=self._device, before=self) if self.stale else self

    # Search ------------------------------------------------------------------------------------------------------

    def search(
        self,
        picture: Example,
        k: int = QueryConfig.k,
        *,
        without: Sequence[Example] = (),
        crop: Crop | None = None,
        views: bool = QueryConfig.views,
        **options: Unpack[SearchOptions],
    ) -> list[Hit]:
        """Find the k pictures of the index that are most similar to a picture, nearest first.

        Args:
            picture: a path, the bytes of a file, an open file, a PIL image or an array; or a `Text`: see `search_text`.
            k: number of hits. There are fewer if the index holds fewer pictures that match the filter.
            without: counterexamples, pictures or texts: pictures like them are ranked lower (`search.query.blend`).
                Distances are then those to the blend, and hits have neither a probability nor a strength.
            crop: part of the picture to search with. Defaults to all of it.
            views: search with the mean embedding of four views of each picture (`search.query.views`): itself and its
                middle, and both mirrored. Hits then have neither a probability nor a strength.
            where: a filter, such as `"label = shoe and width > 100"` or `{"label": "shoe"}`.
            same_only, collapse, radius, diversity, liked, disliked: see `SearchOptions`.

        Raises:
            PictureError: the picture cannot be read.
            QueryError: k < 1, the filter is invalid, a number is out of its range, or `same_only` is set and the index
                is not calibrated.
        """
        return self.ask(picture, k, without=without, crop=crop, views=views, **only_hits(options)).hits

    def search_text(
        self,
        text: str | Sequence[str],
        k: int = QueryConfig.k,
        *,
        without: Sequence[Example] = (),
        **options: Unpack[SearchOptions],
    ) -> list[Hit]:
        """Find the k pictures that fit a text best, nearest first; several texts are one query, as `search_together`.

        These hits have no probability, and a strength only if cut-points of texts were measured for the encoder.

        Raises:
            EncoderError: the encoder of the index embeds pictures only.
            QueryError: as `search`; or a text is empty, or longer than the encoder reads.
        """
        texts = [Text(each) for each in ([text] if isinstance(text, str) else text)]
        if len(texts) == 1:
            return self.search(texts[0], k, without=without, **options)
        return self.search_together(texts, k, without=without, **options)

    def ask(
        self,
        picture: Example,
        k: int = QueryConfig.k,
        *,
        without: Sequence[Example] = (),
        crop: Crop | None = None,
        views: bool = QueryConfig.views,
        audit: bool = False,
        **options: Unpack[SearchOptions],
    ) -> Answer:
        """As `search`; return also whether even the nearest hit is weak, and the seconds that each step took.

        With `audit`, also compare the hits with those of exact search: `Answer.audit`.
        """
        return self._asking.one(picture, k, without, crop, options, views=views, audit=audit)

    def ask_together(
        self,
        pictures: Sequence[Example],
        k: int = QueryConfig.k,
        *,
        weights: Sequence[float] | None = None,
        without: Sequence[Example] = (),
        views: bool = QueryConfig.views,
        audit: bool = False,
        **options: Unpack[SearchOptions],
    ) -> Answer:
        """As `search_together`; return what `ask` returns."""
        return self._asking.together(pictures, k, weights, without, options, views=views, audit=audit)

    def ask_vectors(
        self, vectors: Floats, k: int = QueryConfig.k, *, audit: bool = False, **options: Unpack[SearchOptions]
    ) -> list[Answer]:
        """As `search_vectors`, one vector at a time; return what `ask` returns for each."""
        queries, query = unit_queries(vectors, self.dim), self._segment_search.checked(Query.of(k, options))
        return [self._segment_search.ask(vector, query, Timing(), audit=audit) for vector in queries]

    def search_together(
        self,
        pictures: Sequence[Example],
        k: int = QueryConfig.k,
        *,
        weights: Sequence[float] | None = None,
        without: Sequence[Example] = (),
        views: bool = QueryConfig.views,
        **options: Unpack[SearchOptions],
    ) -> list[Hit]:
        """Search with several pictures as one query: the weighted mean of their embeddings (`search.query.blend`).

        A `Text` can be among them, and among the counterexamples.

        Raises:
            PictureError: a picture cannot be read.
            EncoderError: there is a text, and the encoder of the index embeds pictures only.
            QueryError: as `search`; or the weights are invalid, the pictures cancel out, or `same_only` is set.
        """
        options = only_hits(options)
        return self.ask_together(pictures, k, weights=weights, without=without, views=views, **options).hits

    def search_many(
        self,
        pictures: Sequence[Picture],
        k: int = QueryConfig.k,
        *,
        views: bool = QueryConfig.views,
        **options: Unpack[SearchOptions],
    ) -> list[list[Hit]]:
        """Search with each of several pictures; return one list of hits per picture, in order. Raises as `search`."""
        return self._asking.many(pictures, k, options, views=views)

    def search_vectors(
        self, vectors: Floats, k: int = QueryConfig.k, **options: Unpack[SearchOptions]
    ) -> list[list[Hit]]:
        """Search with embeddings `(Q, dim) float32`, unit rows made by the encoder of this index.

        Raises:
            QueryError: as `search`; or the vectors have another length than `dim`, or are not unit vectors.
        """
        return self._segment_search.answer(unit_queries(vectors, self.dim), Query.of(k, options))

    def search_id(self, picture_id: int, k: int = QueryConfig.k, **options: Unpack[SearchOptions]) -> list[Hit]:
        """Search with the stored embedding of a picture of the index; its first hit is normally the picture itself."""
        return self.search_vectors(self.vectors_of([picture_id]), k, **options)[0]

    # Embeddings --------------------------------------------------------------------------------------------------

    @property
    def dim(self) -> int:
        """Number of dimensions of an embedding."""
        return self._snapshot.dim

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the encoder that made the vectors."""
        return self._snapshot.fingerprint

    @property
    def encoder(self) -> Encoder:
        """The encoder stored in the index folder, loaded on first use; raises EncoderError if it is damaged."""
        return self._embedder.encoder

    def embed(self, picture: Picture) -> Floats:
        """Embed one picture as a `(dim,) float32` unit vector; raises PictureError if it cannot be read."""
        embedding: Floats = self.embed_many([picture])[0]
        return embedding

    def embed_many(self, pictures: Sequence[Picture]) -> Floats:
        """Embed pictures as `(N, dim) float32` unit rows; raises as `embed`."""
        return self._embedder.embed(pictures)

    @property
    def embeds_text(self) -> bool:
        """Whether the encoder embeds texts too, as `open_clip:NAME` does; it is not loaded for this."""
        return self._embedder.embeds_text

    def embed_text(self, text: str) -> Floats:
        """Embed a text as a `(dim,) float32` unit vector, to be compared with pictures; raises as `search_text`."""
        embedding: Floats = self._embedder.embed_texts([Text(text)])[0]
        return embedding

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
        """The result of `twinlens calibrate`; None if this index is not calibrated."""
        return self._recognition.calibration

    @property
    def cut_points(self) -> CutPoints | None:
        """The distances by which `Hit.strength` is chosen; None if none were measured for the encoder."""
        return self._recognition.cut_points

    def verify(
        self, a: Picture, b: Picture | Sequence[Picture], references: References = VerifyConfig.references
    ) -> Verification:
        """Verify whether two pictures show the same thing: distance and, if calibrated, probability and decision.

        Args:
            a: any picture.
            b: another picture, or a list or tuple of reference pictures of one thing.
            references: whether several references are compared by their mean embedding, or by the nearest of them. The
                error rates were measured on pairs of two pictures; several references change them.

        Raises:
            PictureError: a picture cannot be read.
            QueryError: there is no reference.
        """
        return self._recognition.verify(a, b, references)

    def explain(self, a: Picture, b: Picture) -> Explanation:
        """Show which parts of two pictures make them similar: two heat maps. Raises PictureError as `verify`."""
        from search.explanation.heat_maps import explain  # which needs Pillow

        return explain(self.encoder, a, b)

    def identify(self, picture: Picture, config: IdentifyConfig | None = None) -> Identification:
        """Identify which enrolled identity a picture shows, or that it shows none of them.

        With an encoder that finds faces, the result is that of the largest face; `everyone` has those of all faces.

        Raises:
            PictureError: the picture cannot be read, shows no face, or its quality is too poor and it is not forced;
                with the reason.
            QueryError: no identity is enrolled, or there is neither a calibration nor a threshold to decide by.
        """
        return self._recognition.identify(picture, config)

    def identities(self) -> list[Identity]:
        """All identities that `identify` can recognise, by name."""
        return self._recognition.identities()

    @property
    def gallery(self) -> Gallery:
        """All identities enrolled in this snapshot, with the embeddings of their reference pictures."""
        return self._recognition.gallery

    # What the index holds ----------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Number of pictures in the index."""
        return len(self._known)

    @property
    def catalog(self) -> Catalog:
        """The catalog of this snapshot; read-only."""
        return self._snapshot.catalog

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments of this snapshot, oldest first; read-only."""
        return self._snapshot.segments

    def chosen(self, segment: Segment, where: Where | None) -> Mask | None:
        """Rows of a segment that match a filter, `(N,) bool`; None without a filter. Raises as `count`."""
        self._snapshot.require_open()
        return self._segment_search.mask(segment, condition_of(where))

    def picture(self, picture_id: int) -> PictureRecord:
        """The record of one picture; raises QueryError if no picture has this id."""
        return self._known.record(picture_id)

    def pictures(self, *, after: int = 0, limit: int = -1) -> list[PictureRecord]:
        """At most `limit` pictures with an id above `after`, by ascending id; all of them by default."""
        return self._known.records(after=after, limit=limit)

    def labels(self) -> dict[str, int]:
        """Label -> number of pictures."""
        return self._known.labels()

    def count(self, where: Where | None = None) -> int:
        """Count the pictures that match a filter; raises QueryError if the filter is invalid."""
        return self._known.count(where)

    def ids(self, where: Where | None = None) -> list[int]:
        """Ids of the pictures that match a filter, ascending; all of them without a filter. Raises as `count`."""
        return self._known.ids(where)

    def columns(self) -> dict[str, ColumnType]:
        """Name -> type of the columns of metadata; a filter can use these and `search.filters.columns.BUILT_IN`."""
        return self._known.columns()

    def metadata(self, picture_ids: Sequence[int]) -> dict[int, dict[str, MetadataValue]]:
        """Id -> column -> value, without empty values; pictures without metadata may be missing."""
        return self._known.metadata(picture_ids)

    def values(self, column: str) -> dict[int, MetadataValue]:
        """Id -> value of one column, built in (`label`) or of metadata, for every picture with a value.

        Raises:
            QueryError: there is no such column.
        """
        return self._snapshot.catalog.metadata.of_column(column)

    def map(self) -> CollectionMap | None:
        """The kept map (`twinlens map --keep`) of all pictures; None if there is none for this encoder.

        Pictures added since are placed by their neighbours, at each call anew: keep the result.

        Raises:
            IndexFolderError: its file, or a vector that is needed, is damaged.
        """
        return collection_map(self._snapshot)

    def texts(self, column: str, most: int) -> list[str]:
        """At most `most` of the different values of a column of text, sorted; raises QueryError for another column."""
        return self._known.texts(column, most)

    def info(self) -> IndexInfo:
        """Size, encoder, segments, columns and calibration of the index, as `twinlens info` shows them."""
        return index_info(self._snapshot, self.calibration)


def open_index(folder: str | os.PathLike[str], *, device: Device = QueryConfig.device) -> SearchEngine:
    """Open an index folder for searching.

    Args:
        folder: the index folder, as given to `twinlens build --index`.
        device: where to encode and search; `auto` uses a GPU if there is one.

    Raises:
        IndexFolderError: there is no index, or it is unfinished or damaged.
        UnsupportedError: the device is not available.
    """
    return SearchEngine(Path(folder), device=device)
