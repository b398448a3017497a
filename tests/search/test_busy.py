"""A catalog that another program holds is not damaged, and a closed engine says that it is closed."""

from __future__ import annotations

import inspect as inspection
import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.collection.add import add
from indexer.collection.build import build
from indexer.collection.rebuild import rebuild
from indexer.collection.remove import remove
from indexer.collection.sync import sync
from indexer.health.check import check
from indexer.health.repair import repair
from indexer.metadata.load import load_metadata
from indexer.people.enroll import enroll
from indexer.pipeline.staging import Staging
from search import IndexBusyError, IndexClosedError, IndexFolderError, SearchEngine, open_index
from search.config import EnrollConfig
from search.encoders import load_encoder
from search.store.catalog import CATALOG_NAME, Catalog
from tests.conftest import FAST, fill

WRITING = ["BEGIN IMMEDIATE"]
EXCLUSIVE = ["PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE", "SELECT count(*) FROM pictures"]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("search.store.catalog", "search.store.opening", "indexer.pipeline.staging"):
        monkeypatch.setattr(f"{module}.BUSY_SECONDS", 0.05)


@contextmanager
def held(file: Path, words: list[str]) -> Iterator[sqlite3.Connection]:
    """Be another program that has a database open."""
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as connection:
        for each in words:
            connection.execute(each).fetchall()
        yield connection


def changes(index: Path) -> list[Callable[[], object]]:
    pictures, table = index.parent / "pictures", index.parent / "table.csv"
    fill(pictures, 1, first=50)
    table.write_text("path,price\nlabel0/0000.png,3\n")
    return [
        lambda: build(pictures, index, FAST),
        lambda: add(index, [pictures], FAST),
        lambda: sync(pictures, index, FAST),
        lambda: remove(index, ids=[1]),
        lambda: rebuild(index, FAST),
        lambda: load_metadata(index, table, root=pictures),
        lambda: enroll(index, "Ada", [pictures / "label0" / "0000.png"], EnrollConfig(device="cpu", force=True)),
    ]


@pytest.mark.parametrize("words", [WRITING, EXCLUSIVE], ids=["writing", "exclusive"])
def test_a_writer_says_that_the_catalog_is_in_use(words: list[str], index: Path) -> None:
    for change in changes(index):
        with (
            held(index / CATALOG_NAME, words),
            pytest.raises(IndexBusyError, match=r"catalog\.sqlite: in use by another program.*Try again") as raised,
        ):
            change()
        said = str(raised.value)
        assert "delete" not in said
        assert "damaged" not in said.replace("nothing is damaged", "")
    assert check(index) == []
    with open_index(index) as engine:
        assert len(engine) == 12
    changes(index)[0]()  # when it is free again, the same command does its work
    with open_index(index) as engine:
        assert len(engine) == 13


def test_a_reader_says_so_too(index: Path) -> None:
    with open_index(index) as early, held(index / CATALOG_NAME, WRITING):
        assert len(early) == 12  # a program that writes is in no reader's way
        assert len(early.search_id(1, 3)) == 3
        with open_index(index) as late:
            assert len(late) == 12
    readers: list[Callable[[], object]] = [lambda: open_index(index), lambda: check(index), lambda: repair(index)]
    for read in readers:
        with held(index / CATALOG_NAME, EXCLUSIVE), pytest.raises(IndexBusyError, match="in use by another program"):
            read()
    assert check(index) == []


def test_the_busy_catalog_is_waited_for(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.store.catalog.BUSY_SECONDS", 20.0)
    with held(index / CATALOG_NAME, WRITING) as connection:
        timer = threading.Timer(0.3, lambda: connection.execute("ROLLBACK"))
        timer.start()
        assert remove(index, ids=[1]).removed == 1
        timer.join()


@pytest.mark.slow
def test_the_command_line_says_it_in_a_line(index: Path) -> None:
    words = [sys.executable, "-m", "indexer"]
    with held(index / CATALOG_NAME, EXCLUSIVE):
        for command in (["info", index], ["check", index], ["remove", "--index", index, "--id", "1"]):
            done = subprocess.run([*words, *map(str, command)], capture_output=True, text=True, check=False)
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr.count("\n") == 1
            assert "in use by another program" in done.stderr


def test_a_held_staging_file_is_not_thrown_away(index: Path) -> None:
    fingerprint = load_encoder("color-layout").fingerprint
    Staging(index, fingerprint).close()
    file = index / f"staging-{fingerprint}.sqlite"
    with held(file, ["PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE", "SELECT count(*) FROM vectors"]):
        with pytest.raises(IndexBusyError, match=r"staging-.*in use by another program"):
            Staging(index, fingerprint)
        assert file.exists()


# Closed ----------------------------------------------------------------------------------------------------------


def uses(engine: SearchEngine, picture: Path) -> dict[str, Callable[[], object]]:
    """Every public method and property, called in a way that works on an open engine."""
    vector = np.eye(1, engine.dim, dtype=np.float32)
    segment = engine.segments[0]
    return {
        "__enter__": engine.__enter__,
        "__len__": lambda: len(engine),
        "stale": lambda: engine.stale,
        "refresh": engine.refresh,
        "calibration": lambda: engine.calibration,
        "cut_points": lambda: engine.cut_points,
        "encoder": lambda: engine.encoder,
        "embed": lambda: engine.embed(picture),
        "embed_many": lambda: engine.embed_many([]),
        "search": lambda: engine.search(picture),
        "search_text": lambda: engine.search_text("a cat"),
        "embed_text": lambda: engine.embed_text("a cat"),
        "search_together": lambda: engine.search_together([picture]),
        "embeds_text": lambda: engine.embeds_text,
        "search_many": lambda: engine.search_many([]),
        "search_vectors": lambda: engine.search_vectors(vector),
        "search_id": lambda: engine.search_id(1),
        "ask": lambda: engine.ask(picture),
        "ask_together": lambda: engine.ask_together([picture]),
        "ask_vectors": lambda: engine.ask_vectors(vector),
        "vector": lambda: engine.vector(1),
        "vectors_of": lambda: engine.vectors_of([]),
        "pictures_of": lambda: engine.pictures_of([]),
        "vectors": engine.vectors,
        "segments": lambda: engine.segments,
        "chosen": lambda: engine.chosen(segment, None),
        "info": engine.info,
        "catalog": lambda: engine.catalog,
        "picture": lambda: engine.picture(1),
        "pictures": engine.pictures,
        "labels": engine.labels,
        "count": engine.count,
        "ids": engine.ids,
        "columns": engine.columns,
        "texts": lambda: engine.texts("camera", 5),
        "metadata": lambda: engine.metadata([]),
        "values": lambda: engine.values("label"),
        "map": engine.map,
        "verify": lambda: engine.verify(picture, picture),
        "explain": lambda: engine.explain(picture, picture),
        "gallery": lambda: engine.gallery,
        "identities": engine.identities,
        "identify": lambda: engine.identify(picture),
    }


WITHOUT_SNAPSHOT = {"dim", "fingerprint", "close", "folder", "address", "after_fork"}
"""What a closed engine may still say, the way to close it, and what a fork calls."""


def test_every_method_of_a_closed_engine_says_that_it_is_closed(index: Path) -> None:
    picture = index.parent / "pictures" / "label0" / "0000.png"
    enroll(index, "Ada", [picture], EnrollConfig(device="cpu", force=True))
    engine = open_index(index)
    used = uses(engine, picture)
    public = {name for name, _ in inspection.getmembers(SearchEngine) if not name.startswith("_")}
    assert public <= used.keys() | WITHOUT_SNAPSHOT, "a new method needs a line in `uses`"
    for name, use in used.items():
        if name not in {"identify", "search_text", "embed_text"}:  # which need a calibration, or a text tower
            use()
    engine.close()
    for use in used.values():
        with pytest.raises(IndexClosedError, match="closed"):
            use()
    assert engine.dim == len(np.eye(1, engine.dim)[0])


def test_closing_twice_and_leaving_a_closed_engine_is_no_error(index: Path) -> None:
    with open_index(index) as engine:
        engine.close()
        engine.close()
    with pytest.raises(IndexClosedError), engine:
        pass


def test_an_engine_that_was_refreshed_away_can_be_closed(index: Path) -> None:
    engine = open_index(index)
    fill(index.parent / "pictures", 1, first=50)
    sync(index.parent / "pictures", index, FAST)
    newer = engine.refresh()
    engine.close()
    assert len(newer) == 13
    assert len(newer.search_id(1, 3)) == 3
    newer.close()


def test_a_closed_catalog_says_so(index: Path) -> None:
    for opened in (Catalog.read(index), Catalog.write(index)):
        opened.close()
        opened.close()
        asked: list[Callable[[], Any]] = [opened.settings, opened.has_older_readers]
        asked += [opened.pictures.count, opened.files.records, opened.audit.integrity_errors]
        asked += [lambda c=opened: c.set(a=1), lambda c=opened: c.transaction().__enter__()]
        for ask in asked:
            with pytest.raises(IndexClosedError, match="was closed"):
                ask()


def test_closing_in_the_middle_of_queries_from_other_threads(index: Path) -> None:
    engine = open_index(index)
    raised: list[BaseException] = []

    def query() -> None:
        try:
            while True:
                assert len(engine.search_id(1, 5)) == 5
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=query) for _ in range(4)]
    for thread in threads:
        thread.start()
    threading.Event().wait(0.2)
    engine.close()
    for thread in threads:
        thread.join()
    assert [type(error) for error in raised] == [IndexClosedError] * 4


def test_both_are_errors_of_the_index_folder() -> None:
    assert issubclass(IndexBusyError, IndexFolderError)
    assert issubclass(IndexClosedError, IndexFolderError)
    assert json.dumps(str(IndexBusyError("x"))) == '"x"'
