"""The client: what a `SearchEngine` answers, from a service."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from search.client import results
from search.client.asked import blended, plain_options
from search.client.client_reader import ClientReader, rows_of
from search.client.pictures import MOST_AT_ONCE, Sent, pages
from search.config import IdentifyConfig, QueryConfig, VerifyConfig
from search.counts import picture_number
from search.errors import QueryError
from search.query.query import only_hits
from search.recognition.calibration import Calibration
from search.recognition.cut_points import CutPoints
from search.types import Text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from search.config import References
    from search.crop import Crop
    from search.explanation.heat_maps import Explanation
    from search.query.query import SearchOptions
    from search.recognition.calibration import Verification
    from search.recognition.identities import Identification, Identity
    from search.types import Answer, Example, Floats, Hit, Picture


class Client(ClientReader):
    """An index of a service. Safe to use from several threads.

    Every call is answered from the newest snapshot. Paths are read on this machine; what is sent is their bytes. Each
    method raises what that of a `SearchEngine` raises, and ServiceError if the service cannot be reached or refuses.
    """

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
        """As `SearchEngine.search`."""
        return self.ask(picture, k, without=without, crop=crop, views=views, **only_hits(options)).hits

    def search_text(
        self,
        text: str | Sequence[str],
        k: int = QueryConfig.k,
        *,
        without: Sequence[Example] = (),
        **options: Unpack[SearchOptions],
    ) -> list[Hit]:
        """As `SearchEngine.search_text`."""
        texts = [Text(each) for each in ([text] if isinstance(text, str) else text)]
        if len(texts) == 1:
            return self.search(texts[0], k, without=without, **options)
        return self.search_together(texts, k, without=without, **options)

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
        """As `SearchEngine.search_together`."""
        options = only_hits(options)
        return self.ask_together(pictures, k, weights=weights, without=without, views=views, **options).hits

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
        """As `SearchEngine.ask`."""
        sent = Sent()
        body = {
            "query": sent.example(picture, "query"),
            "crop": None if crop is None else list(crop.ends),
            **blended(sent, without, views=views, audit=audit),
        }
        return self._ask(body, k, options, sent)

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
        """As `SearchEngine.ask_together`."""
        if len(pictures) == 0:
            raise QueryError("nothing to search from: name at least one picture or text")
        sent = Sent()
        body = {
            "query": [sent.example(each, f"query[{at}]") for at, each in enumerate(pictures)],
            "weights": None if weights is None else [float(each) for each in weights],
            **blended(sent, without, views=views, audit=audit),
        }
        return self._ask(body, k, options, sent)

    def ask_vectors(
        self, vectors: Floats, k: int = QueryConfig.k, *, audit: bool = False, **options: Unpack[SearchOptions]
    ) -> list[Answer]:
        """As `SearchEngine.ask_vectors`."""
        rows = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
        return [self._ask({"query": {"vector": row}, "audit": audit}, k, options, Sent()) for row in rows.tolist()]

    def search_many(
        self,
        pictures: Sequence[Picture],
        k: int = QueryConfig.k,
        *,
        views: bool = QueryConfig.views,
        **options: Unpack[SearchOptions],
    ) -> list[list[Hit]]:
        """As `SearchEngine.search_many`."""
        found: list[list[Hit]] = []
        for page, sent in pages(pictures, "queries"):
            queries = [{"picture": text} for text in page]
            found += self._batch({"queries": queries, "views": views}, k, options, sent)
        return found

    def search_vectors(
        self, vectors: Floats, k: int = QueryConfig.k, **options: Unpack[SearchOptions]
    ) -> list[list[Hit]]:
        """As `SearchEngine.search_vectors`."""
        rows = np.atleast_2d(np.asarray(vectors, dtype=np.float32)).tolist()
        queries = [{"vector": row} for row in rows]
        starts = range(0, max(1, len(queries)), MOST_AT_ONCE)
        parts = [self._batch({"queries": queries[at : at + MOST_AT_ONCE]}, k, options, Sent()) for at in starts]
        return [hits for part in parts for hits in part]

    def search_id(self, picture_id: int, k: int = QueryConfig.k, **options: Unpack[SearchOptions]) -> list[Hit]:
        """As `SearchEngine.search_id`."""
        return self._ask({"query": {"id": picture_number(picture_id)}}, k, only_hits(options), Sent()).hits

    def _ask(self, body: dict[str, Any], k: int, options: SearchOptions, sent: Sent) -> Answer:
        plain = self._service.post("/v1/search", {**body, **plain_options(k, options)}, sent.names)
        return results.answer_of(plain)

    def _batch(self, body: dict[str, Any], k: int, options: SearchOptions, sent: Sent) -> list[list[Hit]]:
        plain = self._service.post("/v1/search:batch", {**body, **plain_options(k, options)}, sent.names)
        return [results.hits_of(each, plain["types"]) for each in plain["answers"]]

    # Embeddings --------------------------------------------------------------------------------------------------

    @property
    def embeds_text(self) -> bool:
        """Whether the encoder embeds texts too."""
        return bool(self._info()["embeds_text"])

    def embed(self, picture: Picture) -> Floats:
        """As `SearchEngine.embed`."""
        embedding: Floats = self.embed_many([picture])[0]
        return embedding

    def embed_many(self, pictures: Sequence[Picture]) -> Floats:
        """As `SearchEngine.embed_many`."""
        parts = [
            self._service.post("/v1/embed", {"pictures": page}, sent.names)
            for page, sent in pages(pictures, "pictures")
        ]
        return np.concatenate([rows_of(part["embeddings"], part["dim"]) for part in parts])

    def embed_text(self, text: str) -> Floats:
        """As `SearchEngine.embed_text`."""
        plain = self._service.post("/v1/embed", {"texts": [Text(text).text]}, {})
        embedding: Floats = rows_of(plain["embeddings"], plain["dim"])[0]
        return embedding

    # Verification and identification -----------------------------------------------------------------------------

    @property
    def calibration(self) -> Calibration | None:
        """The calibration of the index; None if it is not calibrated."""
        plain = self._info()["full_calibration"]
        return None if plain is None else Calibration.from_dict(plain)

    @property
    def cut_points(self) -> CutPoints | None:
        """The distances by which `Hit.strength` is chosen; None if none were measured for the encoder."""
        plain = self._info()["cut_points"]
        return None if plain is None else CutPoints(*plain)

    def verify(
        self, a: Picture, b: Picture | Sequence[Picture], references: References = VerifyConfig.references
    ) -> Verification:
        """As `SearchEngine.verify`."""
        sent = Sent()
        body: dict[str, Any] = {"a": sent.picture(a, "a"), "references": references}
        if isinstance(b, list | tuple):
            body["b"] = [sent.picture(each, f"b[{at}]") for at, each in enumerate(b)]
        else:
            body["b"] = sent.picture(b, "b")  # type: ignore[arg-type]
        return results.verification_of(self._service.post("/v1/verify", body, sent.names))

    def explain(self, a: Picture, b: Picture) -> Explanation:
        """As `SearchEngine.explain`."""
        sent = Sent()
        body = {"a": sent.picture(a, "a"), "b": sent.picture(b, "b")}
        return results.explanation_of(self._service.post("/v1/explain", body, sent.names))

    def identify(self, picture: Picture, config: IdentifyConfig | None = None) -> Identification:
        """As `SearchEngine.identify`."""
        sent = Sent()
        body = {"picture": sent.picture(picture, "picture"), **asdict(config or IdentifyConfig())}
        return results.identification_of(self._service.post("/v1/identify", body, sent.names))

    def identities(self) -> list[Identity]:
        """As `SearchEngine.identities`."""
        return [results.identity_of(each) for each in self._service.get("/v1/identities")["identities"]]

    def reference(self, name: str, number: int = 0, side: int = 320) -> bytes:
        """A small JPEG of a reference picture of an identity; `number` counts from 0.

        Raises:
            QueryError: there is no such identity or picture.
            PictureError: its file cannot be read.
        """
        return self._service.get_bytes("/v1/identities/reference", name=name, number=number, side=side)
