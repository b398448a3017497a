"""Schemathesis over every route of a service that writes: no error of the server, and answers as the document says."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from benchmarks.service_load import get, serving

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
MINUTES = float(os.environ.get("TWINLENS_SCHEMATHESIS_MINUTES", "10"))
OPERATIONS = 30
MOST_GROWTH = 600e6
"""Bytes that the process may gain in ten minutes."""


@pytest.fixture
def port(collection: Path, tmp_path: Path) -> Iterator[int]:
    """A service of a copy of the index; its jobs have no folder to read."""
    shutil.copytree(collection / "photos.index", tmp_path / "photos.index")
    words = ("--index", tmp_path / "photos.index", "--write", "--uploads", tmp_path / "uploads")
    limits = ("--pictures", tmp_path / "none", "--max-body", "4MB", "--device", "cpu")
    with serving(*words, *limits, log=tmp_path / "log") as (port, _):
        yield port
    assert "Traceback" not in (tmp_path / "log").read_text("utf-8")


def run(port: int, examples: int, seconds: float) -> int:
    """Send generated requests to every operation, again until so many seconds have passed; return the operations."""
    document = schemathesis.openapi.from_dict(json.loads(get(port, "/openapi.json")[1]))
    operations = [each.ok() for each in document.get_all_operations()]
    end = time.monotonic() + seconds
    while True:
        for operation in operations:
            send_all(operation, port, examples, repeatable=seconds == 0)
        if time.monotonic() >= end:
            return len(operations)


def send_all(operation: Any, port: int, examples: int, *, repeatable: bool) -> None:
    cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    cases |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=repeatable,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def send(case: Any) -> None:
        case.validate_response(case.call(base_url=f"http://127.0.0.1:{port}", timeout=60), checks=CHECKS)

    send()


def memory(port: int) -> float:
    lines = get(port, "/metrics")[1].decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("twinlens_resident_bytes "))


def test_a_few_requests_to_every_route(port: int) -> None:
    assert run(port, 2, 0) >= OPERATIONS


@pytest.mark.slow
def test_ten_minutes(port: int) -> None:
    run(port, 3, 0)
    before = memory(port)
    assert run(port, 40, MINUTES * 60) >= OPERATIONS
    assert memory(port) - before < MOST_GROWTH
