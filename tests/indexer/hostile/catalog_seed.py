"""A small index with something in every table, made once, for those who change values in it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.collection.add import add
from indexer.collection.build import build
from indexer.collection.remove import remove
from indexer.collection.sync import sync
from indexer.metadata.load import load_metadata
from indexer.people.enroll import enroll
from indexer.pipeline.writer import open_writer
from indexer.plots.kept_map import make_map
from search.store.catalog import CATALOG_NAME
from search.store.file import CatalogFile
from search.store.seal import Seal, image_of, read_seal, write_seal
from tests.conftest import FAST, fill
from tests.people import FAST as ENROLL
from tests.people import calibrate_by_hand, photograph

if TYPE_CHECKING:
    from collections.abc import Iterator


def make(folder: Path) -> Path:
    """`folder/i`: two segments of two kinds, tombstones, columns, skipped files, an identity, a calibration."""
    pictures, index = folder / "p", folder / "i"
    paths = fill(pictures, 14, labels=6)
    (pictures / "label0" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    build(pictures, index, replace(FAST, kind="hnswlib"))
    paths[2].unlink()
    sync(pictures, index, FAST)
    fill(pictures / "more", 4, first=20, labels=1)
    add(index, [pictures / "more"], FAST)
    rows = "".join(
        f"{path},{number},{number / 2},true,2024-01-0{1 + number}\n" for number, path in enumerate(paths[5:])
    )
    (folder / "columns.csv").write_text("path,count,size,fine,day\n" + rows)
    load_metadata(index, folder / "columns.csv")
    remove(index, paths=[paths[6]])
    paths[6].unlink()
    enroll(index, "Ada", [photograph(folder / "people", 1)], ENROLL)
    with open_writer(index) as catalog, catalog.transaction():
        catalog.retained.keep_templates(catalog.identities.templates())
        catalog.set(retain_days=90)
    (pictures / "label5").rename(folder / "away")
    sync(pictures, index, replace(FAST, exclude=("raw",)))
    calibrate_by_hand(index)
    make_map(index)
    photograph(folder / "people", 2)
    fill(folder / "new", 2, first=40)
    return index


@contextmanager
def opened(index: Path) -> Iterator[sqlite3.Connection]:
    """The catalog's tables, without any check; sealed anew at the end, as somebody who knows the format would."""
    before = read_seal(index)
    assert before is not None
    with closing(sqlite3.connect(index / CATALOG_NAME, isolation_level=None)) as connection:
        yield connection
    reseal(index, before.generation)


def reseal(index: Path, generation: int) -> None:
    raw = CatalogFile(index / CATALOG_NAME)
    with closing(sqlite3.connect(index / CATALOG_NAME)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        image = image_of(connection, raw, thorough=True)
    raw.close()
    write_seal(index, Seal(generation, image, generation))


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of catalogs are synced to it."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def copy(index: Path, folder: Path) -> Path:
    """A fresh copy, in the place of an older one."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(index, folder)
    return folder
