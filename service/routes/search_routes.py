"""Search: one query, or several with the same options; and embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import APIRouter, Request, Response

from service.answering import Chosen, answered, service_of
from service.bodies import Body, receive
from service.examples import (
    ID,
    PICTURE,
    VECTOR,
    check_k,
    check_number,
    crop_of,
    example_of,
    invalid,
    picture_of,
    vectors_of,
)
from service.models import BatchIn, EmbedIn, ExampleIn, SearchIn
from service.plain import answer_plain, hits_plain
from service.schema import described

if TYPE_CHECKING:
    from search.engine import SearchEngine
    from search.types import Answer, Example
    from service.config import Limits

router = APIRouter(tags=["search"])


@router.post("/v1/search", **described(SearchIn, "AnswerOut", ("picture", "without")))
async def search(request: Request, index: Chosen) -> Response:
    """Find the pictures that are most similar to a picture, a text, a picture of the index, or several of them."""
    body, service = await receive(request, ("picture", "without")), service_of(request)

    def use(engine: SearchEngine) -> dict[str, Any]:
        answer = search_answer(engine, body.read(SearchIn), body, service.limits)
        service.metrics.staged(answer.timing)
        return answer_plain(answer)

    return await answered(request, index, use)


@router.post("/v1/search:batch", **described(BatchIn, "BatchOut", ("picture",)))
async def search_batch(request: Request, index: Chosen) -> Response:
    """Answer each of several pictures, ids or vectors, with the same options."""
    body, limits = await receive(request, ("picture",)), service_of(request).limits
    return await answered(request, index, lambda engine: _batch(engine, body.read(BatchIn), body, limits))


@router.post("/v1/embed", **described(EmbedIn, "EmbeddingsOut", ("picture",)))
async def embed(request: Request, index: Chosen) -> Response:
    """Embed pictures, then texts, as unit vectors."""
    body, limits = await receive(request, ("picture",)), service_of(request).limits
    return await answered(request, index, lambda engine: _embeddings(engine, body.read(EmbedIn), body, limits))


def search_answer(engine: SearchEngine, asked: SearchIn, body: Body, limits: Limits) -> Answer:
    """Answer one query."""
    options: dict[str, Any] = {"audit": asked.audit, **asked.options()}
    k = check_k(asked.k, limits)
    query = asked.query if asked.query is not None else []
    number = len(query) if isinstance(query, list) else 1
    files = body.files.get("picture", [])
    check_number(number + len(files) + len(asked.without) + len(body.files.get("without", [])), limits)
    if not files and isinstance(query, ExampleIn) and query.kind in (ID, VECTOR):
        return _by_vector(engine, query, asked, body, options)
    without = _without(asked, body, limits)
    if files:
        if asked.query is not None:
            raise invalid("query", "the pictures are sent as files: leave the query out")
        examples: list[Example] = [
            picture_of(data, _place("query", at, files), limits) for at, data in enumerate(files)
        ]
        alone = len(files) == 1
    else:
        given = query if isinstance(query, list) else [query]
        alone = not isinstance(query, list)
        if not given:
            raise invalid("query", "there is no query: give an example, or send a picture as the file picture")
        names = ["query"] if alone else [f"query[{at}]" for at in range(len(given))]
        examples = [example_of(each, name, limits) for each, name in zip(given, names, strict=True)]
    if not alone:
        if asked.crop is not None:
            raise invalid("crop", "a crop is of one picture, and the query has several")
        return engine.ask_together(examples, k, weights=asked.weights, without=without, views=asked.views, **options)
    if asked.weights is not None:
        raise invalid("weights", "weights are of several examples, and the query has one")
    return engine.ask(examples[0], k, without=without, crop=crop_of(asked.crop), views=asked.views, **options)


def _by_vector(engine: SearchEngine, query: ExampleIn, asked: SearchIn, body: Body, options: dict[str, Any]) -> Answer:
    """Answer a query by a picture of the index, or by a vector."""
    if asked.without or body.files.get("without") or asked.views or asked.crop is not None or asked.weights is not None:
        raise invalid("query", f"an {query.kind} takes no without, crop, views or weights")
    vectors = vectors_of([query.vector]) if query.vector is not None else engine.vectors_of([query.id or 0])
    return engine.ask_vectors(vectors, asked.k, **options)[0]


def _without(asked: SearchIn, body: Body, limits: Limits) -> list[Example]:
    files = body.files.get("without", [])
    examples = [example_of(each, f"without[{at}]", limits) for at, each in enumerate(asked.without)]
    return [*examples, *(picture_of(data, f"without[{len(examples) + at}]", limits) for at, data in enumerate(files))]


def _place(name: str, at: int, files: list[bytes]) -> str:
    return f"{name}[{at}]" if len(files) > 1 else name


def _batch(engine: SearchEngine, asked: BatchIn, body: Body, limits: Limits) -> dict[str, Any]:
    k, options, files = check_k(asked.k, limits), asked.options(), body.files.get("picture", [])
    check_number(len(asked.queries) + len(files), limits)
    kinds = {query.kind for query in asked.queries} | ({PICTURE} if files else set())
    if len(kinds) > 1:
        raise invalid("queries", f"a batch has one kind of queries, not {' and '.join(sorted(kinds))}")
    if kinds <= {PICTURE}:
        data = [query.picture or b"" for query in asked.queries] + files
        pictures = [picture_of(each, f"queries[{at}]", limits) for at, each in enumerate(data)]
        return hits_plain(engine.search_many(pictures, k, views=asked.views, **options))
    if kinds == {"text"}:
        raise invalid("queries", "a batch is of pictures, ids or vectors: send each text as a query of its own")
    if asked.views:
        raise invalid("views", "views are of pictures")
    if kinds == {ID}:
        vectors = engine.vectors_of([query.id or 0 for query in asked.queries])
    else:
        vectors = vectors_of([query.vector or [] for query in asked.queries])
    return hits_plain(engine.search_vectors(vectors, k, **options))


def _embeddings(engine: SearchEngine, asked: EmbedIn, body: Body, limits: Limits) -> dict[str, Any]:
    data = [*asked.pictures, *body.files.get("picture", [])]
    check_number(len(data) + len(asked.texts), limits)
    pictures = [picture_of(each, f"pictures[{at}]", limits) for at, each in enumerate(data)]
    parts = [engine.embed_many(pictures), *(engine.embed_text(text)[None] for text in asked.texts)]
    return {
        "dim": engine.dim,
        "fingerprint": engine.fingerprint,
        "embeddings": np.concatenate(parts).tolist() if pictures or asked.texts else [],
    }
