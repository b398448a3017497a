from __future__ import annotations

import io
import os

import numpy as np
import pytest
from PIL import Image

from search.pictures.decode import decode, load_picture, picture_name, read_file
from tests.awkward import scene
from tests.search.pictures.test_decode import difference, reason, saved


def test_path_bytes_file_image_and_array_give_the_same_picture(tmp_path):
    image = scene(8)
    path = tmp_path / "picture.png"
    image.save(path)
    data = path.read_bytes()
    with path.open("rb") as file:
        pictures = [
            load_picture(s)
            for s in (path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data), file, image)
        ]
        assert not file.closed
    pictures.append(load_picture(np.asarray(image)))
    assert [difference(picture, image) for picture in pictures] == [0] * 9
    assert {type(picture) for picture in pictures} == {Image.Image}
    assert all(picture.info == {"full_size": image.size} for picture in pictures)


@pytest.mark.parametrize("name", ["naïve 写真 🌄.png", " leading and  double ", "new\nline.png", "-k.png", "%s{0}.png"])
def test_any_valid_file_name(tmp_path, name):
    path = tmp_path / name
    scene(9).save(path, "PNG")
    assert difference(load_picture(path), scene(9)) == 0
    path.write_bytes(b"")
    assert reason(str(path)) == "empty file (0 bytes)"


def test_a_file_object_is_read_from_its_position_and_rewound():
    data = saved(scene(9), "PNG")
    file = io.BytesIO(b"header" + data)
    file.seek(6)
    for _ in range(2):
        assert difference(load_picture(file), scene(9)) == 0
        assert file.tell() == 6
    file.seek(0)
    assert "not a picture" in reason(file)
    assert file.tell() == 0
    file.seek(0, io.SEEK_END)
    assert reason(file) == "empty file (0 bytes)"


def test_a_stream_that_cannot_seek_and_returns_small_chunks():
    class Trickle(io.RawIOBase):
        def __init__(self, data):
            self.rest = data

        def readable(self):
            return True

        def read(self, size=-1):
            chunk, self.rest = self.rest[: min(size, 100)], self.rest[min(size, 100) :]
            return chunk

    assert difference(load_picture(Trickle(saved(scene(9), "PNG"))), scene(9)) == 0


def test_errors_for_unreadable_files(tmp_path):
    closed = io.BytesIO(b"x")
    closed.close()
    assert "cannot be read" in reason(closed)
    assert "text mode" in reason(io.StringIO("x"))
    assert reason(tmp_path / "missing.jpg") == "no such file"
    assert reason(tmp_path) == "is a folder, not a picture"
    assert "not a path" in reason("nul\0byte.jpg")
    assert "cannot be read" in reason("x" * 5000)
    (tmp_path / "file.jpg").write_bytes(b"x")
    assert "cannot be read" in reason(tmp_path / "file.jpg" / "below.jpg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_fifo_is_refused_without_waiting_for_a_writer(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert reason(tmp_path / "pipe.jpg") == "is not a regular file"


def test_permission_denied(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "x.jpg").write_bytes(b"x")
    monkeypatch.setattr(os, "open", refuse)  # chmod would not stop root, as whom tests run in containers
    assert reason(tmp_path / "x.jpg") == "permission denied"


def test_read_file_returns_bytes_that_decode_accepts(tmp_path):
    path = tmp_path / "picture.jpg"
    path.write_bytes(saved(scene(9), "JPEG"))
    data = read_file(path)
    assert data == path.read_bytes()
    assert difference(decode(data, name="x"), load_picture(path)) == 0


@pytest.mark.parametrize("source", [None, 3, [[1, 2]], {"a": 1}])
def test_other_objects_are_rejected_with_their_type(source):
    assert type(source).__name__ in reason(source)


def test_picture_names(tmp_path):
    named = io.BytesIO()
    named.name = "upload.png"
    sources = [tmp_path, "a.jpg", b"x", io.BytesIO(), named, Image.new("L", (1, 1)), np.zeros(1), None]
    names = [str(tmp_path), "a.jpg", "<bytes>", "<file>", "upload.png", "<image>", "<array>", "<NoneType>"]
    assert [picture_name(source) for source in sources] == names


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "F"])
def test_a_pil_image_is_never_altered(mode):
    image = Image.new(mode, (8, 6))
    image.info["transparency"] = 0
    before = (image.mode, image.size, dict(image.info), image.tobytes(), image.getpalette())
    load_picture(image, target=1).paste("red", (0, 0, 8, 6))
    assert (image.mode, image.size, dict(image.info), image.tobytes(), image.getpalette()) == before


def test_a_closed_or_broken_pil_image_is_an_error():
    closed = scene(1)
    closed.close()
    assert reason(closed)
    with Image.open(io.BytesIO(saved(scene(9), "JPEG")[:2000])) as lazy:
        assert "truncated" in reason(lazy)
