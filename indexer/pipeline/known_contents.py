"""Contents that have a vector already, in the index or staged, so that nothing is embedded twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.pipeline.content_hash import is_stamp
from indexer.pipeline.stored_vectors import StoredVectors
from search.chunks import chunks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from indexer.pipeline.staging import Staging
    from search.store.catalog import Catalog
    from search.types import Floats

_BLOCK = 2_000
"""Vectors read at once."""


class KnownContents:
    """The contents of a catalog and of a staging file; safe to use from any thread."""

    def __init__(self, catalog: Catalog | None, staging: Staging | None) -> None:
        """Wrap both; `catalog` is None if its vectors belong to another encoder, `staging` if nothing is staged."""
        self._catalog = catalog
        self._staging = staging
        self._mapped: StoredVectors | None = None

    def __contains__(self, content: str) -> bool:
        return self.size(content) is not None

    def size(self, content: str) -> tuple[int, int] | None:
        """Width and height in pixels of a content with a vector; None if it has no vector."""
        staged = None if self._staging is None else self._staging.size(content)
        if staged is not None or self._catalog is None:
            return staged
        record = self._catalog.places.of_contents([content]).get(content)
        return None if record is None else (record.width, record.height)

    def digests(self) -> NDArray[np.bytes_]:
        """All contents of files as 20 bytes each, ascending, to be sent to other processes."""
        pages = [] if self._staging is None else list(self._staging.contents())
        if self._catalog is not None:
            pages += [[each.content for each in page] for page in self._catalog.pictures.pages()]
        known = {bytes.fromhex(content) for page in pages for content in page if not is_stamp(content)}
        return np.array(sorted(known), dtype="S20")

    def vectors(self, contents: Sequence[str]) -> Iterator[Floats]:
        """Blocks `(n, dim) float32` of the vectors of known contents, in their order."""
        for block in chunks(contents, _BLOCK):
            vectors = {} if self._staging is None else self._staging.vectors(block)
            vectors |= self._stored([content for content in block if content not in vectors])
            yield np.stack([vectors[content] for content in block])

    def _stored(self, contents: list[str]) -> dict[str, Floats]:
        if self._catalog is None or not contents:
            return {}
        places = self._catalog.places.of_contents(contents)
        ordered = [(places[content].segment, places[content].row) for content in contents]
        return dict(zip(contents, self._vectors_of(self._catalog).take(ordered), strict=True))

    def _vectors_of(self, catalog: Catalog) -> StoredVectors:
        if self._mapped is None:
            self._mapped = StoredVectors(catalog, int(catalog.settings()["dim"]))
        return self._mapped
