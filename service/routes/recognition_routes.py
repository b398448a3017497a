"""Verification and identification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from search.config import IdentifyConfig
from service.answering import Chosen, answered, service_of
from service.bodies import Body, receive
from service.examples import check_k, check_number, invalid, picture_of
from service.models import IdentifyIn, VerifyIn
from service.schema import answering, described

if TYPE_CHECKING:
    from search.engine import SearchEngine
    from service.config import Limits

router = APIRouter(tags=["recognition"])


@router.post("/v1/verify", **described(VerifyIn, "VerificationOut", ("a", "b")))
async def verify(request: Request, index: Chosen) -> Response:
    """Decide whether a picture shows the same thing as another, or as several pictures of one thing."""
    body, limits = await receive(request, ("a", "b")), service_of(request).limits
    return await answered(request, index, lambda engine: _verification(engine, body.read(VerifyIn), body, limits))


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
