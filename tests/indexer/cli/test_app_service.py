"""The command `app` with `--url`: what it checks before it serves, and what it passes on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from app_parts.arguments import arguments
from indexer.cli import app_commands
from indexer.cli.app_commands import serve_app
from indexer.cli.app_server import Serving, app_command
from search.client import Client
from search.client.endpoint import KEY
from search.client.errors import ServiceError
from search.errors import DataError
from tests.app.browser import free_port

URL = "http://127.0.0.1:8080"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Serving]:
    served: list[Serving] = []
    monkeypatch.setattr(app_commands, "_serve", lambda serving, host, port: served.append(serving))
    return served


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"service": URL, "index": Path("x")}, "either --url or --index"),
        ({"service": URL, "manage": True}, "either --url or --manage"),
        ({"index_name": "photos"}, "give its address by --url"),
        ({"service": "photos.index"}, "not the address of a service"),
        ({"service": "http://me:secret@127.0.0.1"}, "holds no name or password"),
    ],
)
def test_what_cannot_be_right_is_refused(options: dict[str, Any], said: str, served: list[Serving]) -> None:
    with pytest.raises(DataError, match=said) as raised:
        serve_app(**options)
    assert not served
    assert "secret" not in str(raised.value)


def test_a_service_that_does_not_answer_yet_is_a_warning(
    served: list[Serving], capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    serve_app(service=url, index_name="photos")
    assert [(each.url, each.index_name, each.index) for each in served] == [(url, "photos", None)]
    assert f"{url}: the service cannot be reached" in capsys.readouterr().err


def test_a_service_that_refuses_is_an_error(served: list[Serving], monkeypatch: pytest.MonkeyPatch) -> None:
    def info(self: Client) -> None:
        raise ServiceError("send an API key", "key-missing")

    monkeypatch.setattr(Client, "info", info)
    with pytest.raises(ServiceError, match="send an API key"):
        serve_app(service=URL)
    assert not served


def test_the_key_is_not_passed_on_by_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "k" * 20)
    words = app_command(Serving(None, url=URL, index_name="photos"), 8501)
    assert not [word for word in words if "k" * 20 in word]
    monkeypatch.setattr(sys, "argv", ["app.py", *words[words.index("--") + 1 :]])
    given = arguments()
    assert (given.url, given.index_name, given.index, given.manage) == (URL, "photos", None, False)
