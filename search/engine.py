"""The search engine: the public interface to an open index. It combines decoding, encoding, search and the catalog."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from search.config import Device, QueryConfig, VerifyConfig
from search.forks import watch
from search.query.embedding import Embedder, unit_queries
from search.query.examples import Asking
from search.query.query import Query, only_hits, shows_options
from search.query.segment_search import SegmentSearch
from search.reader import IndexReader
from search.recognition.recognition import Recognition
from search.store.address import store_address
from search.store.stores import open_store
from search.types import Answer, Hit, IndexInfo, Text, Timing

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Unpack

    from search.config import IdentifyConfig, References
    from search.crop import Crop
    from search.encoders.base import Encoder
    from search.explanation.heat_maps import Explanation
    from search.query.query import SearchOptions
    from search.recognition.calibration import Calibration, Verification
    from search.recognition.cut_points import CutPoints
    from search.recognition.identities import Gallery, Identification, Identity
    from search.store.contract import Store
    from search.types import Example, Floats, Picture


@shows_options
class SearchEngine(IndexReader):
    """An open index. Safe to use from several threads.

    That of an index folder is a snapshot, which later commits do not change; that of a Milvus collection follows it.
    """

    def __init__(self, store: Store, *, before: SearchEngine | None = None) -> None:
        """Search a store: use `open_index` instead. `refresh` passes itself as `before`."""
        super().__init__(store)
        self._device: Device = store.device
        self._embedder: Embedder = Embedder(store, None if before is None else before._embedder)
        self._recognition = Recognition(store, self._embedder)
        self._segment_search = SegmentSearch(store, self._known, self._recognition)
        self._asking = Asking(self._embedder, self._segment_search)
        watch(self)

    def __reduce__(self) -> tuple[partial[SearchEngine], tuple[Path | str]]:
        """Pickle the address and the device only: unpickling, as in a spawned process, opens the index again."""
        address = self.address
        return partial(open_index, device=self._device), (address if isinstance(address, str) else address.absolute(),)

    def after_fork(self, lost: Any) -> None:
        """Drop, in a forked child, everything that belongs to the parent process: see `search.forks`."""
        self._store = self._embedder = self._known = self._recognition = self._segment_search = self._asking = lost

    def refresh(self) -> SearchEngine:
        """Return an engine for the newest snapshot: this one if nothing was committed since, otherwise a new one.

        A new engine shares the encoder and the segments that did not change, so that refreshing is cheap. This engine
        keeps its snapshot: close it when it is no longer used.
        """
        return SearchEngine(self._store.newest(), before=self) if self.stale else self

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
    def encoder(self) -> Encoder:
        """The encoder stored with the index, loaded on first use; raises EncoderError if it is damaged."""
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

    def info(self) -> IndexInfo:
        """Size, encoder, segments, columns and calibration of the index, as `twinlens info` shows them."""
        info, calibration = self._store.info(), self.calibration
        return info if calibration is None else replace(info, calibration=calibration.summary())


def open_index(folder: str | os.PathLike[str], *, device: Device = QueryConfig.device) -> SearchEngine:
    """Open an index for searching.

    Args:
        folder: the index folder, as given to `twinlens build --index`, or the URI of a Milvus collection.
        device: where to encode and search; `auto` uses a GPU if there is one.

    Raises:
        IndexFolderError: there is no index, or it is unfinished or damaged.
        StoreError: there is no index in the collection, or its server cannot be reached.
        UnsupportedError: the device is not available, or the package of the store is missing.
    """
    return SearchEngine(open_store(store_address(folder), device))
