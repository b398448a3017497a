"""What routes share: the service that a request belongs to, its index, and answers that threads compute."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Query, Request
from starlette.responses import Response

from service.keys import ACCESS
from service.opened import OpenIndex
from service.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexer.jobs.registry import Jobs
    from search.engine import SearchEngine
    from service.config import Limits, ServiceConfig
    from service.limits import Work
    from service.metrics import Metrics
    from service.opened import OpenIndexes


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of a service."""

    config: ServiceConfig
    indexes: OpenIndexes
    work: Work
    writes: Work
    """One thread: changes take turns."""
    metrics: Metrics
    jobs: Jobs

    @property
    def limits(self) -> Limits:
        """What requests may cost."""
        return self.config.limits


def service_of(request: Request) -> Service:
    """The service that a request belongs to."""
    service: Service = request.app.state.service
    return service


async def chosen_index(
    request: Request,
    index: Annotated[str | None, Query(description="Name of the index. Defaults to the only one.")] = None,
) -> OpenIndex:
    """The index that a request names."""
    request.scope["twinlens.index"] = index
    return service_of(request).indexes.named(index)


Chosen = Annotated[OpenIndex, Depends(chosen_index)]


async def may_write(request: Request) -> None:
    """Raise ProblemError unless the service changes indexes, and the key of the request allows it."""
    if request.scope[ACCESS] != "write":
        raise ProblemError("key-not-allowed", "this API key only reads: send one that may write")
    if not service_of(request).config.write:
        raise ProblemError("read-only", "this service only reads: start it with --write")


async def answered(request: Request, index: OpenIndex, use: Callable[[SearchEngine], Any]) -> Response:
    """Answer with what `use` makes of the newest snapshot, in a thread: a Response, or plain values for JSON."""

    def run() -> Response:
        with index.lease() as engine:
            return as_response(use(engine))

    return await service_of(request).work.run(run)


async def changed(request: Request, index: OpenIndex, change: Callable[[], Any]) -> Response:
    """Answer with what `change` returns; the next request sees the change."""

    def run() -> Response:
        plain = change()
        index.refresh()
        return as_response(plain() if callable(plain) else plain)

    return await service_of(request).writes.run(run)


def as_response(plain: Any) -> Response:
    """JSON in ASCII: file names that are not UTF-8 survive as escapes."""
    if isinstance(plain, Response):
        return plain
    return Response(json.dumps(plain, allow_nan=False), media_type="application/json")
