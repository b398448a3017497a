"""The date and camera of a picture, from its file into the index."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from indexer.collection.build import build
from indexer.metadata.load import load_metadata
from indexer.pipeline.exif import load_exif
from search import open_index
from tests.conftest import FAST, draw
from tests.older_catalogs import downgrade
from tests.search.pictures.test_exif import DETAILS, MODEL, OFFSET, TAKEN, exif_of

if TYPE_CHECKING:
    from pathlib import Path


def photograph(path: Path, seed: int, camera: str | None = None, day: int | None = None) -> Path:
    exif = exif_of({} if camera is None else {MODEL: camera})
    if day is not None:
        exif.get_ifd(DETAILS).update({TAKEN: f"2024:05:{day:02d} 12:00:00", OFFSET: "+00:00"})
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(seed).save(path, quality=95, exif=exif)
    return path


def told(index: Path) -> dict[str, dict[str, Any]]:
    with open_index(index) as engine:
        records = engine.pictures()
        known = engine.metadata([record.id for record in records])
        return {record.path.name: known.get(record.id, {}) for record in records}


def noon(day: int) -> datetime:
    return datetime(2024, 5, day, 12, tzinfo=UTC)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three photographs, of which one says all, one a part, one nothing."""
    photograph(tmp_path / "photos" / "a.jpg", 1, "Canon EOS 5D", 1)
    photograph(tmp_path / "photos" / "b.jpg", 2, "NIKON D90")
    photograph(tmp_path / "photos" / "c.jpg", 3)
    return tmp_path / "photos"


def test_a_build_reads_it(photos: Path, tmp_path: Path) -> None:
    build(photos, tmp_path / "i", FAST)
    assert told(tmp_path / "i") == {
        "a.jpg": {"taken": noon(1), "camera": "Canon EOS 5D"},
        "b.jpg": {"camera": "NIKON D90"},
        "c.jpg": {},
    }
    with open_index(tmp_path / "i") as engine:
        hits = engine.search(draw(3), where="taken = 2024-05-01 and camera glob 'Canon*'")
        assert [hit.path.name for hit in hits] == ["a.jpg"]
        assert hits[0].to_dict()["metadata"] == {"taken": "2024-05-01T12:00:00+00:00", "camera": "Canon EOS 5D"}
        assert {hit.path.name for hit in engine.search(draw(3), where="taken is null")} == {"b.jpg", "c.jpg"}


def test_it_follows_what_becomes_of_the_files(photos: Path, tmp_path: Path) -> None:
    build(photos, tmp_path / "i", FAST)
    photograph(photos / "a.jpg", 11, None, 7)
    photograph(photos / "b.jpg", 12)
    photograph(photos / "c.jpg", 13, "X100", 9)
    photograph(photos / "d.jpg", 3)  # a content that is known
    (photos / "copy.jpg").write_bytes((photos / "a.jpg").read_bytes())
    build(photos, tmp_path / "i", FAST)
    assert told(tmp_path / "i") == {
        "a.jpg": {"taken": noon(7)},
        "b.jpg": {},
        "c.jpg": {"taken": noon(9), "camera": "X100"},
        "d.jpg": {},
        "copy.jpg": {"taken": noon(7)},
    }


def test_a_killed_build_forgets_nothing_of_it(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("indexer.collection.update.commit", killed)
        with pytest.raises(KeyboardInterrupt):
            build(photos, tmp_path / "i", FAST)
    with monkeypatch.context() as patch:
        patch.setattr("indexer.pipeline.embed.read_exif", killed)
        build(photos, tmp_path / "i", FAST)
    assert told(tmp_path / "i")["a.jpg"] == {"taken": noon(1), "camera": "Canon EOS 5D"}


def test_an_older_index_gets_it_when_its_files_are_looked_at_or_when_told_to(photos: Path, tmp_path: Path) -> None:
    build(photos, tmp_path / "i", FAST)
    downgrade(tmp_path / "i", 2)
    photograph(photos / "a.jpg", 1, "Canon EOS 5D", 2)
    build(photos, tmp_path / "i", FAST)
    assert told(tmp_path / "i") == {"a.jpg": {"taken": noon(2), "camera": "Canon EOS 5D"}, "b.jpg": {}, "c.jpg": {}}
    (photos / "c.jpg").unlink()
    report = load_exif(tmp_path / "i")
    assert (report.pictures, report.taken, report.camera, report.unread) == (3, 1, 2, 1)
    assert told(tmp_path / "i")["b.jpg"] == {"camera": "NIKON D90"}
    photograph(photos / "b.jpg", 2, "not looked at")
    assert load_exif(tmp_path / "i").unread == 2, "a file that is no longer what was indexed says nothing of it"
    assert told(tmp_path / "i")["b.jpg"] == {"camera": "NIKON D90"}


def test_what_a_file_of_metadata_says_stays_where_the_picture_says_nothing(photos: Path, tmp_path: Path) -> None:
    build(photos, tmp_path / "i", FAST)
    (tmp_path / "m.csv").write_text("path,taken,camera\nc.jpg,1999-12-31,plate camera\na.jpg,,\n")
    load_metadata(tmp_path / "i", tmp_path / "m.csv", root=photos)
    (photos / "c.jpg").touch()
    build(photos, tmp_path / "i", FAST)
    assert told(tmp_path / "i") == {
        "a.jpg": {},
        "b.jpg": {"camera": "NIKON D90"},
        "c.jpg": {"taken": datetime(1999, 12, 31, tzinfo=UTC), "camera": "plate camera"},
    }
    load_exif(tmp_path / "i")
    assert told(tmp_path / "i")["c.jpg"]["camera"] == "plate camera"
    assert told(tmp_path / "i")["a.jpg"]["camera"] == "Canon EOS 5D"
