"""Changes over HTTP: each is that of the library, and the next request sees it."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import indexer
from indexer.pipeline.lock import writer_lock
from search import open_index
from service.config import Served, ServiceConfig
from tests.awkward import broken_files
from tests.conftest import draw, fill
from tests.people import photograph
from tests.service.conftest import FAST, running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    fill(folder / "pictures", 8)
    indexer.build(folder / "pictures", folder / "photos.index", FAST)
    return folder


@pytest.fixture(scope="module")
def writer(folder: Path) -> Iterator[TestClient]:
    place = Served("photos", folder / "photos.index", folder / "pictures", folder / "uploads")
    with running(ServiceConfig((place,), write=True, device="cpu")) as client:
        yield client


def png(seed: int) -> bytes:
    import io

    stream = io.BytesIO()
    draw(seed).save(stream, "PNG")
    return stream.getvalue()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def stored(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "uploads").rglob("*") if path.is_file())


def test_pictures_are_added_found_and_removed(writer: TestClient, folder: Path) -> None:
    before = stored(folder)
    answer = writer.post("/v1/pictures", json={"pictures": [b64(png(900)), b64(png(901))], "label": "shoes/día 写真"})
    assert answer.status_code == 200, answer.text
    added = answer.json()
    assert added["report"]["added"] == 2
    first, second = added["ids"]
    hit = writer.post("/v1/search", files={"picture": png(900)}).json()["hits"][0]
    assert (hit["id"], hit["label"], hit["distance"]) == (first, "shoes/día 写真", 0.0)
    assert len(stored(folder)) == len(before) + 2
    again = writer.post("/v1/pictures", json={"pictures": [b64(png(900))], "label": "shoes/día 写真"}).json()
    assert (again["ids"], again["report"]["added"]) == ([first], 0)
    plain = writer.post("/v1/pictures", files={"picture": png(902)}).json()
    assert writer.get(f"/v1/pictures/{plain['ids'][0]}").json()["label"] is None
    kept = writer.post("/v1/pictures:remove", json={"ids": [first], "dry_run": True}).json()["report"]
    assert kept["removed"] == 1
    assert writer.get(f"/v1/pictures/{first}").status_code == 200
    gone = writer.post("/v1/pictures:remove", json={"ids": [first, second]}).json()["report"]
    assert gone["removed"] == 2
    assert writer.get(f"/v1/pictures/{first}").status_code == 404
    assert writer.post("/v1/pictures:remove", json={"where": f"id = {plain['ids'][0]}"}).status_code == 200
    with open_index(folder / "photos.index") as engine:
        assert len(engine) == 8
    assert not indexer.check(folder / "photos.index")


def test_a_broken_picture_is_reported_and_not_kept(writer: TestClient, folder: Path, tmp_path: Path) -> None:
    broken = broken_files(tmp_path)["jpeg truncated"].read_bytes()
    before = stored(folder)
    answer = writer.post("/v1/pictures", json={"pictures": [b64(broken), b64(png(910))]}).json()
    assert answer["ids"][0] is None
    assert answer["ids"][1] is not None
    assert len(answer["report"]["skipped"]) == 1
    assert len(stored(folder)) == len(before) + 1
    for pictures, label in (([b64(b"text")], None), ([b64(png(911)), b64(b"")], None), ([b64(png(911))], "../up")):
        refused = writer.post("/v1/pictures", json={"pictures": pictures, "label": label})
        assert refused.status_code == 422, refused.text
    assert len(stored(folder)) == len(before) + 1
    writer.post("/v1/pictures:remove", json={"ids": [answer["ids"][1]]})


@pytest.mark.parametrize(
    "label",
    ["", "/", "/etc", "a//b", "..", "a/../b", ".hidden", "@eaDir", "a\\b", "a\0b", "a\nb", " a", "x" * 200, "a/" * 20],
)
def test_a_label_cannot_leave_the_folder(label: str, writer: TestClient, folder: Path) -> None:
    before = stored(folder)
    answer = writer.post("/v1/pictures", json={"pictures": [b64(png(912))], "label": label})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:twinlens:problem:data")
    assert stored(folder) == before


def test_metadata(writer: TestClient) -> None:
    rows: list[dict[str, Any]] = [
        {"id": 1, "price": 4.5, "name": "día 🌄", "sold": True, "day": "2024-02-29"},
        {"id": 2, "price": 7, "name": None},
    ]
    answer = writer.post("/v1/metadata", json={"rows": rows})
    assert answer.status_code == 200, answer.text
    assert answer.json()["report"]["rows"] == 2
    assert writer.get("/v1/columns").json()["columns"]["price"] == "real"
    assert writer.get("/v1/pictures/1").json()["metadata"] == {
        "price": 4.5,
        "name": "día 🌄",
        "sold": True,
        "day": "2024-02-29",
    }
    assert writer.get("/v1/ids", params={"where": "price > 5"}).json() == {"ids": [2]}
    writer.post("/v1/metadata", json={"rows": [{"id": 1, "price": None}]})
    assert "price" not in writer.get("/v1/pictures/1").json()["metadata"]
    for wrong, status in (
        ([{"id": 1, "price": "dear"}], 422),
        ([{"path": "label0/0000.png", "price": 1}], 422),
        ([{"price": 1}], 422),
        ([{"id": 99999, "price": 1}], 422),
        ([{"id": 1, "a\nb": 1}], 422),
        ([], 422),
    ):
        assert writer.post("/v1/metadata", json={"rows": wrong}).status_code == status, wrong


def test_people(writer: TestClient, folder: Path, tmp_path: Path) -> None:
    one, other = (photograph(tmp_path, 1, shot).read_bytes() for shot in (0, 1))
    before = stored(folder)
    answer = writer.post("/v1/identities", json={"name": "Ødegård 🦊", "pictures": [b64(one)]})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["added"], answer.json()["templates"]) == (1, 1)
    found = writer.post("/v1/identify", files={"picture": other, "options": (None, '{"threshold": 1.0}')}).json()
    assert found["name"] == "Ødegård 🦊"
    assert len(stored(folder)) == len(before) + 1
    for wrong in (
        {"name": "Ødegård 🦊", "pictures": [b64(other)]},
        {"name": "", "pictures": [b64(other)]},
        {"name": "A"},
    ):
        assert writer.post("/v1/identities", json=wrong).status_code == 422
    assert len(stored(folder)) == len(before) + 1, "what was refused is not kept"
    more = writer.post(
        "/v1/identities", files={"picture": other, "options": (None, '{"name": "Ødegård 🦊", "add": true}')}
    )
    assert more.json()["templates"] == 2
    assert writer.post("/v1/identities:remove", json={"names": ["Nobody"]}).status_code == 422
    assert writer.post("/v1/identities:remove", json={"names": ["Ødegård 🦊"]}).json() == {"removed": 2}
    assert writer.get("/v1/identities").json() == {"identities": []}


def test_another_writer_is_reported(writer: TestClient, folder: Path) -> None:
    with writer_lock(folder / "photos.index"):
        answer = writer.post("/v1/pictures:remove", json={"ids": [1]})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:twinlens:problem:index-locked")
    assert answer.headers["retry-after"] == "1"


def ended(writer: TestClient, number: int) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while (job := writer.get(f"/v1/jobs/{number}").json())["status"] in ("running", "stopping"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return dict(job)


def test_jobs(writer: TestClient, folder: Path) -> None:
    fill(folder / "pictures", 3, first=50)
    started = writer.post("/v1/jobs", json={"verb": "sync"})
    assert started.status_code == 202, started.text
    job = ended(writer, started.json()["number"])
    assert (job["status"], job["report"]["added"], job["index"]) == ("done", 3, "photos")
    assert job["stages"][0] == "scan"
    deadline = time.monotonic() + 20
    while writer.get("/v1/count").json()["count"] != 11:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    fill(folder / "pictures", 300, first=1000)
    number = writer.post("/v1/jobs", json={"verb": "sync", "batch_size": 1}).json()["number"]
    second = writer.post("/v1/jobs", json={"verb": "rebuild"})
    assert (second.status_code, second.json()["type"]) == (409, "urn:twinlens:problem:index-locked")
    writer.delete(f"/v1/jobs/{number}")
    assert ended(writer, number)["status"] in ("stopped", "done")
    assert [each["number"] for each in writer.get("/v1/jobs").json()["jobs"]] == [number]
    assert writer.get("/v1/jobs/99").status_code == 404
    wrong_jobs: list[dict[str, Any]] = [{}, {"verb": "train"}, {"verb": "build", "pictures": "/etc"}]
    wrong_jobs += [{"verb": "build", "encoder": "/tmp/x"}, {"verb": "build", "encoder": "torchvision:resnet18"}]
    wrong_jobs += [{"verb": "rebuild", "recall": 5.0}, {"verb": "rebuild", "batch_size": 0}]
    for wrong in wrong_jobs:
        assert writer.post("/v1/jobs", json=wrong).status_code == 422


def test_an_index_that_a_job_makes(tmp_path: Path) -> None:
    fill(tmp_path / "pictures", 5)
    place = Served("new", tmp_path / "new.index", tmp_path / "pictures")
    config = ServiceConfig((place,), write=True, device="cpu", refresh_seconds=0.1)
    from service.factory import create_app, wait_until_ready

    app = create_app(config)
    with TestClient(app, base_url="http://localhost") as client:
        assert client.get("/readyz").status_code == 503
        before = client.get("/v1/info")
        assert (before.status_code, before.json()["type"]) == (503, "urn:twinlens:problem:index-folder")
        number = client.post("/v1/jobs", json={"verb": "build", "encoder": "color-layout"}).json()["number"]
        assert ended(client, number)["status"] == "done"
        wait_until_ready(app)
        assert client.get("/readyz").json() == {"status": "ready", "waiting_for": []}
        assert client.get("/v1/count").json() == {"count": 5}
        no = client.post("/v1/pictures", files={"picture": png(1)})
        assert (no.status_code, no.json()["type"]) == (409, "urn:twinlens:problem:no-folder")
