"""The connection to a Milvus server, or to Milvus Lite in this process; every call is bounded in time and named.

pymilvus repeats a call that did not reach the server until its time is up. That is safe for every call made here: reads
change nothing, pictures are upserted and deleted by their id, and a collection is created under a name of its own.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from search.errors import IndexClosedError, StoreError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from search.store.address import MilvusAddress

TOKEN_VARIABLE = "MILVUS_TOKEN"
READ_SECONDS = 20.0
"""Longest time of a read, with all repetitions."""
WRITE_SECONDS = 120.0
"""The same for a write."""
BUILD_SECONDS = 24 * 3600.0
"""The same for building an index, and for loading a collection."""
_LONGEST_REASON = 300
_LITE_NEEDED = (
    "Milvus Lite is not installed. pip install milvus-lite brings faiss-cpu along, whose files overwrite those of"
    " faiss-gpu; where faiss-gpu is installed (Linux on x86-64): pip install --no-deps milvus-lite"
)

_lite_lock = threading.Lock()
_lite_users: Counter[str] = Counter()
"""Open connections of this process to each file of Milvus Lite, whose lock it holds while there are any."""


class Connection:
    """Calls the methods of one `pymilvus.MilvusClient`. Safe to use from several threads."""

    def __init__(self, address: MilvusAddress) -> None:
        """Connect.

        Raises:
            StoreError: the server does not answer, or another process has the file open.
            UnsupportedError: pymilvus or Milvus Lite is missing.
        """
        self.address = address
        self._open = True
        client = _client_class()
        if address.file is not None:
            _require_lite(address)
            with _lite_lock:
                _lite_users[str(address.file)] += 1
        words: dict[str, Any] = {"db_name": address.database, "token": os.environ.get(TOKEN_VARIABLE, "")}
        try:
            self._client = client(address.server, timeout=READ_SECONDS, dedicated=True, **words)
        except Exception as error:
            self._release()
            raise self._failed("cannot be opened", error) from error

    def require_open(self) -> None:
        """Raise IndexClosedError after `close`."""
        if not self._open:
            raise IndexClosedError(f"{self.address}: this engine was closed. Open the index again: open_index(URI)")

    def close(self) -> None:
        """Disconnect; Milvus Lite ends with the last connection to its file. A second call does nothing."""
        if self._open:
            self._open = False
            self._client.close()
            self._release()

    def read(self, method: str, collection: str, **words: Any) -> Any:
        """Call a method of the client that changes nothing."""
        return self._call(method, collection, READ_SECONDS, words)

    def write(self, method: str, collection: str, **words: Any) -> Any:
        """Call a method of the client that may be repeated with the same result."""
        return self._call(method, collection, WRITE_SECONDS, words)

    def prepare(self, method: str, collection: str, **words: Any) -> Any:
        """Call a method of the client that takes as long as it takes: it builds or loads an index."""
        return self._call(method, collection, BUILD_SECONDS, words)

    def pages(self, collection: str, expression: str, fields: Sequence[str], rows: int) -> Iterator[list[Any]]:
        """All entities that match an expression, by ascending id, at most `rows` at a time."""
        reached = -1
        while True:
            among = f"id > {reached}" + (f" and ({expression})" if expression else "")
            page = self.page(collection, among, fields, rows)
            if not page:
                return
            yield page
            reached = page[-1]["id"]

    def page(self, collection: str, expression: str, fields: Sequence[str], rows: int) -> list[Any]:
        """The first entities that match an expression, by ascending id."""
        self.require_open()
        fields = ["id", *(name for name in fields if name != "id")]
        try:
            pages = self._client.query_iterator(
                collection, filter=expression, output_fields=fields, batch_size=rows, limit=rows, timeout=READ_SECONDS
            )
            try:
                return list(pages.next())
            finally:
                pages.close()
        except Exception as error:
            raise self._failed("cannot be read", error) from error

    def collections(self) -> list[str]:
        """Names of all collections."""
        self.require_open()
        try:
            return [str(name) for name in self._client.list_collections(timeout=READ_SECONDS)]
        except Exception as error:
            raise self._failed("its collections cannot be listed", error) from error

    @property
    def new_schema(self) -> Any:
        """An empty schema of pymilvus, for a collection without dynamic fields whose ids are given."""
        return self._client.create_schema(auto_id=False, enable_dynamic_field=False)

    def create_index(self, collection: str, field: str, index_type: str, params: dict[str, int]) -> None:
        """Build an index for Euclidean distances and wait for it, unless there is one."""
        if self.read("list_indexes", collection):
            return
        prepared = self._client.prepare_index_params()
        prepared.add_index(field, index_type=index_type, metric_type="L2", params=params)
        self.prepare("create_index", collection, index_params=prepared)

    def _call(self, method: str, collection: str, seconds: float, words: dict[str, Any]) -> Any:
        self.require_open()
        try:
            return getattr(self._client, method)(collection, timeout=seconds, **words)
        except Exception as error:
            self.require_open()
            raise self._failed(f"{method} failed", error) from error

    def _release(self) -> None:
        if self.address.file is None:
            return
        from milvus_lite.server_manager import server_manager_instance

        with _lite_lock:
            _lite_users[str(self.address.file)] -= 1
            if not _lite_users[str(self.address.file)]:
                server_manager_instance.release_server(str(self.address.file))

    def _failed(self, what: str, error: Exception) -> StoreError:
        reason = " ".join(str(getattr(error, "message", "") or error).split())[:_LONGEST_REASON]
        if self.address.file is not None and "Open local milvus failed" in reason:
            advice = ". Its folder does not exist, or another process has it open: only one can use a file at a time"
        elif any(word in reason for word in ("UNAVAILABLE", "DEADLINE", "timeout", "Timeout", "Fail connecting")):
            advice = ". The server does not answer: check that it runs and can be reached from here, then try again"
        else:
            advice = ""
        return StoreError(f"{self.address}: {what} ({reason}){advice}")


def _client_class() -> Any:
    try:
        from pymilvus import MilvusClient
    except ImportError as error:
        raise UnsupportedError(
            f'an index in Milvus needs pymilvus ({error}): pip install "twinlens[milvus]"'
        ) from error
    for name in ("pymilvus", "milvus_lite"):  # they print each failed call, which is raised as well
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return MilvusClient


def _require_lite(address: MilvusAddress) -> None:
    try:
        import milvus_lite.server_manager  # noqa: F401
    except ImportError as error:
        raise UnsupportedError(f"{address}: {_LITE_NEEDED} ({error})") from error
