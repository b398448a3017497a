"""Thumbnails on disk: bounded, private, and never trusted; pages do not wait long for those that are missing."""

from __future__ import annotations

import io
import os
import time

import pytest
from PIL import Image

from app_parts import thumbnails as made_by
from app_parts.thumbnails import TILE, ThumbnailFolder, Thumbnails, most_bytes, user_folder
from search.errors import PictureError
from search.pictures.thumbnails import thumbnail
from tests.app.page import offered, sound, started
from tests.conftest import draw


def jpeg(size=(TILE, TILE), colour="red"):
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, "JPEG")
    return data.getvalue()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache" / "thumbnails"


@pytest.fixture
def picture(tmp_path):
    draw(1).save(tmp_path / "one.png")
    return tmp_path / "one.png"


def test_a_thumbnail_is_made_once_and_read_by_the_next_process(folder, picture, monkeypatch):
    first = Thumbnails(ThumbnailFolder(folder, 10**6)).of(picture, "#ffffff").result()
    with Image.open(io.BytesIO(first)) as image:
        assert image.size == (TILE, TILE)

    def never(*given, **named):
        raise AssertionError("it is made again")

    monkeypatch.setattr(made_by, "thumbnail", never)
    assert Thumbnails(ThumbnailFolder(folder, 10**6)).of(picture, "#ffffff").result() == first
    with pytest.raises(AssertionError):
        Thumbnails(ThumbnailFolder(folder, 10**6)).of(picture, "#000000").result()


def test_a_changed_file_gets_another_thumbnail(folder, picture):
    thumbnails = Thumbnails(ThumbnailFolder(folder, 10**6))
    first = thumbnails.of(picture, "#ffffff").result()
    draw(2).save(picture)
    os.utime(picture, ns=(1, 1))
    assert thumbnails.of(picture, "#ffffff").result() != first
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize(
    "content",
    [b"", b"<script>alert(1)</script>", jpeg((TILE, TILE + 1)), jpeg()[:-200], b"\xff\xd8\xff" + b"x" * 5_000_000],
    ids=["empty", "markup", "other size", "truncated", "large"],
)
def test_a_file_that_is_no_thumbnail_is_made_again(folder, picture, content):
    first = Thumbnails(ThumbnailFolder(folder, 10**8)).of(picture, "#ffffff").result()
    (file,) = folder.iterdir()
    file.write_bytes(content)
    assert Thumbnails(ThumbnailFolder(folder, 10**8)).of(picture, "#ffffff").result() == first
    assert file.read_bytes() == first


@pytest.mark.skipif(os.name != "posix", reason="links need rights there")
def test_links_are_not_followed(folder, picture, tmp_path):
    Thumbnails(ThumbnailFolder(folder, 10**6)).of(picture, "#ffffff").result()
    (file,) = folder.iterdir()
    file.unlink()
    (tmp_path / "secret.jpg").write_bytes(jpeg(colour="blue"))
    file.symlink_to(tmp_path / "secret.jpg")
    data = Thumbnails(ThumbnailFolder(folder, 10**6)).of(picture, "#ffffff").result()
    assert data != jpeg(colour="blue")
    assert (tmp_path / "secret.jpg").read_bytes() == jpeg(colour="blue")
    assert not file.is_symlink(), "the link is replaced"


@pytest.mark.skipif(os.name != "posix", reason="permissions are different there")
def test_the_folder_belongs_to_the_user_alone(folder, tmp_path):
    assert ThumbnailFolder(folder, 10**6).usable
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    assert not ThumbnailFolder(folder, 10**6).usable
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert not ThumbnailFolder(tmp_path / "link", 10**6).usable
    (tmp_path / "file").write_bytes(b"")
    assert not ThumbnailFolder(tmp_path / "file", 10**6).usable
    assert not ThumbnailFolder(tmp_path / "file" / "below", 10**6).usable


def test_the_least_recently_used_are_removed_when_the_folder_is_full(folder):
    data = jpeg()
    store = ThumbnailFolder(folder, 10 * len(data))
    for number in range(10):
        store.write(f"{number}.jpg", data)
        os.utime(folder / f"{number}.jpg", (1000 + number, 1000 + number))
    assert store.read("0.jpg") == data, "a use makes it recent"
    store.write("10.jpg", data)
    left = {path.name for path in folder.iterdir()}
    assert left == {"0.jpg", *(f"{number}.jpg" for number in range(4, 11))}
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 8 * len(data)
    later = ThumbnailFolder(folder, 3 * len(data))  # another process, with a smaller bound
    later.write("11.jpg", data)
    assert len(list(folder.iterdir())) <= 3


def test_a_full_disk_costs_only_the_cache(folder, picture, monkeypatch):
    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(made_by, "new_file", full)
    assert Thumbnails(ThumbnailFolder(folder, 10**6)).of(picture, "#ffffff").result()
    assert list(folder.iterdir()) == []


def test_failures_are_not_kept(folder, tmp_path):
    thumbnails = Thumbnails(ThumbnailFolder(folder, 10**6))
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(PictureError):
        thumbnails.of(tmp_path / "text.png", "#ffffff").result()
    with pytest.raises(FileNotFoundError):
        thumbnails.of(tmp_path / "none.png", "#ffffff")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("text", "megabytes"), [("", 500), ("20", 20), ("0", 0), ("-1", 500), ("many", 500)])
def test_the_bound_is_a_setting(monkeypatch, text, megabytes, folder):
    monkeypatch.setenv("TWINLENS_THUMBNAILS_MB", text)
    assert most_bytes() == megabytes * 2**20
    assert ThumbnailFolder(folder, most_bytes()).usable == bool(megabytes)
    assert user_folder().parts[-2:] == ("twinlens", "thumbnails")


def test_a_page_shows_the_thumbnails_that_are_late_when_they_are_made(app, gallery, monkeypatch):
    slow = []

    def takes_its_time(*given, **named):
        if not slow:
            slow.append(True)
            time.sleep(1)
        return thumbnail(*given, **named)

    monkeypatch.setattr(made_by, "thumbnail", takes_its_time)
    monkeypatch.setattr("app_parts.tiles.WAIT_SECONDS", 0.0)
    page = started(label="label1", page="1", where="id >= 0")
    page.run()
    deadline = time.monotonic() + 60
    while len(page.image) < len(offered(page)):
        assert time.monotonic() < deadline
        time.sleep(0.2)
        page = sound(page.run())
    assert len(page.image) == 13
