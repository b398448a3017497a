"""What an index of a service holds: its pictures, metadata and vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from search.client import results
from search.client.filter_text import text_filter
from search.client.http import Connection
from search.client.pictures import id_pages
from search.counts import check_count, picture_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from search.filters.columns import ColumnType, MetadataValue
    from search.query.collection_map import CollectionMap
    from search.query.query import Where
    from search.store.records import PictureRecord
    from search.types import Floats, IndexInfo

_PAGE = 1_000
"""Pictures of one answer."""


class ClientReader:
    """Reads one index of a service; a `Client` also searches it.

    Every call is answered from the newest snapshot.
    """

    stale = False
    """An answer always is of the newest snapshot."""

    def __init__(
        self,
        url: str,
        index: str | None = None,
        *,
        key: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Use a service.

        Args:
            url: its address, such as `http://127.0.0.1:8080`.
            index: name of the index. Defaults to the only one.
            key: an API key.
            transport: a transport of httpx that takes the place of the network.
        """
        self._index = index
        self._service = Connection(url, index, key, transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._service.close()

    def refresh(self) -> Self:
        """Return this client, whose answers always are of the newest snapshot."""
        return self

    # Pictures ----------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Number of pictures in the index."""
        return self.count()

    def picture(self, picture_id: int) -> PictureRecord:
        """As `SearchEngine.picture`."""
        return results.record_of(self._service.get(f"/v1/pictures/{picture_number(picture_id)}"))

    def thumbnail(self, picture_id: int, side: int = 320) -> bytes:
        """A small JPEG of a picture; raises as `picture`, and PictureError if its file cannot be read."""
        return self._service.get_bytes(f"/v1/pictures/{picture_number(picture_id)}/thumbnail", side=side)

    def image(self, picture_id: int) -> bytes:
        """The file of a picture; raises as `thumbnail`."""
        return self._service.get_bytes(f"/v1/pictures/{picture_number(picture_id)}/image")

    def pictures(self, *, after: int = 0, limit: int = -1) -> list[PictureRecord]:
        """As `SearchEngine.pictures`."""
        limit = check_count("limit", limit, least=-1)
        found: list[PictureRecord] = []
        while limit < 0 or len(found) < limit:
            size = _PAGE if limit < 0 else min(_PAGE, limit - len(found))
            page = self._service.get("/v1/pictures", after=after, limit=size)["pictures"]
            found += map(results.record_of, page)
            if len(page) < size:
                break
            after = page[-1]["id"]
        return found

    def pictures_of(self, picture_ids: Sequence[int]) -> list[PictureRecord]:
        """As `SearchEngine.pictures_of`."""
        ids = sorted({picture_number(each) for each in picture_ids})
        found = [self._service.post("/v1/pictures:records", {"ids": page}, {}) for page in id_pages(ids)]
        return [results.record_of(each) for page in found for each in page["pictures"]]

    def labels(self) -> dict[str, int]:
        """As `SearchEngine.labels`."""
        return dict(self._service.get("/v1/labels")["labels"])

    def count(self, where: Where | None = None) -> int:
        """As `SearchEngine.count`."""
        return int(self._service.get("/v1/count", where=text_filter(where))["count"])

    def ids(self, where: Where | None = None) -> list[int]:
        """As `SearchEngine.ids`."""
        return list(self._service.get("/v1/ids", where=text_filter(where))["ids"])

    def columns(self) -> dict[str, ColumnType]:
        """As `SearchEngine.columns`."""
        return dict(self._service.get("/v1/columns")["columns"])

    def metadata(self, picture_ids: Sequence[int]) -> dict[int, dict[str, MetadataValue]]:
        """As `SearchEngine.metadata`."""
        found: dict[int, dict[str, MetadataValue]] = {}
        for ids in id_pages(picture_ids):
            plain = self._service.post("/v1/pictures:metadata", {"ids": ids}, {})
            found |= {int(key): results.metadata_of(row, plain["types"]) for key, row in plain["metadata"].items()}
        return found

    def values(self, column: str) -> dict[int, MetadataValue]:
        """As `SearchEngine.values`."""
        plain = self._service.get("/v1/values", column=column)
        kind = plain["types"].get(column)
        return {int(key): results.value_of(value, kind) for key, value in plain["values"].items()}

    def texts(self, column: str, most: int) -> list[str]:
        """As `SearchEngine.texts`."""
        return list(self._service.get("/v1/texts", column=column, most=most)["texts"])

    # Vectors -----------------------------------------------------------------------------------------------------

    def vector(self, picture_id: int) -> Floats:
        """As `SearchEngine.vector`."""
        vector: Floats = self.vectors_of([picture_id])[0]
        return vector

    def vectors_of(self, ids: Sequence[int]) -> Floats:
        """As `SearchEngine.vectors_of`."""
        parts = [self._service.post("/v1/pictures:vectors", {"ids": page}, {}) for page in id_pages(ids)]
        return np.concatenate([rows_of(part["vectors"], part["dim"]) for part in parts])

    def vectors(self) -> tuple[list[PictureRecord], Floats]:
        """As `SearchEngine.vectors`; a commit between its requests may show."""
        records = self.pictures()
        return records, self.vectors_of([record.id for record in records])

    # Map and description -----------------------------------------------------------------------------------------

    @property
    def dim(self) -> int:
        """Number of dimensions of an embedding."""
        return int(self._info()["dim"])

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the encoder that made the vectors."""
        return str(self._info()["fingerprint"])

    def map(self) -> CollectionMap | None:
        """As `SearchEngine.map`."""
        plain = self._service.get("/v1/map")["map"]
        return None if plain is None else results.map_of(plain)

    def info(self) -> IndexInfo:
        """As `SearchEngine.info`; the path is that on the machine of the service."""
        return results.info_of(self._info())

    @property
    def snapshot(self) -> str:
        """A text that changes with each commit, and that costs the service little; empty while the index is opened."""
        listed = self._service.get("/v1/indexes")["indexes"]
        return str(next((each["snapshot"] for each in listed if self._index in (None, each["name"])), ""))

    def _info(self) -> Any:
        return self._service.get("/v1/info")


def rows_of(plain: Sequence[Sequence[float]], dim: int) -> Floats:
    """Vectors `(N, dim) float32` of an answer."""
    return np.array(plain, dtype=np.float32).reshape(len(plain), dim)
