"""The examples of docs/service.md run: curl against a service that runs as a process, and the Python client."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import indexer
from benchmarks.service_load import Request, get, load, serving
from search.client import Client, ServiceError
from search.errors import PictureError
from service.problems import OF_ENGINE, OF_REQUEST
from tests.conftest import draw, fill
from tests.service.conftest import FAST

PAGE = (Path(__file__).parents[2] / "docs" / "service.md").read_text("utf-8")
CURL = re.findall(r"^curl .*$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("documents")
    fill(place / "pictures", 12)
    indexer.build(place / "pictures", place / "photos.index", FAST)
    for number, name in enumerate(("query.jpg", "other.jpg", "bad.jpg", "new.jpg")):
        draw(number + 1).save(place / name)
    return place


@pytest.fixture(scope="module")
def port(place: Path) -> Iterator[int]:
    words = ("--index", place / "photos.index", "--write", "--uploads", place / "uploads", "--device", "cpu")
    with serving(*words, log=place / "log") as (port, process):
        yield port
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, "SIGTERM is a clean end"
    lines = [line for line in (place / "log").read_text("utf-8").splitlines() if line.startswith("{")]
    assert len(lines) > len(CURL)
    assert all(json.loads(line)["time"] for line in lines)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("line", CURL, ids=range(len(CURL)))
def test_curl(line: str, port: int, place: Path) -> None:
    words = shlex.split(line.replace(":8080", f":{port}"))
    status = ["--write-out", "\n%{http_code}"]
    done = subprocess.run([*words, *status], capture_output=True, cwd=place, check=True, timeout=60)
    body, _, code = done.stdout.rpartition(b"\n")
    assert code in (b"200", b"202"), body
    if "-o" in words:
        assert (place / "small.jpg").read_bytes().startswith(b"\xff\xd8")
    else:
        assert json.loads(body)


def test_the_examples_are_there() -> None:
    assert len(CURL) >= 12
    named = set(re.findall(r"`([a-z-]+)`", PAGE.split("## Errors")[1].split("## From Python")[0]))
    assert {*OF_REQUEST, *(name for name, _ in OF_ENGINE.values())} <= named


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_unit_of_systemd(tmp_path: Path) -> None:
    (unit,) = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)

    def problems(text: str) -> str:
        (tmp_path / "twinlens.service").write_text(text, "utf-8")
        command = ["systemd-analyze", "verify", "--man=no", tmp_path / "twinlens.service"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        said = done.stdout + done.stderr
        return "".join(line for line in said.splitlines() if "twinlens.service" in line) + "!" * done.returncode

    here = unit.replace("/opt/twinlens/bin/twinlens", shutil.which("true") or "")
    assert here != unit
    assert problems(here) == ""
    assert problems(here.replace("Restart=on-failure", "Restart=sometimes"))
    assert problems(unit), "the program of the page is not installed here"


def test_the_client(
    port: int, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(block.replace("8080", str(port)), "docs/service.md", "exec"), {})
    assert "label1" in capsys.readouterr().out
    with Client(f"http://127.0.0.1:{port}/") as client:
        assert client.search("query.jpg", 1)[0].distance < 0.5
        with pytest.raises(PictureError, match=r"^photos\.index/"):
            client.search("photos.index/catalog.sqlite")


def test_routes_of_the_page_exist(port: int) -> None:
    paths = json.loads(get(port, "/openapi.json")[1])["paths"]
    named = set(re.findall(r"(/(?:v1/[a-z:{}/]+|livez|readyz|metrics))`", PAGE))
    known = {path.replace("picture_id", "id") for path in paths}
    assert named <= known
    assert known - named <= {f"/v1/pictures/{{id}}/{kind}" for kind in ("thumbnail", "image")}


def test_a_commit_of_another_process_is_served(port: int, place: Path) -> None:
    before = json.loads(get(port, "/v1/info")[1])
    fill(place / "pictures", 2, first=70)
    indexer.sync(place / "pictures", place / "photos.index", FAST)
    deadline = time.monotonic() + 20
    while (now := json.loads(get(port, "/v1/info")[1]))["generation"] == before["generation"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert now["images"] == before["images"] + 2
    text = get(port, "/metrics")[1].decode()
    assert f'twinlens_index_pictures{{index="photos"}} {float(now["images"])}' in text
    assert 'twinlens_requests_total{method="GET",route="/v1/info",status="200"}' in text
    for name in ("request_seconds_bucket", 'stage_seconds_bucket{le="0.001",stage="encode"}', "resident_bytes"):
        assert f"twinlens_{name}" in text


def test_clients_at_once_get_what_one_gets(port: int, place: Path) -> None:
    requests = [Request.of_picture((place / name).read_bytes()) for name in ("query.jpg", "other.jpg", "bad.jpg")]
    right: dict[bytes, str] = {}

    def check(request: Request, data: bytes) -> str | None:
        hits = json.dumps(json.loads(data)["hits"])
        return None if right.setdefault(request.body, hits) == hits else "another answer"

    assert load(port, requests, 1, 0.3, check).failures == []
    seen = load(port, requests, 12, 1.0, check)
    assert seen.failures == []
    assert len(seen.seconds) > 12


def test_no_service_is_an_error_of_ours(place: Path) -> None:
    for url in ("http://127.0.0.1:9", "nonsense", "http://[", "ftp://127.0.0.1"):
        with pytest.raises(ServiceError, match=re.escape(url)):
            Client(url).info()
