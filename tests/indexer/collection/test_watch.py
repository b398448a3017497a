"""Watching a folder: what is followed, what is left until it has settled, and how a watch ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from indexer.collection.rebuild import rebuild
from indexer.collection.sync import FolderUpdate
from indexer.collection.watch import watch
from indexer.pipeline.change_report import ChangeReport
from indexer.pipeline.lock import writer_lock
from indexer.pipeline.progress import Silent, Stages
from indexer.pipeline.scan import FoundFile, scan
from search import IndexFolderError, IndexLockedError, TwinlensError, open_index
from search.config import WatchConfig
from search.errors import DataError
from tests.conftest import FAST, draw

SOON = WatchConfig(interval=0.3, settle=0)
LATER = WatchConfig(interval=3600, settle=0)
WAIT = 60
ROOT = Path(__file__).parents[3]


@contextmanager
def watching(pictures: Path, index: Path, config: WatchConfig) -> Iterator["Queue[ChangeReport | Exception]"]:
    said: Queue[ChangeReport | Exception] = Queue()
    stop = threading.Event()
    thread = threading.Thread(
        target=watch, args=(pictures, index, FAST, config), kwargs={"report": said.put, "stop": stop}
    )
    thread.start()
    try:
        yield said
    finally:
        stop.set()
        thread.join(WAIT)
    assert not thread.is_alive()


def held(index: Path) -> set[str]:
    with open_index(index, device="cpu") as engine:
        return {record.path.name for record in engine.pictures()}


def test_what_happens_is_followed(pictures: Path, index: Path) -> None:
    before = held(index)
    with watching(pictures, index, LATER) as said:
        time.sleep(1)  # until it watches: what happens before the first round needs no watch
        draw(555).save(pictures / "label0" / "new.png")
        assert said.get(timeout=WAIT).added == 1
        assert held(index) == before | {"new.png"}
        (pictures / "label0" / "new.png").rename(pictures / "label0" / "renamed.png")
        report = said.get(timeout=WAIT)
        assert (report.moved, report.embedded) == (1, 0)
        (pictures / "label0" / "renamed.png").unlink()
        assert said.get(timeout=WAIT).removed == 1
    assert held(index) == before
    assert said.empty(), "nothing is told of rounds that changed nothing"


def test_an_index_inside_the_folder_does_not_wake_its_own_writer(pictures: Path, index: Path) -> None:
    inside = pictures / "photos.index"
    shutil.move(index, inside)
    with watching(pictures, inside, LATER) as said:
        time.sleep(0.6)
        draw(555).save(pictures / "new.png")
        assert said.get(timeout=WAIT).added == 1
        generation = open_generation(inside)
        time.sleep(1)
        assert open_generation(inside) == generation
    assert said.empty()


def open_generation(index: Path) -> int:
    with open_index(index, device="cpu") as engine:
        return engine.catalog.generation()


def test_a_folder_that_goes_and_comes_back(pictures: Path, index: Path, tmp_path: Path) -> None:
    with watching(pictures, index, SOON) as said:
        time.sleep(0.5)
        pictures.rename(tmp_path / "away")
        error = said.get(timeout=WAIT)
        assert isinstance(error, DataError)
        assert len(held(index)) == 12, "an unmounted disk does not empty an index"
        time.sleep(0.6)
        assert said.empty(), "an error is told once"
        draw(555).save(tmp_path / "away" / "new.png")
        (tmp_path / "away").rename(pictures)
        assert said.get(timeout=WAIT).added == 1


def test_a_round_that_finds_another_writer_is_made_up_for(pictures: Path, index: Path) -> None:
    with watching(pictures, index, LATER) as said:
        time.sleep(0.6)
        with writer_lock(index):
            draw(555).save(pictures / "new.png")
            assert isinstance(said.get(timeout=WAIT), IndexLockedError)
        assert said.get(timeout=WAIT).added == 1


def test_a_file_being_written_is_left_until_it_has_settled(pictures: Path, index: Path) -> None:
    with watching(pictures, index, WatchConfig(interval=3600, settle=3)) as said:
        time.sleep(0.7)
        draw(555).save(pictures / "whole.png")
        data = (pictures / "whole.png").read_bytes()
        with (pictures / "growing.png").open("wb") as file:
            for start in range(0, len(data), len(data) // 8):
                file.write(data[start : start + len(data) // 8])
                file.flush()
                time.sleep(0.1)
        added = 0
        while added < 2:
            report = said.get(timeout=WAIT)
            assert isinstance(report, ChangeReport)
            assert report.skipped == [], "half a file was read"
            added += report.added


def test_a_file_written_during_the_scan_has_not_settled(
    pictures: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in pictures.rglob("*.png"):
        os.utime(path, (1e9, 1e9))

    def slow_scan(*args: Any, **options: Any) -> list[FoundFile]:
        time.sleep(0.05)
        draw(555).save(pictures / "new.png")
        return scan(*args, **options)

    monkeypatch.setattr("indexer.pipeline.listing.scan", slow_scan)
    assert FolderUpdate.scan(pictures, index, FAST, Stages(Silent()), settle=60).has_recently_changed()


def test_unsettled_files_are_neither_added_nor_removed(pictures: Path, index: Path) -> None:
    old, new, future = pictures / "label0" / "0000.png", pictures / "new.png", pictures / "future.png"
    draw(555).save(new)
    draw(556).save(future)
    draw(557).save(old)
    os.utime(future, (2e9, 2e9))
    update = FolderUpdate.scan(pictures, index, FAST, Stages(Silent()), settle=3600)
    assert {path for path in (old, new, future) if path in {f.path for f in update.files}} == {old, new, future}
    assert update.has_recently_changed()
    from indexer.pipeline.writer import open_writer

    with open_writer(index) as catalog:
        report = update.run(catalog)
    assert (report.added, report.changed, report.removed) == (1, 0, 0), "a clock that is ahead holds nothing up"
    assert report.paths["added"] == [future]


def test_a_new_encoder_is_taken_between_two_rounds(pictures: Path, index: Path, tmp_path: Path) -> None:
    with watching(pictures, index, LATER) as said:
        time.sleep(0.6)
        draw(555).save(pictures / "one.png")
        assert said.get(timeout=WAIT).embedded == 1
        rebuild(index, FAST)
        draw(556).save(pictures / "two.png")
        assert said.get(timeout=WAIT).embedded == 1


def test_no_index_there(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(IndexFolderError, match="no index here"):
        watch(pictures, tmp_path / "nowhere", FAST, report=lambda _: None, stop=threading.Event())
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_stops_when_it_is_told(number: signal.Signals, pictures: Path, index: Path) -> None:
    words = ["sync", str(pictures), "--index", str(index), "--watch", "--settle", "0", "--json", "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "indexer", *words],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=_hear_interrupts,
    )
    assert process.stdout is not None
    draw(555).save(pictures / "new.png")
    try:
        assert json.loads(process.stdout.readline())["added"] == 1
        process.send_signal(number)
        assert process.wait(WAIT) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.communicate()
    assert "new.png" in held(index)
    assert not (index / "writer.json").exists()
    assert issubclass(IndexLockedError, TwinlensError)


def _hear_interrupts() -> None:
    """Tests that a script runs in the background inherit that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
