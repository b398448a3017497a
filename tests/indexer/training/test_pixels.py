from pathlib import Path

import numpy as np
from PIL import Image

from indexer.training.pixels import decode_all
from search.encoders.preprocessing import squash


def test_squares_are_the_input_of_an_encoder(collection: Path, tmp_path: Path) -> None:
    paths = sorted(collection.rglob("*.png"))
    pixels = decode_all(paths, 16, tmp_path / "out")
    assert pixels.squares.shape == (24, 16, 16, 3)
    assert pixels.unreadable == {}
    for path, square in zip(paths, pixels.squares, strict=True):
        np.testing.assert_array_equal(square, squash(Image.open(path).convert("RGB"), 16))


def test_decoded_once_for_the_same_files(collection: Path, tmp_path: Path) -> None:
    paths = sorted(collection.rglob("*.png"))
    counted: list[int] = []
    decode_all(paths, 16, tmp_path, advance=counted.append)
    decode_all(paths, 16, tmp_path, advance=counted.append)
    assert sum(counted) == 24
    Image.new("RGB", (9, 9), "white").save(paths[0])
    again = decode_all(paths, 16, tmp_path, advance=counted.append)
    assert sum(counted) == 48
    assert (again.squares[0] == 255).all()


def test_unreadable_pictures_are_reported_and_black(collection: Path, tmp_path: Path) -> None:
    paths = sorted(collection.rglob("*.png"))
    paths[5].write_bytes(b"not a picture")
    paths[7].unlink()
    pixels = decode_all(paths, 16, tmp_path)
    assert sorted(pixels.unreadable) == [5, 7]
    assert str(paths[5]) in pixels.unreadable[5]
    assert not pixels.squares[5].any()
    assert pixels.squares[6].any()
