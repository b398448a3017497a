"""The MCP server answers as the engine does, and only reads."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import types
from mcp.client import Client

from search.engine import SearchEngine
from search.pictures.thumbnails import jpeg, thumbnail
from service.config import Limits, Served
from service.mcp_server import mcp_server
from service.opened import OpenIndex, OpenIndexes
from tests.service.test_parity import PICTURE, plain, said


@pytest.fixture(scope="module")
def indexes(collection: Path) -> OpenIndexes:
    return OpenIndexes([OpenIndex(Served("photos", collection / "photos.index"), "cpu")])


def in_session(indexes: OpenIndexes, use: Callable[[Client], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with Client(mcp_server(indexes, Limits())) as client:
            return await use(client)

    return anyio.run(run)


def called(indexes: OpenIndexes, name: str, **arguments: Any) -> types.CallToolResult:
    result: types.CallToolResult = in_session(indexes, lambda client: client.call_tool(name, arguments))
    return result


def answer_of(indexes: OpenIndexes, name: str, **arguments: Any) -> dict[str, Any]:
    result = called(indexes, name, **arguments)
    assert not result.is_error, result.content
    text = result.content[0]
    assert isinstance(text, types.TextContent)
    answer: dict[str, Any] = json.loads(text.text)
    assert result.structured_content in (None, answer)
    return answer


def test_every_tool_only_reads(indexes: OpenIndexes) -> None:
    tools = in_session(indexes, lambda client: client.list_tools()).tools
    assert {tool.name for tool in tools} == {
        "describe_collection",
        "find_pictures",
        "search_by_picture",
        "search_by_text",
        "show_picture",
        "verify",
    }
    for tool in tools:
        assert tool.description
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert not tool.annotations.destructive_hint


def test_search(indexes: OpenIndexes, engine: SearchEngine, collection: Path) -> None:
    data = (collection / PICTURE).read_bytes()
    text = base64.b64encode(data).decode()
    for options in ({}, {"k": 2}, {"where": "price > 0.3 and label = label1"}):
        expected = plain(engine.ask(data, **options))
        assert said(answer_of(indexes, "search_by_picture", picture=text, **options)) == expected
        url = f"data:image/png;base64,{text}"
        assert said(answer_of(indexes, "search_by_picture", picture=url, **options)) == expected
        by_id = plain(engine.ask_vectors(engine.vectors_of([3]), **options)[0])
        assert said(answer_of(indexes, "search_by_picture", picture="3", **options)) == by_id


def test_filters_pictures_and_verification(indexes: OpenIndexes, engine: SearchEngine, collection: Path) -> None:
    found = answer_of(indexes, "find_pictures", where="price > 0.5", limit=3)
    assert found["count"] == engine.count("price > 0.5")
    assert [each["id"] for each in found["pictures"]] == engine.ids("price > 0.5")[:3]
    about = answer_of(indexes, "describe_collection")
    assert (about["images"], about["labels"]) == (len(engine), engine.labels())
    data = (collection / PICTURE).read_bytes()
    expected = engine.verify(data, [engine.picture(3).path, data], "best").to_dict()
    sent = base64.b64encode(data).decode()
    assert answer_of(indexes, "verify", a=sent, b=["3", sent], references="best") == json.loads(json.dumps(expected))
    shown = called(indexes, "show_picture", id=3, side=32).content[0]
    assert isinstance(shown, types.ImageContent)
    assert base64.b64decode(shown.data) == jpeg(thumbnail(engine.picture(3).path, 32), 88)


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("search_by_picture", {"picture": "99999"}, "no picture has the id 99999"),
        ("search_by_picture", {"picture": "/etc/passwd"}, "give the id of a picture"),
        ("search_by_picture", {"picture": "https://example.com/a.jpg"}, "give the id of a picture"),
        ("search_by_picture", {"picture": base64.b64encode(b"nothing").decode()}, "not a picture"),
        ("search_by_picture", {"picture": "1", "where": "label ="}, "cannot use the filter"),
        ("search_by_picture", {"picture": "1", "k": 10**9}, "k is at most"),
        ("search_by_text", {"text": "a cat"}, "embeds pictures only"),
        ("show_picture", {"id": 7}, "no picture has the id 7"),
        ("find_pictures", {"index": "other"}, "no index is served as 'other'"),
    ],
)
def test_errors_are_in_the_words_of_the_engine(
    tool: str, arguments: dict[str, Any], words: str, indexes: OpenIndexes
) -> None:
    result = called(indexes, tool, **arguments)
    assert result.is_error
    assert isinstance(result.content[0], types.TextContent)
    assert words in result.content[0].text
