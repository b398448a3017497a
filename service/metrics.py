"""Figures for Prometheus; those of several worker processes are added up."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

if TYPE_CHECKING:
    from search.engine import SearchEngine
    from search.types import Timing

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable of the folder by which worker processes share their figures."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The figures of one process."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._requests = Counter(
            "twinlens_requests", "Requests that were answered.", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "twinlens_request_seconds", "Time to answer a request.", ["route"], buckets=_SECONDS, registry=registry
        )
        self._stages = Histogram(
            "twinlens_stage_seconds", "Time of a stage of a query.", ["stage"], buckets=_SECONDS, registry=registry
        )
        self._batches = Histogram(
            "twinlens_batch_pictures", "Pictures that were embedded together.", buckets=_SIZES, registry=registry
        )
        self._generation = Gauge(
            "twinlens_index_generation",
            "Generation of the snapshot that is served: each commit is one.",
            ["index"],
            registry=registry,
            multiprocess_mode="min",
        )
        self._pictures = Gauge(
            "twinlens_index_pictures",
            "Pictures of the snapshot that is served.",
            ["index"],
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self._memory = Gauge(
            "twinlens_resident_bytes",
            "Memory of the process; pages that processes share count in each.",
            registry=registry,
            multiprocess_mode="liveall",
        )
        self._running = Gauge(
            "twinlens_requests_running",
            "Requests that are being answered or wait.",
            registry=registry,
            multiprocess_mode="livesum",
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def staged(self, timing: Timing) -> None:
        """Count the stages of a query."""
        for stage in ("decode", "encode", "search"):
            self._stages.labels(stage).observe(getattr(timing, stage))

    def embedded(self, pictures: int) -> None:
        """Count pictures that were embedded together."""
        self._batches.observe(pictures)

    def opened(self, name: str, engine: SearchEngine) -> None:
        """Note which snapshot of an index is served."""
        self._generation.labels(name).set(engine.catalog.generation())
        self._pictures.labels(name).set(len(engine))

    def running(self, count: int) -> None:
        """Note how many requests are being answered or wait."""
        self._running.set(count)

    def text(self) -> bytes:
        """All figures, as Prometheus reads them."""
        self._memory.set(resident_bytes())
        if FOLDER not in os.environ:
            return generate_latest(self._registry)
        everyone = CollectorRegistry()
        multiprocess.MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]
        return generate_latest(everyone)


def resident_bytes() -> int:
    """The memory of this process."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):  # no such file: not Linux
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
