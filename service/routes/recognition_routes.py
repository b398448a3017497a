"""Verification, identification, and why two pictures are similar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from search.config import IdentifyConfig
from search.text import counted
from service.answering import Chosen, answered, service_of
from service.bodies import Body, receive
from service.examples import check_k, check_number, invalid, picture_of
from service.models import ExplainIn, IdentifyIn, VerifyIn
from service.problems import ProblemError
from service.schema import answering, described, sending
from service.sent_pictures import Side, small_jpeg

if TYPE_CHECKING:
    from pathlib import Path

    from search.engine import SearchEngine
    from service.config import Limits

router = APIRouter(tags=["recognition"])


@router.post("/v1/verify", **described(VerifyIn, "VerificationOut", ("a", "b")))
async def verify(request: Request, index: Chosen) -> Response:
    """Decide whether a picture shows the same thing as another, or as several pictures of one thing."""
    body, limits = await receive(request, ("a", "b")), service_of(request).limits
    return await answered(request, index, lambda engine: _verification(engine, body.read(VerifyIn), body, limits))


@router.post("/v1/explain", **described(ExplainIn, "ExplanationOut", ("a", "b")))
async def explain(request: Request, index: Chosen) -> Response:
    """Show which parts of two pictures make them similar, by heat maps; about 200 pictures are embedded for it."""
    body, limits = await receive(request, ("a", "b")), service_of(request).limits
    return await answered(request, index, lambda engine: _explanation(engine, body.read(ExplainIn), body, limits))


@router.post("/v1/identify", **described(IdentifyIn, "IdentificationOut", ("picture",)))
async def identify(request: Request, index: Chosen) -> Response:
    """Identify which enrolled identity a picture shows, if any."""
    body, limits = await receive(request, ("picture",)), service_of(request).limits
    return await answered(request, index, lambda engine: _identification(engine, body.read(IdentifyIn), body, limits))


@router.get("/v1/identities", **answering("IdentitiesOut"))
async def identities(request: Request, index: Chosen) -> Response:
    """All identities that can be recognised, by name."""
    return await answered(
        request, index, lambda engine: {"identities": [each.to_dict() for each in engine.identities()]}
    )


@router.get("/v1/identities/reference", **sending("image/jpeg"))
async def reference(
    request: Request,
    index: Chosen,
    name: Annotated[str, Query(description="The name of an identity.", examples=["Ada Lovelace"])],
    number: Annotated[int, Query(description="Which of its reference pictures, from 0.", ge=0)] = 0,
    side: Side = 320,
) -> Response:
    """A small JPEG of a reference picture, made from its file; never cached, as a name can be enrolled anew."""
    return await answered(request, index, lambda engine: small_jpeg(_reference(engine, name, number), side))


def _reference(engine: SearchEngine, name: str, number: int) -> Path:
    known = next((each for each in engine.identities() if each.name == name), None)
    if known is None:
        raise ProblemError("unknown-identity", f"no identity is enrolled as {name!a:.80}")
    if number >= len(known.templates):
        has = counted(len(known.templates), "reference picture")
        raise ProblemError("unknown-identity", f"{name!a:.80} has {has}: there is no number {number}, counted from 0")
    return known.templates[number]


def _explanation(engine: SearchEngine, asked: ExplainIn, body: Body, limits: Limits) -> dict[str, Any]:
    pictures = []
    for name, given in (("a", asked.a), ("b", asked.b)):
        data = [*([given] if given is not None else []), *body.files.get(name, [])]
        if len(data) != 1:
            raise invalid(name, f"{name} is one picture, and {len(data)} are given")
        pictures.append(picture_of(data[0], name, limits))
    return engine.explain(*pictures).to_dict()


def _verification(engine: SearchEngine, asked: VerifyIn, body: Body, limits: Limits) -> dict[str, Any]:
    of_a = [*([asked.a] if asked.a is not None else []), *body.files.get("a", [])]
    of_b = asked.b if isinstance(asked.b, list) else [asked.b] if asked.b is not None else []
    of_b = [*of_b, *body.files.get("b", [])]
    check_number(len(of_a) + len(of_b), limits)
    if len(of_a) != 1:
        raise invalid("a", f"a is one picture, and {len(of_a)} are given")
    a = picture_of(of_a[0], "a", limits)
    several = isinstance(asked.b, list) or len(of_b) != 1
    others = [picture_of(data, f"b[{at}]" if several else "b", limits) for at, data in enumerate(of_b)]
    return engine.verify(a, others, asked.references).to_dict()


def _identification(engine: SearchEngine, asked: IdentifyIn, body: Body, limits: Limits) -> dict[str, Any]:
    given = [*([asked.picture] if asked.picture is not None else []), *body.files.get("picture", [])]
    if len(given) != 1:
        raise invalid("picture", f"one picture is identified at a time, and {len(given)} are given")
    config = IdentifyConfig(
        asked.references, asked.max_false_accept, asked.threshold, check_k(asked.k, limits), asked.force
    )
    return engine.identify(picture_of(given[0], "picture", limits), config).to_dict()
