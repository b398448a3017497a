"""Whether the service lives and is ready, and its figures."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from service.answering import as_response, service_of
from service.metrics import CONTENT_TYPE
from service.schema import answering, sending

router = APIRouter(tags=["operation"])


@router.get("/livez", **answering("StatusOut"))
async def livez() -> Response:
    """The process answers. Needs no key."""
    return as_response({"status": "alive"})


@router.get("/readyz", **answering("StatusOut", unready=True))
async def readyz(request: Request) -> Response:
    """The newest snapshots of all indexes are open, with their encoders. Needs no key."""
    waiting = [each.served.name for each in service_of(request).indexes if not each.ready]
    response = as_response({"status": "not ready" if waiting else "ready", "waiting_for": waiting})
    response.status_code = 503 if waiting else 200
    return response


@router.get("/metrics", **sending(CONTENT_TYPE))
async def metrics(request: Request) -> Response:
    """Figures for Prometheus: requests, times by stage, sizes of batches, generations, memory."""
    return Response(service_of(request).metrics.text(), headers={"content-type": CONTENT_TYPE})
