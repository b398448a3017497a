"""An MCP server, so that an assistant can look through a collection: search, verify, and see pictures. Read-only.

Pictures are named by their ids, or given as bytes in base64: no path and no address is read for an assistant.
"""

from __future__ import annotations

import base64
import binascii
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Literal, ParamSpec, TypeVar

from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from search import __version__
from search.config import QueryConfig, VerifyConfig
from search.errors import QueryError, TwinlensError
from search.pictures.thumbnails import jpeg, thumbnail
from service.examples import check_k, picture_of
from service.opened import OpenIndexes
from service.plain import answer_plain, engine_plain, metadata_plain, record_plain
from service.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from search.engine import SearchEngine
    from search.types import Picture
    from service.config import Limits

INSTRUCTIONS = """Search a collection of pictures by similarity. Begin with describe_collection. Distances are Euclidean
between unit vectors, from 0 (the same) to 2; a hit whose strength is weak looks hardly alike. A picture is named by its
id. A filter is a condition such as: label = shoe and taken >= 2024-01-01 and camera glob 'Canon*'."""
_QUALITY = 88
_MOST_SIDE = 1_024
_READ_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)

Given = ParamSpec("Given")
Result = TypeVar("Result")
Index = Annotated[str | None, Field(description="Name of the index. Defaults to the only one.")]
K = Annotated[int, Field(description="Number of hits.")]
Where = Annotated[str | None, Field(description="A filter: only pictures that match it.")]
Shown = Annotated[str, Field(description="The id of a picture of the collection, or the bytes of a file in base64.")]


class Collection:
    """The tools of an assistant."""

    def __init__(self, indexes: OpenIndexes, limits: Limits) -> None:
        self._indexes = indexes
        self._limits = limits

    def describe_collection(self, index: Index = None) -> dict[str, Any]:
        """What the collection holds: pictures, labels, columns for filters, and whether texts can be searched."""
        with self._lease(index) as engine:
            plain = engine_plain(engine)
            names = [each.served.name for each in self._indexes]
            wanted = ("images", "encoder", "columns", "embeds_text", "updated")
            return {**{name: plain[name] for name in wanted}, "labels": engine.labels(), "indexes": names}

    def search_by_picture(
        self, picture: Shown, k: K = QueryConfig.k, where: Where = None, index: Index = None
    ) -> dict[str, Any]:
        """Find the pictures that look most like a picture, nearest first. A picture of the collection finds itself."""
        k = check_k(k, self._limits)
        with self._lease(index) as engine:
            if (number := _number(picture)) is not None:
                return answer_plain(engine.ask_vectors(engine.vectors_of([number]), k, where=where)[0])
            return answer_plain(engine.ask(self._bytes(picture, "picture"), k, where=where))

    def search_by_text(
        self, text: str, k: K = QueryConfig.k, where: Where = None, index: Index = None
    ) -> dict[str, Any]:
        """Find the pictures that fit a text best, if the encoder of the index embeds texts: see describe_collection."""
        from search.types import Text

        with self._lease(index) as engine:
            return answer_plain(engine.ask(Text(text), check_k(k, self._limits), where=where))

    def find_pictures(self, where: Where = None, limit: K = 20, index: Index = None) -> dict[str, Any]:
        """List pictures that match a filter, by ascending id, with their metadata; `count` is of all that match."""
        with self._lease(index) as engine:
            ids = engine.ids(where)
            chosen = ids[: check_k(max(limit, 0), self._limits)]
            values = engine.metadata(chosen)
            records = [
                {**record_plain(engine.picture(number)), "metadata": metadata_plain(values.get(number, {}))}
                for number in chosen
            ]
            return {"count": len(ids), "pictures": records}

    def verify(
        self,
        a: Shown,
        b: Annotated[list[str], Field(description="One or more pictures of one thing: ids, or bytes in base64.")],
        references: Literal["mean", "best"] = VerifyConfig.references,
        index: Index = None,
    ) -> dict[str, Any]:
        """Decide whether picture a shows the same thing as b. Without a calibration there is only the distance."""
        with self._lease(index) as engine:
            others = [self._picture(engine, each, f"b[{at}]") for at, each in enumerate(b)]
            return engine.verify(self._picture(engine, a, "a"), others, references).to_dict()

    def show_picture(
        self,
        id: Annotated[int, Field(description="The id of a picture.")],
        side: Annotated[int, Field(description="Pixels of the longer side.", ge=16, le=_MOST_SIDE)] = 512,
        index: Index = None,
    ) -> Image:
        """See a picture of the collection."""
        with self._lease(index) as engine:
            return Image(data=jpeg(thumbnail(engine.picture(id).path, side), _QUALITY), format="jpeg")

    def _lease(self, name: str | None) -> AbstractContextManager[SearchEngine]:
        index = self._indexes.named(name)
        index.refresh()
        return index.lease()

    def _picture(self, engine: SearchEngine, given: str, name: str) -> Picture:
        """A picture of the collection, from its file, or the one whose bytes are given."""
        number = _number(given)
        return self._bytes(given, name) if number is None else engine.picture(number).path

    def _bytes(self, given: str, name: str) -> Picture:
        _, _, text = given.rpartition("base64,")  # of a data URL
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise QueryError(f"{name}: give the id of a picture, or the bytes of a file in base64") from None
        if len(data) > self._limits.body:
            raise ProblemError("body-too-large", f"{name}: a picture has at most {self._limits.body:,} bytes")
        return picture_of(data, name, self._limits)


def _number(given: str) -> int | None:
    """The id that a text names; None for anything else, such as base64."""
    text = given.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _in_words(tool: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let a tool report errors of the engine in its words."""

    @wraps(tool)
    def told(*given: Given.args, **named: Given.kwargs) -> Result:
        try:
            return tool(*given, **named)
        except (TwinlensError, ProblemError) as error:
            raise ToolError(str(error)) from None

    return told


def _tools(collection: Collection) -> Iterator[Callable[..., Any]]:
    yield collection.describe_collection
    yield collection.search_by_picture
    yield collection.search_by_text
    yield collection.find_pictures
    yield collection.verify
    yield collection.show_picture


def mcp_server(indexes: OpenIndexes, limits: Limits) -> MCPServer[Any]:
    """The server, which `run` serves on standard input and output."""
    server: MCPServer[Any] = MCPServer("twinlens", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING")
    for tool in _tools(Collection(indexes, limits)):
        server.add_tool(_in_words(tool), annotations=_READ_ONLY)
    return server
