"""Put a service together: its routes, and the checks in front of them."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from indexer.jobs.registry import Jobs
from search.errors import DataError
from service.answering import Service
from service.authority import LOCAL
from service.hosts import HostCheck
from service.keys import KeyCheck, Keys
from service.limits import BodyLimits, Work
from service.logs import RequestLog
from service.metrics import Metrics
from service.opened import OpenIndex, OpenIndexes
from service.problems import add_handlers
from service.routes import (
    change_routes,
    health_routes,
    index_routes,
    job_routes,
    picture_routes,
    recognition_routes,
    search_routes,
)
from service.schema import document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.config import ServiceConfig

_NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""Newer versions of FastAPI report to OpenTelemetry where the environment says so; nothing is reported from here."""
_ROUTES = (
    search_routes,
    recognition_routes,
    picture_routes,
    index_routes,
    change_routes,
    job_routes,
    health_routes,
)


def create_app(config: ServiceConfig) -> FastAPI:
    """Make the ASGI app of a service. The indexes are opened when it starts.

    Raises:
        DataError: the keys cannot be read; or there are none, and the address is not that of this machine alone.
    """
    keys = Keys.load(config.keys)
    check_keys(config, keys)
    service = _service(config)
    app = FastAPI(
        lifespan=_lifespan,
        docs_url=None,  # the pages of /docs load scripts from the internet
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
    )
    app.state.service = service
    for each in _ROUTES:
        app.include_router(each.router)
    add_handlers(app)
    kept: dict[str, Any] = {}
    app.openapi = lambda: kept or kept.update(document(app, keys=bool(keys))) or kept  # type: ignore[method-assign]
    # the last one runs first
    app.add_middleware(BodyLimits, limits=config.limits)
    app.add_middleware(KeyCheck, keys=keys)
    if config.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=config.origins, allow_methods=["*"], allow_headers=["authorization"]
        )
    app.add_middleware(HostCheck, config=config)
    app.add_middleware(RequestLog, metrics=service.metrics)
    return app


def check_keys(config: ServiceConfig, keys: Keys) -> None:
    """Raise DataError for a service that other machines can reach and that has no keys."""
    from ipaddress import ip_address

    try:
        local = ip_address(config.host).is_loopback
    except ValueError:
        local = config.host.lower() in LOCAL
    if not keys and not local:
        raise DataError(
            f"{config.host} can be reached from other machines, and the service would have no API keys. Give --keys "
            "FILE, or set TWINLENS_READ_KEYS and TWINLENS_WRITE_KEYS"
        )
    if config.write and keys and not keys.write:
        raise DataError("--write needs a key that may write: add a line `write KEY` to the keys")


def _service(config: ServiceConfig) -> Service:
    metrics = Metrics()
    opened = [
        OpenIndex(each, config.device, embedded=metrics.embedded, opened=metrics.opened) for each in config.indexes
    ]
    indexes = OpenIndexes(opened, config.refresh_seconds)
    work, writes = Work(config.limits, metrics.running), Work(config.limits, threads=1)
    return Service(config, indexes, work, writes, metrics, Jobs())


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    service.indexes.start()
    try:
        yield
    finally:
        for view in service.jobs.views():
            if view.running and (job := service.jobs.last(view.request.index)) is not None:
                job.stop()
        service.work.stop()
        service.writes.stop()
        service.indexes.stop()


def app_from_environment() -> FastAPI:
    """The app of a worker process, which gets its configuration by the environment."""
    import os

    from service.config import SETTINGS, ServiceConfig
    from service.logs import log_to_stderr

    log_to_stderr()
    return create_app(ServiceConfig.of_json(os.environ[SETTINGS]))


def wait_until_ready(app: FastAPI, seconds: float = 60.0) -> None:
    """Wait until all indexes are open; for tests and measurements.

    Raises:
        TimeoutError: they are not, after so many seconds.
    """
    deadline = time.monotonic() + seconds
    service: Service = app.state.service
    while not all(index.ready for index in service.indexes):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{[index.problem for index in service.indexes]}")
        time.sleep(0.01)
