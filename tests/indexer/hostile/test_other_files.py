"""Nothing in an index folder is deleted or overwritten that Twinlens did not make."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from indexer.collection.add import add
from indexer.collection.build import build
from indexer.collection.rebuild import rebuild
from indexer.collection.sync import sync
from indexer.exchange.config import ExportConfig, ImportConfig
from indexer.exchange.export import export
from indexer.exchange.import_vectors import import_vectors
from indexer.health.check import check
from indexer.health.repair import repair
from indexer.people.enroll import enroll
from indexer.plots.index_map import draw_index_map
from search import DataError, IndexFolderError, open_index
from search.config import EnrollConfig
from search.store.catalog import CATALOG_NAME
from search.store.migrations import APPLICATION_ID
from tests.conftest import FAST, fill
from tests.older_catalogs import downgrade

RANDOM = "0123456789ab4def8123456789abcdef"
"""A stem as Twinlens makes them."""
CHECKSUM = "d41d8cd98f00b204e9800998ecf8427e"
"""A stem as users make them, of a checksum."""
Tree = dict[str, bytes | str | None]


def tree(folder: Path) -> Tree:
    """Every name below a folder with its bytes, the target of a link, or None for a folder."""
    found: Tree = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        found[name] = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
    return found


def _vectors(place: Path) -> Path:
    rows = np.eye(4, dtype=np.float32)
    np.save(place / "v.npy", rows)
    (place / "v.txt").write_text("".join(f"{number}.png\n" for number in range(4)))
    return place / "v.npy"


def _build(place: Path, index: Path) -> None:
    build(place / "p", index, FAST)


def _add(place: Path, index: Path) -> None:
    add(index, [place / "p"], FAST)


def _import(place: Path, index: Path) -> None:
    import_vectors(_vectors(place), index, ImportConfig("clip", foreign=True, paths=place / "v.txt"))


def _enroll(place: Path, index: Path) -> None:
    enroll(index, "Ada", [next((place / "p").rglob("*.png"))], EnrollConfig("color-layout", device="cpu", force=True))


MAKERS = pytest.mark.parametrize("make", [_build, _add, _import, _enroll])
Make = Callable[[Path, Path], None]


@pytest.mark.thinned(4)
@MAKERS
@pytest.mark.parametrize(
    "held",
    [
        "notes.txt",
        ".hidden",
        "segments/video1.txt",
        "encoders/mine/weights.bin",
        "staging-mine.sqlite",
        f"segments/{RANDOM}.npy",
        f"staging-{CHECKSUM}.sqlite",
    ],
)
def test_a_folder_with_other_files_is_not_taken(make: Make, held: str, tmp_path: Path) -> None:
    fill(tmp_path / "p", 4)
    (tmp_path / "proj" / held).parent.mkdir(parents=True)
    (tmp_path / "proj" / held).write_text("x")
    before = tree(tmp_path / "proj")
    with pytest.raises(IndexFolderError, match=rf"{held.split('/')[0]}.*--index .*proj/photos\.index"):
        make(tmp_path, tmp_path / "proj")
    assert tree(tmp_path / "proj") == before
    make(tmp_path, tmp_path / "proj" / "photos.index")  # what the message advises
    assert check(tmp_path / "proj" / "photos.index") == []
    assert {name: data for name, data in tree(tmp_path / "proj").items() if "photos.index" not in name} == before


@MAKERS
def test_an_index_of_the_working_folder_or_the_pictures_is_refused(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "p", 4)
    before = tree(tmp_path / "p")
    monkeypatch.chdir(tmp_path / "p")
    for index in (Path(), tmp_path / "p", tmp_path, tmp_path / "p" / "label0"):
        with pytest.raises(IndexFolderError, match=r"photos\.index"):
            make(tmp_path, index)
    assert tree(tmp_path / "p") == before


def test_what_is_no_folder_is_refused_by_what_it_is(tmp_path: Path) -> None:
    fill(tmp_path / "p", 3)
    (tmp_path / "file").write_text("x")
    (tmp_path / "nothing").symlink_to(tmp_path / "gone")
    with pytest.raises(IndexFolderError, match=r"file: cannot be an index folder \(Not a directory\)"):
        build(tmp_path / "p", tmp_path / "file", FAST)
    with pytest.raises(IndexFolderError, match="nothing: is a broken link"):
        build(tmp_path / "p", tmp_path / "nothing", FAST)
    assert not (tmp_path / "gone").exists()


def test_a_folder_reached_by_a_link_is_an_index_folder(tmp_path: Path) -> None:
    fill(tmp_path / "p", 3)
    (tmp_path / "disk").mkdir()
    (tmp_path / "i").symlink_to(tmp_path / "disk")
    for _ in range(2):
        build(tmp_path / "p", tmp_path / "i", FAST)
    fill(tmp_path / "p", 2, first=10)
    assert sync(tmp_path / "p", tmp_path / "i", FAST).images == 5
    assert check(tmp_path / "disk") == []


def test_a_first_build_that_was_killed_at_its_start_is_taken_up(tmp_path: Path) -> None:
    fill(tmp_path / "p", 3)
    for number, left in enumerate(
        [
            ("writer.lock",),
            ("writer.lock", "writer.json", CATALOG_NAME),
            ("writer.lock", f".{RANDOM}.part", "catalog.seal.part"),
        ]
    ):
        index = tmp_path / f"i{number}"
        index.mkdir()
        for name in left:
            (index / name).touch()
        build(tmp_path / "p", index, FAST)
        assert check(index) == []
        assert not list(index.rglob("*.part"))


@pytest.mark.parametrize(
    "name",
    ["writer.json", "writer.lock", "catalog.seal", "catalog.seal.part", "catalog.sqlite-wal", "catalog.sqlite-journal"],
)
def test_a_users_file_with_a_name_that_twinlens_makes_is_not_lost(name: str, tmp_path: Path) -> None:
    fill(tmp_path / "p", 3)
    (tmp_path / "i").mkdir()
    (tmp_path / "i" / name).write_text("my own notes")
    with pytest.raises(IndexFolderError):
        build(tmp_path / "p", tmp_path / "i", FAST)
    assert (tmp_path / "i" / name).read_text() == "my own notes"


def test_the_sweep_deletes_only_what_twinlens_makes(tmp_path: Path) -> None:
    fill(tmp_path / "p", 3)
    index = tmp_path / "i"
    build(tmp_path / "p", index, FAST)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / f"{RANDOM}.npy").write_text("x")
    (tmp_path / "file").write_text("x")
    kept = [
        "notes.txt",
        "staging-mine.sqlite",
        f"staging-{CHECKSUM}x.sqlite",
        f".{CHECKSUM}.part",
        "segments/notes.txt",
        "segments/sub/a.npy",
        f"segments/{CHECKSUM}.npy",
        f"segments/{RANDOM}.jpg",
        f"segments/{RANDOM}.part.txt",
        "encoders/mine/encoder.json",
        f"encoders/{CHECKSUM}/encoder.json",
        f"encoders/{CHECKSUM}/thesis.txt",
        f"encoders/{RANDOM}.part/sub/encoder.json",
    ]
    for name in kept:
        (index / name).parent.mkdir(parents=True, exist_ok=True)
        (index / name).write_text("x")
    (index / "segments" / f"{RANDOM[::-1]}.npy").symlink_to(tmp_path / "file")
    (index / "segments" / f"{RANDOM[:-1]}0.npy").symlink_to(tmp_path / "file")
    (index / "segments" / f"{RANDOM[:-1]}1.part").mkdir()
    (index / "encoders" / f"{CHECKSUM[:-1]}0").symlink_to(tmp_path / "precious")
    before = tree(index)
    litter = [
        f"segments/{RANDOM}.npy",
        f"segments/{RANDOM}.hnsw",
        f"segments/{RANDOM}.part",
        f".{RANDOM}.part",
        f"encoders/{CHECKSUM[:-1]}1/encoder.json",
        f"encoders/{RANDOM[:-1]}2.part/weights.safetensors",
        "catalog.seal.part",
    ]
    for name in litter:
        (index / name).parent.mkdir(exist_ok=True)
        (index / name).write_text("x")
    fill(tmp_path / "p", 2, first=10)
    build(tmp_path / "p", index, FAST)
    rebuild(index, FAST)
    after = tree(index)
    assert not set(litter) & set(after)
    assert not (index / "encoders" / f"{CHECKSUM[:-1]}1").exists()
    for name in before.keys() - {CATALOG_NAME, "catalog.seal"}:
        if (
            name.startswith("segments/")
            and name.endswith(".npy")
            and name not in kept
            and not (index / name).is_symlink()
        ):
            continue  # of the segments that the rebuild merged
        assert after[name] == before[name], name
    assert tree(tmp_path / "precious") == {f"{RANDOM}.npy": b"x"}
    assert (tmp_path / "file").read_text() == "x"
    assert check(index) == []


def test_files_of_others_in_the_encoder_s_folder_outlive_a_repair(tmp_path: Path) -> None:
    fill(tmp_path / "p", 3)
    index = tmp_path / "i"
    build(tmp_path / "p", index, FAST)
    (encoder,) = (index / "encoders").iterdir()
    (encoder / "thesis.txt").write_text("x")
    (encoder / "encoder.json").write_text("damaged")
    assert len(check(index)) == 1
    repair(index, device="cpu")
    assert check(index) == []
    assert (encoder / "thesis.txt").read_text() == "x"
    with open_index(index) as engine:
        assert len(engine.embed(next((tmp_path / "p").rglob("*.png")))) == engine.dim


@pytest.mark.parametrize("wal", [False, True])
@pytest.mark.parametrize("application", [0, 0x12345678])
def test_a_database_of_another_program_is_left_alone(wal: bool, application: int, tmp_path: Path) -> None:
    fill(tmp_path / "p", 3)
    index = tmp_path / "i"
    index.mkdir()
    source = sqlite3.connect(index / CATALOG_NAME)
    source.execute(f"PRAGMA application_id = {application}")
    if wal:
        source.execute("PRAGMA journal_mode = WAL")
    source.execute("CREATE TABLE settings (key TEXT, value TEXT)")
    source.commit()
    copied = tmp_path / "copied"  # as it lies there while its program runs, or after it was killed
    copied.mkdir()
    for path in index.iterdir():
        (copied / path.name).write_bytes(path.read_bytes())
    source.close()
    before = tree(copied)
    picture = next((tmp_path / "p").rglob("*.png"))
    for command in (
        lambda: build(tmp_path / "p", copied, FAST),
        lambda: add(copied, [tmp_path / "p"], FAST),
        lambda: enroll(copied, "Ada", [picture], EnrollConfig("color-layout", device="cpu", force=True)),
        lambda: sync(tmp_path / "p", copied, FAST),
        lambda: rebuild(copied, FAST),
        lambda: open_index(copied),
        lambda: check(copied),
        lambda: repair(copied),
        lambda: export(copied, tmp_path / "out", ExportConfig()),
    ):
        with pytest.raises(IndexFolderError, match="of another program") as raised:
            command()
        assert "delete" not in str(raised.value)
        assert tree(copied) == before


@pytest.mark.parametrize("application", [0, 0x12345678])
def test_a_database_that_took_the_place_of_a_catalog_is_left_alone(application: int, tmp_path: Path) -> None:
    fill(tmp_path / "p", 3)
    index = tmp_path / "i"
    build(tmp_path / "p", index, FAST)
    (tmp_path / "other").mkdir()
    source = sqlite3.connect(tmp_path / "other" / CATALOG_NAME)
    source.execute(f"PRAGMA application_id = {application}")
    source.execute("PRAGMA journal_mode = WAL")
    source.execute("CREATE TABLE thesis (page TEXT)")
    source.execute("PRAGMA wal_checkpoint")
    source.execute("INSERT INTO thesis VALUES ('one')")
    source.commit()
    for path in (tmp_path / "other").iterdir():  # with a log that SQLite would move into the file
        (index / path.name).write_bytes(path.read_bytes())
    source.close()
    before = tree(index)
    for command in (lambda: open_index(index), lambda: build(tmp_path / "p", index, FAST), lambda: repair(index)):
        with pytest.raises(IndexFolderError, match="of another program"):
            command()
        assert {k: v for k, v in tree(index).items() if k != "writer.lock"} == {
            k: v for k, v in before.items() if k != "writer.lock"
        }
    assert len(check(index)) == 1
    assert tree(index)[CATALOG_NAME] == before[CATALOG_NAME]


def test_a_map_takes_the_place_of_nothing_in_the_index(tmp_path: Path) -> None:
    fill(tmp_path / "p", 3)
    build(tmp_path / "p", tmp_path / "i", FAST)
    before = tree(tmp_path / "i")
    for out, page in (("i/catalog.sqlite", None), ("map.png", "i/segments/map.html")):
        with pytest.raises(DataError, match="inside the index folder"):
            draw_index_map(tmp_path / "i", tmp_path / out, limit=3, page=None if page is None else tmp_path / page)
    assert tree(tmp_path / "i") == before


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    fill(tmp_path / "p", 3)
    (tmp_path / "i").mkdir()
    (tmp_path / "i" / CATALOG_NAME).write_text("my notes")
    for command in (lambda: build(tmp_path / "p", tmp_path / "i", FAST), lambda: open_index(tmp_path / "i")):
        with pytest.raises(IndexFolderError, match="of another program"):
            command()
        assert tree(tmp_path / "i") == {CATALOG_NAME: b"my notes"}


def _application(index: Path) -> int:
    with closing(sqlite3.connect(index / CATALOG_NAME)) as connection:
        return int(connection.execute("PRAGMA application_id").fetchone()[0])


@pytest.mark.parametrize("version", [1, 4, 5, 6])
def test_catalogs_of_older_versions_are_known_and_stamped_by_a_writer(version: int, tmp_path: Path) -> None:
    fill(tmp_path / "p", 3)
    index = tmp_path / "i"
    build(tmp_path / "p", index, FAST)
    assert _application(index) == APPLICATION_ID
    downgrade(index, version)
    _unstamp(index)
    assert _application(index) == 0
    with open_index(index) as engine:
        assert len(engine) == 3
    assert _application(index) == 0  # a reader writes nothing
    fill(tmp_path / "p", 1, first=10)
    assert sync(tmp_path / "p", index, FAST).images == 4
    assert _application(index) == APPLICATION_ID
    assert check(index) == []


def _unstamp(index: Path) -> None:
    """Take the stamp away as if it had never been there, and seal the catalog anew."""
    with closing(sqlite3.connect(index / CATALOG_NAME)) as connection:
        connection.execute("PRAGMA application_id = 0")
    if (index / "catalog.seal").exists():
        from search.store.file import CatalogFile
        from search.store.seal import put_seal

        raw = CatalogFile(index / CATALOG_NAME)
        with closing(sqlite3.connect(index / CATALOG_NAME, isolation_level=None)) as connection:
            put_seal(connection, raw)
        raw.close()


def test_an_export_that_holds_other_files_is_not_replaced(tmp_path: Path) -> None:
    fill(tmp_path / "p", 3)
    build(tmp_path / "p", tmp_path / "i", FAST)
    out = tmp_path / "out"
    export(tmp_path / "i", out, ExportConfig("npy"))
    export(tmp_path / "i", out, ExportConfig("npy", force=True))
    (out / "encoder" / "thesis.txt").write_text("x")
    before = tree(out)
    with pytest.raises(DataError, match="holds other files"):
        export(tmp_path / "i", out, ExportConfig("npy", force=True))
    assert tree(out) == before
