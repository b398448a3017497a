"""Pictures from fsspec's memory and http file systems, lists of addresses and tar shards, embedded like local ones."""

from __future__ import annotations

import functools
import http.server
import io
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.collection.build import build
from indexer.collection.sync import sync
from indexer.collection.watch import watch
from indexer.pipeline.excludes import Excludes
from indexer.pipeline.listing import Source
from indexer.shards.assignment import Shard
from indexer.shards.config import EmbedConfig
from indexer.shards.embed_part import embed_part
from indexer.shards.import_parts import import_parts
from search.encoders import load_encoder
from search.engine import open_index
from search.errors import DataError, PictureError
from search.pictures.decode import load_picture
from search.pictures.remote import address_of, is_remote, read_allowed
from search.pictures.tar_members import list_tar, tar_of
from search.store.catalog import Catalog
from tests.conftest import FAST, draw, fill
from tests.same_index import assert_same, contents_of

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'twinlens[distributed]'")
LAYOUT = EmbedConfig(encoder="color-layout", device="cpu", workers=2, batch_size=4)


def png(seed: int) -> bytes:
    stream = io.BytesIO()
    draw(seed).save(stream, "PNG")
    return stream.getvalue()


def labels_of(index: Path) -> dict[str, str | None]:
    catalog = Catalog.read(index)
    try:
        return {str(record.path): record.label for record in catalog.pictures.records()}
    finally:
        catalog.close()


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Iterator[str]:
    """A bucket in memory with six pictures in two folders, a broken one, a text and one that `*.tmp` excludes."""
    files, name = fsspec.filesystem("memory"), f"/bucket-{request.node.name.partition('[')[0]}"
    for number in range(6):
        files.pipe_file(f"{name}/label{number % 2}/{number}.png", png(number))
    files.pipe_file(f"{name}/label0/Ä 世界.png", png(10))
    files.pipe_file(f"{name}/broken.jpg", b"no picture")
    files.pipe_file(f"{name}/notes.txt", b"text")
    files.pipe_file(f"{name}/raw/7.png", png(7))
    yield f"memory:/{name}"
    files.rm(name, recursive=True)


def test_addresses_and_paths() -> None:
    assert is_remote("s3://bucket/a.png")
    assert is_remote(Path("s3://bucket/a.png"))
    assert address_of(Path("s3://bucket/a.png")) == "s3://bucket/a.png"
    for text in ("a.png", "/a.png", "C:/a.png", "C:\\a.png", "./s3:/a.png", "a/s3://b", "s3:", "s3:/", ""):
        assert not is_remote(text), text
    with pytest.raises(DataError, match="plain path"):
        address_of("file:///etc/passwd")


def test_a_bucket_is_indexed_and_followed(bucket: str, tmp_path: Path) -> None:
    index = tmp_path / "photos.index"
    report = build(bucket, index, replace(FAST, exclude=("raw",)))
    assert report.added == 7
    assert [path.name for path, _ in report.skipped] == ["broken.jpg"]
    assert report.not_read == {".txt": 1}
    labels = labels_of(index)
    root = str(Path(bucket))
    assert labels[f"{root}/label1/3.png"] == "label1"
    assert labels[f"{root}/label0/Ä 世界.png"] == "label0"
    again = sync(bucket, index, FAST)
    assert (again.embedded, again.unchanged, again.read_again) == (0, 7, 0)
    files = fsspec.filesystem("memory")
    place = bucket.removeprefix("memory:/")
    files.mv(f"{place}/label1/3.png", f"{place}/label1/moved.png")
    files.rm(f"{place}/label1/5.png")
    files.pipe_file(f"{place}/label0/0.png", png(99))
    changed = sync(bucket, index, FAST)
    assert (changed.embedded, changed.moved, changed.removed, changed.changed) == (1, 1, 1, 1)


def test_a_copy_here_does_not_move_the_remote_picture(bucket: str, tmp_path: Path) -> None:
    index = tmp_path / "photos.index"
    build(bucket, index, FAST)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "copy.png").write_bytes(png(0))
    report = build(tmp_path / "here", index, FAST)
    assert (report.added, report.moved, report.embedded) == (1, 0, 0)


def test_shards_of_a_bucket(bucket: str, tmp_path: Path) -> None:
    for number in (1, 2):
        embed_part(bucket, tmp_path / f"part{number}", EmbedConfig(Shard(number, 2), "color-layout", workers=1))
    import_parts([tmp_path / "part1", tmp_path / "part2"], tmp_path / "merged.index")
    build(bucket, tmp_path / "local.index", FAST)
    assert_same(tmp_path / "merged.index", tmp_path / "local.index")
    assert sync(bucket, tmp_path / "merged.index", FAST).embedded == 0


def test_an_index_opens_an_address_only_if_the_user_allows_it(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(bucket, tmp_path / "photos.index", FAST)
    picture = next(path for path in labels_of(tmp_path / "photos.index") if path.endswith("/2.png"))
    monkeypatch.delenv("TWINLENS_REMOTE", raising=False)
    with pytest.raises(PictureError, match="TWINLENS_REMOTE"):
        load_picture(picture)
    for allowed in ("s3://other", f"{bucket}x", f"{bucket}/label1", "memory:", "/"):
        monkeypatch.setenv("TWINLENS_REMOTE", allowed)
        with pytest.raises(PictureError, match="TWINLENS_REMOTE"):
            read_allowed(picture)
    monkeypatch.setenv("TWINLENS_REMOTE", f"s3://other {bucket}/")
    assert np.array_equal(np.asarray(load_picture(picture)), np.asarray(draw(2)))
    with pytest.raises(PictureError, match="TWINLENS_REMOTE"):
        read_allowed(f"{bucket}/label0/../../secret.png")
    with pytest.raises(PictureError, match="no such file"):
        read_allowed(f"{bucket}/gone.png")


def test_what_cannot_be_reached_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="no pictures below"):
        build("memory://nothing", tmp_path / "photos.index", FAST)
    with pytest.raises(DataError, match=r"nosuch://bucket"):
        build("nosuch://bucket", tmp_path / "photos.index", FAST)
    with pytest.raises(DataError, match="only a folder of this machine can be watched"):
        watch("s3://bucket", tmp_path / "photos.index", report=lambda report: None)
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(DataError, match=r"pip install 'twinlens\[distributed\]'"):
        build("s3://bucket", tmp_path / "photos.index", FAST)
    assert not (tmp_path / "photos.index").exists()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server with a list of its files, and the folder that it serves."""
    pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'twinlens[distributed]'")
    folder = tmp_path / "site"
    fill(folder / "photos", 6, labels=2)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()
    thread.join()


def test_http_listings_and_lists(site: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = site
    report = build(f"{address}/photos", tmp_path / "pages.index", FAST)
    assert report.added == 6
    again = sync(f"{address}/photos", tmp_path / "pages.index", FAST)
    assert (again.embedded, again.unchanged) == (0, 6)
    listed = tmp_path / "list.txt"
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    listed.write_text("\n".join(f"{address}/{name}" for name in [*names, names[0], "photos/gone.png"]) + "\n\n")
    report = build(listed, tmp_path / "listed.index", FAST)
    assert report.added == 6
    assert [path.name for path, _ in report.skipped] == ["gone.png"]
    pages, of_list = contents_of(tmp_path / "pages.index"), contents_of(tmp_path / "listed.index")
    assert pages[0][:6] == of_list[0][:6]
    assert np.array_equal(pages[1], of_list[1])
    assert set(labels_of(tmp_path / "listed.index").values()) == {"label0", "label1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "is empty"), ("/etc/passwd\n", "is not an address"), ("http://a/1.png\nhttp://b/2.png", "several hosts")],
)
def test_a_list_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        Source.of(tmp_path / "list.txt")


def make_tar(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_700_000_000
            tar.addfile(info, io.BytesIO(data))


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Two tars in the form of webdataset; the second also has what must not be read."""
    folder = tmp_path / "shards"
    folder.mkdir()
    samples = {
        name: data
        for number in range(4)
        for name, data in ((f"{number:06}.png", png(number)), (f"{number:06}.cls", f"{number % 2}\n".encode()))
    }
    make_tar(folder / "train-0000.tar", samples)
    others = {"dogs/a.b.png": png(8), "cats/c.png": png(9), "c.json": b"{}", "../out.png": png(1), "/abs.png": png(2)}
    make_tar(folder / "train-0001.tar", {**others, "./dogs/Ä.jpg": b"broken", "empty.png": b""})
    return folder


@pytest.mark.parametrize("pattern", ["train-*.tar", "train-{0000..0001}.tar", "train-000?.tar"])
def test_tar_shards(shards: Path, tmp_path: Path, pattern: str) -> None:
    index = tmp_path / "photos.index"
    report = build(shards / pattern, index, FAST)
    assert {path.name for path, _ in report.skipped} == {"Ä.jpg", "empty.png"}
    labels = {path.removeprefix(f"{shards}/"): label for path, label in labels_of(index).items()}
    assert labels == {
        **{f"train-0000.tar/{number:06}.png": str(number % 2) for number in range(4)},
        "train-0001.tar/dogs/a.b.png": "dogs",
        "train-0001.tar/cats/c.png": "cats",
    }
    again = sync(shards / pattern, index, FAST)
    assert (again.embedded, again.unchanged, again.read_again) == (0, 6, 0)
    with open_index(index) as engine:
        (hit,) = engine.search(draw(2), k=1)
    assert hit.path == shards / "train-0000.tar" / "000002.png"
    assert np.array_equal(np.asarray(load_picture(hit.path)), np.asarray(draw(2)))


def test_shards_of_tars_merge_to_the_same_index(shards: Path, tmp_path: Path) -> None:
    build(shards / "train-*.tar", tmp_path / "local.index", FAST)
    embed_part(shards / "train-*.tar", tmp_path / "part", LAYOUT)
    import_parts([tmp_path / "part"], tmp_path / "merged.index")
    assert_same(tmp_path / "merged.index", tmp_path / "local.index")


def test_one_remote_tar(tmp_path: Path, shards: Path) -> None:
    files = fsspec.filesystem("memory")
    files.pipe_file("/tars/train.tar", (shards / "train-0000.tar").read_bytes())
    report = build("memory://tars/train.tar", tmp_path / "photos.index", FAST)
    assert report.added == 4
    assert set(labels_of(tmp_path / "photos.index").values()) == {"0", "1"}
    files.rm("/tars", recursive=True)


def test_damaged_tars(tmp_path: Path, shards: Path) -> None:
    whole = (shards / "train-0000.tar").read_bytes()
    start = list_tar(shards / "train-0000.tar").members["000003.png"].offset
    (tmp_path / "cut.tar").write_bytes(whole[: start + 50])
    files = Source.of(tmp_path / "cut.tar")
    assert files is not None
    found = files.files(Excludes(tmp_path), None, lambda path, error: None)
    assert [file.path.name for file in found] == [f"{number:06}.png" for number in range(4)]
    report = build(tmp_path / "cut.tar", tmp_path / "photos.index", FAST)
    assert report.added == 3
    assert "cut off" in dict(report.skipped)[tmp_path / "cut.tar" / "000003.png"]
    (tmp_path / "text.tar").write_bytes(b"no tar at all" * 100)
    with pytest.raises(DataError, match="cannot be read as a tar"):
        build(tmp_path / "text.tar", tmp_path / "text.index", FAST)
    with pytest.raises(DataError, match="no tar has such a name"):
        build(tmp_path / "nothing-*.tar", tmp_path / "text.index", FAST)


def test_a_folder_with_the_name_of_a_tar_is_a_folder(tmp_path: Path) -> None:
    fill(tmp_path / "photos.tar", 3)
    assert build(tmp_path / "photos.tar", tmp_path / "photos.index", FAST).added == 3
    assert tar_of(tmp_path / "photos.tar" / "label0" / "0000.png") is None


def test_other_tars_of_a_folder_are_not_opened(shards: Path, tmp_path: Path) -> None:
    fill(shards, 2)
    report = build(shards, tmp_path / "photos.index", FAST)
    assert (report.added, report.not_read) == (2, {".tar": 2})


def test_an_unmounted_tar_is_missing_and_a_present_one_has_not_moved(shards: Path, tmp_path: Path) -> None:
    index = tmp_path / "photos.index"
    build(shards / "train-0000.tar", index, FAST)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "copy.png").write_bytes(png(0))
    assert build(tmp_path / "here", index, FAST).added == 1
    (shards / "train-0000.tar").rename(shards / "other.tar")
    with pytest.raises(PictureError):
        load_picture(shards / "train-0000.tar" / "000001.png")
    assert load_encoder("color-layout", device="cpu").encode([load_picture(shards / "other.tar" / "000001.png")]).size
