"""The index page and its jobs, and the app without an index, through AppTest."""

from __future__ import annotations

import shutil
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from app_parts.managing.about import encoder_facts, structure_row
from app_parts.managing.chosen_index import chosen
from app_parts.managing.progress_panel import PER_PAGE
from app_parts.server_jobs import jobs
from indexer.collection.build import build
from indexer.collection.rebuild import rebuild
from indexer.collection.remove import remove
from indexer.jobs.job import COMMAND
from indexer.jobs.request import JobRequest
from indexer.pipeline.lock import writer_lock
from search import open_index
from search.config import BuildConfig
from search.encoders import available
from search.tuned import MeasuredRecall, Tuning
from search.types import SegmentInfo
from tests.app.page import click, jpeg, neighbours, offered, sound, started, texts, upload
from tests.conftest import FAST, draw, fill

WAIT = 120.0
WAITING = 'import time; print(\'{"begin": "embed", "total": 4}\\n{"done": 1}\', flush=True); time.sleep(600)'
"""A process that does one of four pictures, and waits to be stopped."""


@pytest.fixture
def managing(monkeypatch):
    monkeypatch.setattr("sys.argv", ["app.py", "--manage"])


@pytest.fixture
def without(monkeypatch):
    monkeypatch.delenv("TWINLENS_INDEX", raising=False)


def pressed(page, label):
    return sound(next(button for button in page.button if button.label == label).click().run())


def ended(page, index):
    """The page after the job of an index."""
    jobs().last(str(index)).wait(WAIT)
    return sound(page.run())


def waiting(request):
    """A job that is in the middle until it is stopped."""
    jobs()._command = [sys.executable, "-c", WAITING]
    job = jobs().start(request)
    deadline = time.monotonic() + WAIT
    while not (job.view.stage and job.view.stage.done):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return job


def report_of(page):
    return (
        texts(page)
        + " \n".join(each.proto.text for each in page.get("progress"))
        + " \n".join(block.value for block in page.code)
    )


# What the page says --------------------------------------------------------------------------------------------------


def test_the_encoder_card_has_the_figures_of_the_menu(own):
    shown = texts(started("index"))
    entry = next(entry for entry in available() if entry.name == "color-layout")
    assert entry.job in shown
    assert f"{entry.pictures_per_second:,.0f} pictures per second" in shown
    assert entry.licence in shown


def test_an_encoder_outside_the_menu_has_what_the_index_records(own, index):
    with open_index(index) as engine:
        info = engine.info()
    object.__setattr__(info, "encoder", "<b>mine</b>\n#")
    assert encoder_facts(info)["Name"] == "<b>mine</b>\\n#"
    assert "Job" not in encoder_facts(info)


def test_the_structure_has_recall_with_its_interval_and_latency(own, index):
    rebuild(index, BuildConfig(kind="hnsw", device="cpu"))
    with open_index(index) as engine:
        (segment,) = engine.info().segments
    (row,) = started("index").dataframe[0].value.to_dict("records")
    assert row["Kind"] == "hnsw"
    assert row["Recall@10"] == f"{segment.recall:.3f}"
    tuning = Tuning(0.95, MeasuredRecall(0.97, 0.96, 0.98, 300, "held-out rows"), 0.25, 2**20)
    assert structure_row(SegmentInfo(3, 1200, 1000, "ivf", 0.97, {}, tuning)) == {
        "Segment": "3",
        "Kind": "ivf",
        "Pictures": "1,000 of 1,200 rows",
        "Recall@10": "0.970",
        "95 % interval": "0.960 to 0.980, 300 queries",
        "Per query": "0.25 ms",
        "Memory": "1.0 MiB",
    }
    assert structure_row(SegmentInfo(1, 5, 5, "flat", None))["Recall@10"] == "exact"


def test_without_manage_the_page_says_how_to_enable_it(own, index):
    page = started("index")
    assert not [button for button in page.button if button.label in ("Sync", "Add pictures", "Rebuild", "Check")]
    assert "--manage" in texts(page)
    assert f"twinlens app --index {index} --manage" in [block.value for block in page.code]


# Jobs through the page -----------------------------------------------------------------------------------------------


def test_sync_adds_what_is_new_and_lists_what_was_skipped(managing, own, index):
    pictures, _ = own
    fill(pictures, 2, first=50)
    for number in range(PER_PAGE + 1):
        (pictures / f"{number:03d} <b>*x*.jpg").write_text("no picture")
    page = started("index")
    page.text_input(key="sync-pictures").set_value(str(pictures))
    page = ended(pressed(page, "Sync"), index)
    shown = report_of(page)
    assert "14 pictures in the index: 2 added, 12 unchanged" in shown
    assert f"{pictures}/000 <b>*x*.jpg: " in shown
    assert f"{PER_PAGE:03d} <b>" not in shown, "on the second page"
    page.pagination(key="skipped-page").set_value(2)
    assert f"{PER_PAGE:03d} <b>" in report_of(sound(page.run()))
    assert "14 with 3 labels" in texts(page), "the facts are those of the changed index"


def test_add_rebuild_and_check(managing, own, index, tmp_path):
    fill(tmp_path / "more", 2, first=90)
    page = started("index")
    page.text_input(key="add-pictures").set_value(str(tmp_path / "more"))
    page = ended(pressed(page, "Add pictures"), index)
    assert "14 pictures in the index: 2 added" in report_of(page)
    page.selectbox(key="rebuild-kind").set_value("hnsw")
    page = ended(pressed(page, "Rebuild"), index)
    assert page.dataframe[0].value.to_dict("records")[0]["Kind"] == "hnsw"
    page = ended(pressed(page, "Check"), index)
    assert [each.value for each in page.success] == ["OK, no damage found"]


def test_what_cannot_be_done_is_said_in_the_words_of_the_library(managing, own, index, tmp_path):
    page = started("index")
    page = pressed(page, "Sync")
    assert "the path of the folder is missing" in page.error[0].value
    page.text_input(key="sync-pictures").set_value("pictures")
    page = pressed(page, "Sync")
    assert "relative" in page.error[0].value
    page.text_input(key="sync-pictures").set_value(str(tmp_path / "`no` <b>such</b>"))
    page = ended(pressed(page, "Sync"), index)
    assert "no such folder of pictures" in page.error[0].value
    assert "`no` <b>such</b>" in page.error[0].value
    with writer_lock(index):
        page = ended(click(page, "resume"), index)
        page.text_input(key="sync-pictures").set_value(str(own[0]))
        page = ended(pressed(page, "Sync"), index)
    assert "is being written by process" in page.error[0].value
    page = ended(click(page, "resume"), index)
    assert "12 pictures in the index: 12 unchanged" in report_of(page)


def test_a_running_job_is_seen_by_every_session_and_can_be_stopped(managing, own, index, tmp_path):
    fill(tmp_path / "many", 3, first=90)
    job = waiting(JobRequest("sync", str(index), str(tmp_path / "many")))
    first, second = started("index"), started("index")
    for page in (first, second):
        assert str(tmp_path / "many") in texts(page)
        assert "embed, 1 of 4 pictures" in report_of(page)
        assert page.button(key="stop")
    click(first, "stop")
    assert job.wait(WAIT).status == "stopped"
    second = sound(second.run())
    assert "The index answers as before" in second.warning[0].value
    jobs()._command = COMMAND
    second = ended(click(second, "resume"), index)
    assert "3 added" in report_of(second)


# Without an index ----------------------------------------------------------------------------------------------------


def test_an_index_is_made_from_a_folder_and_shown(managing, without, pictures):
    page = started()
    assert page.title[0].value == "No index to search yet"
    page.text_input(key="create-pictures").set_value(str(pictures))
    page.selectbox(key="create-encoder").set_value("color-layout")
    page = pressed(page, "Make the index")
    index = Path(f"{pictures}.index")
    page = ended(page, index)
    assert len(offered(page)) == 12
    assert "12 with 3 labels" in texts(started("index")), "another session sees it too"


def test_an_index_is_made_where_the_app_was_started_with(managing, monkeypatch, pictures, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWINLENS_INDEX", "mine.index")
    page = started()
    assert page.text_input(key="create-index").value == str(tmp_path / "mine.index")
    page.text_input(key="create-pictures").set_value(str(pictures))
    page.selectbox(key="create-encoder").set_value("color-layout")
    page = ended(pressed(page, "Make the index"), tmp_path / "mine.index")
    assert len(offered(page)) == 12


def test_the_first_build_is_followed_by_a_page_without_an_index(without, tmp_path):
    chosen().index = str(tmp_path / "new.index")
    job = waiting(JobRequest("build", str(tmp_path / "new.index"), str(tmp_path)))
    for name in ("search", "index"):
        page = started(name)
        assert "is being made" in page.info[0].value
        assert "embed, 1 of 4 pictures" in report_of(page)
        assert not page.button, "who may not manage cannot stop it, or start another"
    job.stop()
    assert job.wait(WAIT).status == "stopped"
    assert sound(page.run()).error


def test_a_stopped_first_build_leaves_no_dead_end(managing, without, tmp_path):
    fill(tmp_path / "many", 150)
    index = tmp_path / "many.index"
    request = JobRequest("build", str(index), str(tmp_path / "many"), encoder="color-layout", batch_size=1)
    job = jobs().start(request)
    chosen().index = str(index)
    deadline = time.monotonic() + WAIT
    while not (job.view.stage and job.view.stage.done):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    job.stop()
    assert job.wait(WAIT).status == "stopped"
    for name in ("search", "index"):
        page = started(name)
        assert page.button(key="resume"), name
    page = ended(click(page, "resume"), index)
    assert "150 with 3 labels" in texts(page)


def test_the_sample_is_offered_without_manage(without, monkeypatch, pictures, tmp_path):
    monkeypatch.setattr("app_parts.managing.start.DATA", tmp_path)
    assert "twinlens demo" in texts(started())
    shutil.copytree(pictures, tmp_path / "sample")
    page = started()
    assert not page.text_input, "no form that reads folders of this machine"
    jobs()._command = [sys.executable, "-c", WAITING]
    page = click(page, "sample")
    job = jobs().last(str(tmp_path / "sample.index"))
    assert job.view.request == JobRequest("build", str(tmp_path / "sample.index"), str(tmp_path / "sample"))
    job.stop()
    job.wait(WAIT)
    build(tmp_path / "sample", tmp_path / "sample.index", FAST)  # what the job would have done, without a network
    assert len(offered(sound(page.run()))) == 12


def test_removed_and_emptied_meanwhile(own, index, pictures):
    page, other = started(), started("index")
    assert len(offered(page)) == 12
    shutil.move(index, index.parent / "elsewhere")
    for each in (page, other):
        assert "no index here" in sound(each.run()).error[0].value
    shutil.move(index.parent / "elsewhere", index)
    assert len(offered(sound(page.run()))) == 12
    with sqlite3.connect(index / "catalog.sqlite") as catalog:
        catalog.execute("BEGIN EXCLUSIVE")
        for each in (page, other):
            sound(each.run())


def test_an_empty_index_is_described(own, index):
    remove(index, globs=["*"])
    assert "The index holds no pictures." in texts(started("index"))
    sound(started())


def test_two_people_do_not_meet(app, gallery):
    first = upload(app, "mine.jpg", jpeg(draw(7)))
    second = started()
    assert neighbours(first)
    assert not neighbours(second)
    assert "mine.jpg" not in texts(second)
    assert not second.file_uploader[0].value
    second = click(second, f"pick-{offered(second)[0]}")
    first = sound(first.run())
    assert "mine.jpg" in texts(first)
    assert "picture" not in first.query_params
    assert "mine.jpg" not in texts(second)
    third = started("index")
    assert "mine.jpg" not in texts(third)
