"""`--param NAME=NUMBER`: parameters of the structure, checked before any work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from indexer.cli.options import read_params
from tests.indexer.hostile import doors


def test_they_are_read() -> None:
    assert read_params(None) is None
    assert read_params([]) is None
    assert read_params(["M=16", "ef_construction=200"]) == {"M": 16, "ef_construction": 200}


@pytest.mark.parametrize("text", ["M", "M=", "=3", "M=many", "M=1.5", "", "M:16", "ü\n=x"])
def test_others_are_invalid_options(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not NAME=NUMBER") as caught:
        read_params([text])
    assert "\n" not in str(caught.value)


def test_one_name_twice() -> None:
    with pytest.raises(typer.BadParameter, match="M is given twice"):
        read_params(["M=16", "M=32"])


def test_a_segment_is_built_with_them(pictures: Path, tmp_path: Path) -> None:
    index = str(tmp_path / "i")
    words = ["build", str(pictures), "--index", index, "--encoder", "color-layout", "--kind", "hnsw8"]
    assert doors.command([*words, "--param", "M=5", "--param", "ef_construction=40"]).code == 0
    ended = doors.command(["info", index, "--json"])
    (segment,) = json.loads(ended.out)["segment_list"]
    assert segment["parameters"].items() >= {"M": 5, "ef_construction": 40}.items()
    again = doors.command(["rebuild", "--index", index, "--kind", "pq4", "--param", "m=20", "--param", "effort=7"])
    assert again.code == 0, again.err
    (segment,) = json.loads(doors.command(["info", index, "--json"]).out)["segment_list"]
    assert (segment["kind"], segment["parameters"]["m"], segment["parameters"]["effort"]) == ("pq4", 20, 7)


def test_they_are_refused_before_any_work(pictures: Path, tmp_path: Path) -> None:
    for kind, param, says in (("hnsw", "nlist=4", "it has: M, ef_construction"), ("auto", "M=4", "choose a kind")):
        words = ["build", str(pictures), "--index", str(tmp_path / "i"), "--kind", kind, "--param", param]
        ended = doors.command(words)
        assert ended.code == 1
        assert says in ended.err
        assert not (tmp_path / "i").exists()
