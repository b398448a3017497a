"""Hits are taken along as CSV, JSON or ZIP, and the same search runs on the command line and in Python."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import subprocess
import sys
import zipfile
from operator import attrgetter
from pathlib import Path

import pytest

from app_parts import archive as archives
from app_parts.search.exports import archive_of, csv_of, json_of
from app_parts.search.same_search import quoted
from indexer.metadata.load import load_metadata
from search import open_index
from tests.app.page import click, jpeg, neighbours, sound, started, texts, upload
from tests.conftest import draw

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def hits(own, index, tmp_path):
    """Hits with metadata, and names and labels that are no simple words."""
    pictures, rebuild = own
    odd = pictures / "a, \"b\"\n'c'"
    odd.mkdir()
    draw(50).save(odd / "=1+1 ünï.png")
    draw(50).save(odd / os.fsdecode(b"\xff:?.png"))
    rebuild()
    (tmp_path / "m.csv").write_text(
        "path,day,n\n" + "".join(f"label{n % 3}/{n:04d}.png,2024-05-0{n},{n}\n" for n in (1, 2))
    )
    load_metadata(index, tmp_path / "m.csv", root=pictures)
    with open_index(index) as engine:
        return engine.search(jpeg(draw(50)), 20)


def test_a_table_has_a_row_for_each_hit_as_the_index_has_it(hits):
    text = csv_of(hits).decode("utf-8", "surrogateescape")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [int(row["id"]) for row in rows] == [hit.id for hit in hits]
    assert [row["path"] for row in rows] == [str(hit.path) for hit in hits]
    assert [row["label"] for row in rows] == [hit.label for hit in hits]
    assert [float(row["distance"]) for row in rows] == [hit.distance for hit in hits]
    assert {row["day"] for row in rows} == {"", "2024-05-01", "2024-05-02"}
    assert csv_of([]).decode().count("\n") == 1


def test_json_has_the_form_of_the_command_line(hits):
    read = json.loads(json_of(["q.jpg"], hits))
    assert read == {"query": "q.jpg", "hits": [hit.to_dict() for hit in hits]}
    assert json.loads(json_of(["q.jpg", "r.jpg"], []))["query"] == ["q.jpg", "r.jpg"]


def test_an_archive_holds_the_files_and_lists_what_is_missing(hits):
    hits[3].path.unlink()
    with zipfile.ZipFile(io.BytesIO(archive_of(hits, attrgetter("path")))) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        for rank, hit in enumerate(hits, 1):
            inside = [name for name in names if name.startswith(f"{rank:03d}-")]
            assert len(inside) == (hit.path.exists())
            assert all(archive.read(name) == hit.path.read_bytes() for name in inside)
        assert all("/" not in name and "\\" not in name.replace("\\u", "") for name in names)
        assert "No such file" in archive.read("skipped.txt").decode()
        assert archive.read("hits.csv") == csv_of(hits)


def test_an_archive_is_bounded(hits, monkeypatch):
    size = hits[0].path.stat().st_size
    monkeypatch.setattr(archives, "MOST_BYTES", size + 10)
    with zipfile.ZipFile(io.BytesIO(archive_of(hits, attrgetter("path")))) as archive:
        assert len(archive.namelist()) == 3
        assert len(archive.read("skipped.txt").decode().splitlines()) == len(hits) - 1


def test_the_selected_hits_are_exported_and_else_all(app, monkeypatch):
    page = upload(app, "three.jpg", jpeg(draw(3)))
    found = neighbours(page)
    assert next(block.proto.popover.label for block in page.get("popover")) == "Export all"
    for picture_id in (found[4], found[1]):
        page = sound(page.checkbox(key=f"select-{picture_id}").check().run())
    assert "Export 2 pictures" in [block.proto.popover.label for block in page.get("popover")]
    assert neighbours(page) == found
    page = sound(next(button for button in page.button if button.label == "Select none").click().run())
    assert not any(box.value for box in page.checkbox)


def codes(page):
    command, program = (code.value for code in page.code)
    return command, program


@pytest.mark.parametrize(
    "word", ["plain", "", "it's", '$HOME `x` "y"', "a\nb", os.fsdecode(b"caf\xe9 '"), "-x", "猫 !", "a\\b\tc"]
)
@pytest.mark.skipif(os.name != "posix", reason="another shell there")
def test_words_reach_the_shell_unchanged(word):
    program = "import os, sys; sys.stdout.buffer.write(os.fsencode(sys.argv[1]))"
    script = f"{shlex.quote(sys.executable)} -c {shlex.quote(program)} {quoted(word)}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert os.fsdecode(done.stdout) == word


SEARCHES = [
    {"picture": "7"},
    {"picture": "7", "liked": "9", "disliked": "3,12", "k": "4", "label": "label1"},
    {"picture": "7", "with": "9", "weights": "9:2.5", "without": "3", "where": "width > 10 or label = 'it''s'"},
    {"picture": "7", "crop": "0.1,0.2,0.7,0.9", "collapse": "true", "without": "3"},
]


@pytest.mark.thinned(2)
@pytest.mark.skipif(os.name != "posix", reason="another shell there")
@pytest.mark.parametrize("asked", SEARCHES, ids=lambda asked: "-".join(asked))
def test_the_same_search_finds_the_same_pictures_elsewhere(gallery, monkeypatch, asked, tmp_path):
    monkeypatch.setenv("TWINLENS_INDEX", str(gallery))
    page = started(**asked)
    own = {int(each) for name in ("picture", "with", "without") for each in asked.get(name, "").split(",") if each}
    for found in (run_command(page, tmp_path), run_python(page, tmp_path)):
        assert [each for each in found if each not in own][: len(neighbours(page))] == neighbours(page)
        assert len(neighbours(page)) == int(asked.get("k", 10))


@pytest.mark.skipif(os.name != "posix", reason="another shell there")
def test_the_same_search_with_an_upload_runs_beside_it(app, gallery, tmp_path):
    name = "-my 'own' $x.jpg"
    data = jpeg(draw(11, (90, 60)))
    (tmp_path / name).write_bytes(data)
    page = upload(app, name, data)
    page = click(page, f"like-{neighbours(page)[3]}")
    assert run_command(page, tmp_path) == run_python(page, tmp_path) == neighbours(page)


def run_command(page, folder):
    """Ids that the command finds, which is run by a shell."""
    command, _ = codes(page)
    assert command.startswith("twinlens query ")
    run = f"{shlex.quote(sys.executable)} -m indexer {command.removeprefix('twinlens ')} --json"
    done = subprocess.run(["bash", "-c", run], capture_output=True, cwd=folder, env=environment(), check=False)
    assert done.returncode == 0, done.stderr.decode()
    return [hit["id"] for hit in json.loads(done.stdout)["hits"]]


def run_python(page, folder):
    """Ids that the Python code prints."""
    done = subprocess.run(
        [sys.executable, "-c", codes(page)[1]], capture_output=True, cwd=folder, env=environment(), check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return [int(line.split()[0]) for line in done.stdout.decode().splitlines()]


def environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}


def test_an_area_of_many_pictures_is_searched_with_their_ids_from_a_file(gallery, monkeypatch, tmp_path):
    """The filter of the ids of a large area is longer than a filter may be."""
    monkeypatch.setenv("TWINLENS_INDEX", str(gallery))
    area = list(range(1, 40, 2))
    monkeypatch.setattr("app_parts.search.settings.show_area", lambda opened, address: area)
    short = started(picture="7", where="id > 3")
    assert run_command(short, tmp_path) == run_python(short, tmp_path)
    found = neighbours(short)
    assert set(found) < set(area)
    monkeypatch.setattr("app_parts.search.settings.LONGEST", 20)
    page = started(picture="7", where="id > 3")
    assert neighbours(page) == found
    assert "too many for a filter" in texts(page)
    (program,) = [code.value for code in page.code]
    (tmp_path / "ids.json").write_text(json.dumps(area))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    printed = [int(line.split()[0]) for line in done.stdout.splitlines()]
    assert [each for each in printed if each != 7][: len(found)] == found
