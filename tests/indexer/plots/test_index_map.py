"""The map of an index."""

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from indexer.cli.app import app
from indexer.collection.build import build
from indexer.plots.index_map import MapReport, draw_index_map
from search.config import BuildConfig
from search.errors import DataError
from search.pictures import thumbnails
from tests.conftest import fill


@pytest.fixture
def index(tmp_path: Path) -> Path:
    fill(tmp_path / "pictures" / "a <b>", 4)
    fill(tmp_path / "pictures" / "c", 3, first=10)
    build(tmp_path / "pictures", tmp_path / "index", BuildConfig(encoder="color-layout"))
    return tmp_path / "index"


def test_a_map_and_its_page(index: Path, tmp_path: Path) -> None:
    report = draw_index_map(index, tmp_path / "map.png", limit=5, page=tmp_path / "map.html")
    assert (report.pictures, report.shown, report.gone) == (7, 5, ())
    with Image.open(tmp_path / "map.png") as image:
        assert min(image.size) > 300
    page = (tmp_path / "map.html").read_text("utf-8")
    assert page.count("<img ") == 5
    assert page.count('src="data:image/jpeg;base64,') == 5
    assert "a &lt;b&gt;" in page
    assert "http" not in page.replace("http-equiv", "")


def test_missing_pictures_are_grey_and_reported(index: Path, tmp_path: Path) -> None:
    victim = next((tmp_path / "pictures" / "c").rglob("*.png"))
    victim.unlink()
    done = CliRunner().invoke(app, ["map", str(index), "--out", str(tmp_path / "map.png")])
    assert done.exit_code == 3
    assert victim.name in done.output
    assert "7 of 7 pictures" in done.output


def test_the_limit_is_checked(index: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="limit 99999"):
        draw_index_map(index, tmp_path / "map.png", limit=99_999)
    assert not (tmp_path / "map.png").exists()


@pytest.mark.parametrize("failure", [MemoryError(), ValueError("height and width must be > 0")])
def test_a_failed_thumbnail_leaves_the_others_unchanged(
    failure: Exception, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = thumbnails.on_square

    def fails_once(image: Image.Image, side: int, ground: str) -> Image.Image:
        monkeypatch.setattr(thumbnails, "on_square", made)
        raise failure

    monkeypatch.setattr(thumbnails, "on_square", fails_once)
    report = draw_index_map(index, tmp_path / "map.png", limit=7, page=tmp_path / "map.html")
    assert len(report.gone) == 1
    assert "no thumbnail can be made of it" in report.gone[0]
    assert (tmp_path / "map.html").read_text("utf-8").count("<img ") == 7


def test_thin_pictures_are_on_the_map(tmp_path: Path) -> None:
    folder = tmp_path / "thin"
    folder.mkdir()
    for width, height in ((1, 1), (1, 5000), (5000, 1), (2, 60_000), (65_535, 4)):
        Image.new("RGB", (width, height), "red").save(folder / f"{width}x{height}.png")
    build(folder, tmp_path / "thin.index", BuildConfig(encoder="color-layout"))
    assert draw_index_map(tmp_path / "thin.index", tmp_path / "map.png", limit=9) == MapReport(5, 5, ())
