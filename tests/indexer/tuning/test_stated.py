"""The stated recall and costs reach the catalog, `info` and JSON; indexes without them are shown as before."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import typer

from indexer.cli.app import app
from indexer.cli.options import read_size
from indexer.collection.add import add
from indexer.collection.build import build
from indexer.collection.rebuild import rebuild
from indexer.health.check import check
from indexer.pipeline.picture_views import PictureViews
from indexer.tuning import choice
from search import open_index
from tests.conftest import FAST, fill
from tests.older_catalogs import downgrade

if TYPE_CHECKING:
    from pathlib import Path

    from search.types import SegmentInfo


def segments(index: Path) -> tuple[SegmentInfo, ...]:
    with open_index(index) as engine:
        return engine.info().segments


def printed(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    with pytest.raises(SystemExit) as done:
        app([str(word) for word in words])
    assert done.value.code == 0
    return capsys.readouterr().out


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """An index of 150 pictures with a graph."""
    fill(tmp_path / "photos", 150)
    build(tmp_path / "photos", tmp_path / "i", replace(FAST, kind="hnsw"))
    return tmp_path / "i"


def test_views_of_the_pictures_are_the_queries(graph: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (segment,) = segments(graph)
    assert segment.tuning is not None
    recall = segment.tuning.recall
    assert recall is not None
    assert recall.by == PictureViews.by
    assert recall.probes == 7
    assert segment.recall == recall.value
    assert check(graph) == []
    text = printed(capsys, "info", graph)
    assert f"measured on 7 {PictureViews.by}" in text
    assert "ms per query" in text
    assert "in memory" in text
    (told,) = json.loads(printed(capsys, "info", graph, "--json"))["segment_list"]
    assert told["tuning"]["recall"]["low"] <= told["recall"] <= told["tuning"]["recall"]["high"]
    assert told["tuning"]["target"] == 0.95


def test_without_the_files_rows_are_moved(graph: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    report = rebuild(graph, replace(FAST, encoder=None, kind="hnsw"))
    assert report.tuning is not None
    assert report.tuning.recall is not None
    assert "moved" in report.tuning.recall.by


def test_an_index_of_an_earlier_version_is_shown_as_before(graph: Path, capsys: pytest.CaptureFixture[str]) -> None:
    downgrade(graph, 7)
    (segment,) = segments(graph)
    assert segment.tuning is None
    assert f"recall@10 measured {segment.recall:.3f}" in printed(capsys, "info", graph)
    fill(graph.parent / "photos", 2, first=150)
    add(graph, [graph.parent / "photos"], replace(FAST, encoder=None))
    assert [each.kind for each in segments(graph)] == ["hnsw", "flat"]
    assert check(graph) == []
    assert rebuild(graph, replace(FAST, encoder=None, kind="hnsw")).tuning is not None


def test_rebuild_explains(graph: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "up to 20,000 rows are searched exactly" in printed(capsys, "rebuild", "--index", graph, "--explain")
    monkeypatch.setitem(choice.FLAT_ROWS, "cpu", 100)
    text = printed(capsys, "rebuild", "--index", graph, "--explain", "--memory", "1GB", "--device", "cpu")
    assert "chosen" in text
    assert "at most 1024.0 MiB" in text
    assert all(each.kind in text for each in choice.CANDIDATES["cpu"])
    told = json.loads(printed(capsys, "rebuild", "--index", graph, "--memory", "1GB", "--device", "cpu", "--json"))
    assert told["tuning"]["memory_limit"] == 2**30
    assert len(told["tuning"]["trials"]) == len(choice.CANDIDATES["cpu"])
    assert "no candidates" in printed(capsys, "rebuild", "--index", graph, "--explain", "--kind", "flat")


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), ("512MB", 2**29), ("2GB", 2**31), ("2 gib", 2**31), ("1.5k", 1536), ("3T", 3 * 2**40), ("10B", 10)],
)
def test_sizes(text: str, size: int) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "GB", "2XB", "1e9", "nan", "9" * 30, "2 G B"])
def test_invalid_sizes(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a size"):
        read_size(text)
