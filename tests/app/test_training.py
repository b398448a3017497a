"""The page Training: the curves and galleries of runs, whatever state their files are in."""

from __future__ import annotations

import io
import json
import os
from dataclasses import asdict

import pytest
from PIL import Image
from pyarrow import ipc

from app_parts.arguments import arguments
from app_parts.menu import menu
from indexer.training.history import HistoryRow, write_history
from indexer.training.run_records import find_runs, read_figure
from search.errors import DataError
from tests.app.page import sound, started, texts
from tests.app.runs import write_run
from tests.app.test_literal import parts


@pytest.fixture
def runs(tmp_path, monkeypatch):
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setattr("sys.argv", ["app.py", "--runs", str(folder)])
    monkeypatch.delenv("TWINLENS_INDEX", raising=False)
    return folder


def chart(page):
    """The rows and the encoding of the chart on the page."""
    (element,) = page.get("vega_lite_chart")
    (data,) = [each.data.data for each in element.proto.datasets]
    return ipc.open_stream(data).read_all().to_pylist(), json.loads(element.proto.spec)["encoding"]


def test_without_runs_there_is_no_such_page_in_the_menu(monkeypatch):
    offered = []
    monkeypatch.setattr("app_parts.menu.page_of", offered.append)
    for words, expected in ((["app.py"], False), (["app.py", "--runs", "runs"], True)):
        monkeypatch.setattr("sys.argv", words)
        offered.clear()
        menu(arguments())
        assert ("training" in offered) == expected


def test_an_empty_folder_says_how_to_train(runs):
    assert "no training run" in started("training").info[0].value


def test_a_missing_folder_is_reported(runs):
    runs.rmdir()
    assert str(runs) in started("training").error[0].value
    with pytest.raises(DataError):
        find_runs(runs)


def test_the_curve_and_the_gallery_of_a_run(runs):
    rows = write_run(runs, "first")
    page = started("training")
    values, encoding = chart(page)
    assert [(each["at"], each["value"]) for each in values] == [(row.step, row.map_at_r) for row in rows]
    assert encoding["x"]["title"] == "Step"
    assert len(page.image) == 1
    table = page.dataframe[0].value
    assert table["state"].tolist() == ["finished"]
    assert table["step"].tolist() == [30]
    assert '"loss": "triplet"' in page.code[0].value


def test_several_runs_are_compared_by_any_metric(runs):
    write_run(runs, "first", score=0.5)
    write_run(runs, "second", score=0.7, steps=(10, 20))
    page = started("training", runs='["first", "second"]', metric="loss", over="minutes")
    values, _ = chart(page)
    assert {each["run"] for each in values} == {"first", "second"}
    assert [each["value"] for each in values if each["run"] == "second"] == pytest.approx([0.1, 0.05])
    page.selectbox(key="metric").set_value("recall_at_1")
    page = sound(page.run())
    assert page.query_params["metric"] == "recall_at_1"
    assert {each["value"] for each in chart(page)[0]} == {0.5, 0.7}


def test_a_running_run_is_drawn_again_as_it_grows(runs):
    rows = write_run(runs, "now", finished=False, report=False)
    (runs / "now" / "writer.json").write_text(json.dumps({"process": os.getpid()}))
    page = started("training")
    assert page.dataframe[0].value["state"].tolist() == ["running"]
    assert "drawn when the run ends" in texts(page)
    write_history(runs / "now", [*rows, HistoryRow(**{**asdict(rows[-1]), "step": 40, "map_at_r": 0.9})])
    assert chart(sound(page.run()))[0][-1]["value"] == 0.9
    (runs / "now" / "writer.json").write_text(json.dumps({"process": 2**22 + 1}))
    assert sound(page.run()).dataframe[0].value["state"].tolist() == ["stopped"]


HISTORIES = {
    "empty": b"",
    "another file": b"a,b\n1,2\n",
    "binary": bytes(range(256)),
    "half a row": b"step,minutes,learning_rate,loss\n10,1,0.1,0.5\n20,",
    "no numbers": b"step,minutes,learning_rate,loss\nx,y,z,w\n",
    "infinite": b"step,minutes,learning_rate,loss\n10,1,0.1,inf\n20,1,0.1,nan\n30,1,0.1,1\n",
}


@pytest.mark.parametrize("kind", HISTORIES)
def test_damaged_histories_are_reported(runs, kind):
    write_run(runs, "bad")
    (runs / "bad" / "history.csv").write_bytes(HISTORIES[kind])
    page = started("training")
    assert "history.csv" in page.warning[0].value
    assert len(find_runs(runs)[0].history) == {"half a row": 1, "infinite": 1}.get(kind, 0)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"finished": 1, "config": 3}', "[" * 100_000])
def test_damaged_settings_are_reported(runs, text):
    write_run(runs, "bad")
    (runs / "bad" / "run.json").write_text(text)
    page = started("training")
    assert page.dataframe[0].value["state"].tolist() == ["stopped"]
    assert bool(page.warning) == (not text.endswith("3}"))


def test_files_that_are_no_files_are_not_opened(runs):
    write_run(runs, "odd")
    (runs / "odd" / "history.csv").unlink()
    os.mkfifo(runs / "odd" / "history.csv")
    assert "named pipe" in started("training").warning[0].value


def test_a_half_written_figure_is_reported(runs):
    write_run(runs, "half")
    data = io.BytesIO()
    Image.effect_noise((300, 300), 60).save(data, "PNG")
    (runs / "half" / "report" / "gallery.png").write_bytes(data.getvalue()[:2000])
    page = started("training")
    assert "Gallery" in page.warning[0].value
    assert not page.image


def test_only_the_figures_of_a_report_are_read(runs):
    write_run(runs, "first")
    (runs / "secret.png").write_bytes(b"x")
    assert read_figure(runs / "first", "../../secret.png") is None
    assert read_figure(runs / "first", "gallery.png")


@pytest.mark.parametrize(
    "bad",
    [{"runs": "../.."}, {"runs": '["nobody"]'}, {"runs": "[" * 9999}, {"runs": "{}"}, {"metric": "x"}, {"over": "<b>"}],
)
def test_a_bad_address_is_reported(runs, bad):
    write_run(runs, "first")
    assert len(started("training", **bad).error) == 1


def test_names_are_shown_without_markup(runs):
    write_run(runs, "**b** :cat: <b>x<", score=0.1)
    page = started("training")
    assert parts(page) == []
    assert chart(page)[0][0]["run"] == "**b** :cat: <b>x<"


def test_a_run_without_validation_shows_its_loss(runs):
    out = runs / "alone"
    out.mkdir()
    write_history(out, [HistoryRow(10, 1.0, 0.1, 0.5, 0.1, None, None, None, None)])
    page = started("training")
    assert chart(page)[0][0]["value"] == 0.5
    assert page.selectbox(key="metric").value == "loss"
