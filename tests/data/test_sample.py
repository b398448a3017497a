"""The sample collection is what it says, and its renderer does what it says."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DATA = Path(__file__).parents[2] / "data"
SAMPLE = sorted((DATA / "sample").glob("*/*.jpg"))


@pytest.fixture
def renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DATA))


def test_there_are_enough_pictures_of_enough_things() -> None:
    things = {path.parent.name for path in SAMPLE}
    assert len(SAMPLE) >= 400
    assert len(things) >= 40
    assert all(sum(path.parent.name == thing for path in SAMPLE) >= 5 for thing in things)
    assert sum(path.stat().st_size for path in SAMPLE) < 8 * 2**20


def test_every_picture_is_whole_and_unlike_the_others() -> None:
    for path in SAMPLE:
        with Image.open(path) as image:
            image.load()
            assert (image.mode, image.size) == ("RGB", (224, 224)), path
    assert len({hashlib.sha256(path.read_bytes()).digest() for path in SAMPLE}) == len(SAMPLE)


@pytest.mark.usefixtures("renderer")
def test_the_sample_holds_every_thing_that_is_modelled() -> None:
    from sample_renderer.things import THINGS

    assert {path.parent.name for path in SAMPLE} == set(THINGS)


@pytest.mark.usefixtures("renderer")
def test_rendering_is_repeatable_and_views_differ() -> None:
    from sample_renderer.picture import render
    from sample_renderer.views import compose

    pictures = [render(*compose("apple", view), 24) for view in (0, 0, 1)]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert np.abs(pictures[0].astype(int) - pictures[2]).mean() > 5


@pytest.mark.usefixtures("renderer")
def test_distances_by_hand() -> None:
    from sample_renderer.primitives import sphere

    points = np.array([[0, 3, 0, 1], [0, 4, 2, 2], [0, 0, 0, 2]], dtype=np.float32)
    np.testing.assert_allclose(sphere(2.0)(points), [-2, 3, 0, 1], atol=1e-6)
    both = sphere(1.0) | sphere(1.0).at(4, 0, 0)
    np.testing.assert_allclose(
        both(points), np.minimum(sphere(1.0)(points), sphere(1.0)(points - [[4], [0], [0]])), atol=1e-6
    )


def test_the_command_writes_what_it_is_asked_for(tmp_path: Path) -> None:
    words = ["--out", tmp_path, "--things", "die", "--views", "0", "3", "--size", "16"]
    subprocess.run([sys.executable, DATA / "make_sample.py", *map(str, words)], check=True, capture_output=True)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.jpg")) == [
        "die/00.jpg",
        "die/03.jpg",
    ]
