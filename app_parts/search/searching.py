"""The searches of visitors: by an uploaded picture, by a text, or by a picture of the collection."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from app_parts.tiles import TILE, Tile, file_tile, ground, tile
from search import Text
from search.pictures.decode import load_picture
from search.query.hits import only_weak

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from search import Hit, SearchEngine
    from search.query.query import SearchOptions


class SearchResult(NamedTuple):
    """A query with its hits, and the times of steps: a picture with its thumbnail and id in the index, or a text."""

    name: str
    facts: list[str]
    tile: Tile | None
    id: int | None
    hits: list[Hit]
    weak: bool
    """Whether even the nearest other picture is weak."""
    seconds: dict[str, float]


class SearchSettings(NamedTuple):
    """The visitor's choices: how many neighbours, among which pictures."""

    k: int
    options: SearchOptions


def run_search(
    engine: SearchEngine, upload: UploadedFile | None, text: str, picked: int | None, settings: SearchSettings
) -> SearchResult | None:
    """Search with the uploaded picture, else the text, else the picked picture; None if there is none of them."""
    if upload is not None:
        return search_upload(engine, upload, settings)
    if text:
        return search_text(engine, text, settings)
    return None if picked is None else search_picked(engine, picked, settings)


def search_upload(engine: SearchEngine, upload: UploadedFile, settings: SearchSettings) -> SearchResult:
    """Search with an uploaded picture."""
    answer = engine.ask(upload, settings.k, **settings.options)
    image = load_picture(upload, target=TILE)
    width, height = image.info["full_size"]
    facts = ["uploaded", f"{width} × {height} pixels"]
    took = answer.timing
    seconds = {"decoded": took.decode, "encoded": took.encode, "searched": took.search}
    return SearchResult(upload.name, facts, tile(image, ground()), None, answer.hits, answer.weak, seconds)


def search_text(engine: SearchEngine, text: str, settings: SearchSettings) -> SearchResult:
    """Search with a text."""
    answer = engine.ask(Text(text), settings.k, **settings.options)
    seconds = {"encoded": answer.timing.encode, "searched": answer.timing.search}
    return SearchResult(text, ["text"], None, None, answer.hits, answer.weak, seconds)


def search_picked(engine: SearchEngine, picture_id: int, settings: SearchSettings) -> SearchResult:
    """Search by the stored embedding of a picture of the collection, which is not among its own neighbours."""
    record = engine.picture(picture_id)
    begun = time.perf_counter()
    vector = engine.vector(record.id)
    looked_up = time.perf_counter()
    hits = engine.search_vectors(vector[None], settings.k + 1, **settings.options)[0]
    seconds = {"looked up": looked_up - begun, "searched": time.perf_counter() - looked_up}
    facts = [f"picture {record.id}", f"{record.width} × {record.height} pixels"]
    own = [hit for hit in hits if record.id in (hit.id, *(copy.id for copy in hit.copies or ()))]
    others = [hit for hit in hits if hit not in own][: settings.k]
    facts += [copies_text(hit) for hit in own if hit.copies]
    facts = [record.label or "no label", *facts]
    weak = only_weak(hits, but=record.id)
    return SearchResult(str(record.path), facts, file_tile(record.path), record.id, others, weak, seconds)


def copies_text(hit: Hit) -> str:
    """The number of near-duplicates that a hit represents; empty if it has none."""
    count = len(hit.copies or ())
    return f"+{count:,} {'copy' if count == 1 else 'copies'}" if count else ""
