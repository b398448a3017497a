"""The connection to a Milvus server, or to Milvus Lite in this process; every call is bounded in time and named.

A call that the server does not answer is repeated until its time is up. That is safe for every call made here: reads
change nothing, pictures are upserted and deleted by their id, and a collection is created under a name of its own.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

from search.errors import IndexClosedError, StoreError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from search.store.address import MilvusAddress

TOKEN_VARIABLE = "MILVUS_TOKEN"
CONNECT_SECONDS = 10.0
"""Longest wait for a connection, each time."""
READ_SECONDS = 30.0
"""Longest time of a read, with all repetitions."""
WRITE_SECONDS = 120.0
"""The same for a write."""
BUILD_SECONDS = 24 * 3600.0
"""Longest time to build an index, or to load a collection."""
_CHANNEL = {"grpc.keepalive_time_ms": 300_000, "grpc.keepalive_permit_without_calls": 0}
"""pymilvus pings every 10 seconds, and Milvus Lite disconnects a client that pings more than once in five minutes: a
call of half a minute, such as one that builds an index, then fails with "too many pings"."""
_PAUSE = 0.5
"""Seconds before a call is repeated."""
_LOST = ("UNAVAILABLE", "DEADLINE", "timeout", "Timeout", "Fail connecting")
"""Words in the error of a call that the server did not answer."""
_RELEASED = ("is in state 'released'", "collection not loaded")
"""Words in the error of a call to a collection that is not in memory: of Milvus Lite, and of Milvus."""
_LONGEST_REASON = 300
_LITE_NEEDED = (
    "Milvus Lite is not installed. pip install milvus-lite brings faiss-cpu along, whose files overwrite those of"
    " faiss-gpu; where faiss-gpu is installed (Linux on x86-64): pip install --no-deps milvus-lite"
)

_Result = TypeVar("_Result")
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
        words["grpc_options"] = _CHANNEL
        try:
            self._client = client(address.server, timeout=CONNECT_SECONDS, dedicated=True, **words)
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
        return self._call(method, collection, words, READ_SECONDS, READ_SECONDS)

    def write(self, method: str, collection: str, **words: Any) -> Any:
        """Call a method of the client that may be repeated with the same result."""
        return self._call(method, collection, words, WRITE_SECONDS, WRITE_SECONDS)

    def prepare(self, method: str, collection: str, **words: Any) -> Any:
        """Call a method of the client that takes as long as it takes: it builds or loads an index."""
        return self._call(method, collection, words, WRITE_SECONDS, BUILD_SECONDS)

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
        words = {"filter": expression, "output_fields": ["id", *(name for name in fields if name != "id")]}

        def first() -> list[Any]:
            pages = self._client.query_iterator(collection, **words, batch_size=rows, limit=rows, timeout=READ_SECONDS)
            try:
                return list(pages.next())
            finally:
                pages.close()

        return self._repeated("query", READ_SECONDS, first, collection)

    def collections(self) -> list[str]:
        """Names of all collections."""
        return self._repeated(
            "list_collections", READ_SECONDS, lambda: list(self._client.list_collections(timeout=READ_SECONDS))
        )

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

    def _call(self, method: str, collection: str, words: dict[str, Any], patience: float, seconds: float) -> Any:
        called = getattr(self._client, method)
        return self._repeated(method, patience, lambda: called(collection, timeout=seconds, **words), collection)

    def _repeated(self, what: str, patience: float, call: Callable[[], _Result], collection: str = "") -> _Result:
        """Repeat a call for some seconds while the server does not answer, and if its collection has to be loaded."""
        end, loaded = time.monotonic() + patience, False
        while True:
            self.require_open()
            try:
                return call()
            except Exception as error:
                self.require_open()  # closed meanwhile by another thread
                reason = _reason_of(error)
                released = not loaded and any(word in reason for word in _RELEASED)
                if not released and (not _is_lost(reason) or time.monotonic() + _PAUSE > end):
                    raise self._failed(f"{what} failed", error) from error
            if released:  # as by the start of Milvus Lite
                loaded = True
                self.prepare("load_collection", collection)
            else:
                time.sleep(_PAUSE)

    def _release(self) -> None:
        if self.address.file is None:
            return
        from milvus_lite.server_manager import server_manager_instance

        with _lite_lock:
            _lite_users[str(self.address.file)] -= 1
            if not _lite_users[str(self.address.file)]:
                server_manager_instance.release_server(str(self.address.file))

    def _failed(self, what: str, error: Exception) -> StoreError:
        reason = _reason_of(error)
        if self.address.file is not None and "Open local milvus failed" in reason:
            advice = ". Its folder does not exist, or another process has it open: only one can use a file at a time"
        elif _is_lost(reason):
            advice = ". The server does not answer: check that it runs and can be reached from here, then try again"
        else:
            advice = ""
        return StoreError(f"{self.address}: {what} ({reason}){advice}")


def _reason_of(error: Exception) -> str:
    """What pymilvus says, in one line."""
    return " ".join(str(getattr(error, "message", "") or error).split())[:_LONGEST_REASON]


def _is_lost(reason: str) -> bool:
    return any(word in reason for word in _LOST)


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
