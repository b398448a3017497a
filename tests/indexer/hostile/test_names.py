"""File and folder names that break programs: kept byte for byte, and never shown raw."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from indexer.collection.build import build
from indexer.pipeline.scan import scan
from search import DataError, IndexFolderError, PictureError, open_index
from tests.conftest import FAST, draw

ROOT = Path(__file__).parents[3]
NAMES = [
    b"new\nline.png",
    b"carriage\rreturn.png",
    b"tab\tand\x07bell.png",
    "emoji 🌄👩‍👩‍👧.png".encode(),
    b"latin-1 caf\xe9 \xff\xfe.png",
    "right to left \u202e gnp.jpg.png".encode(),
    "zero\u200bwidth \u2066isolate.png".encode(),
    b"escape \x1b[31m\x1b]0;title\x07\x1b[2J.png",
    b"delete \x7f\xc2\x9b31m.png",
    b"n" * 251 + b".png",
    "\u00e9".encode() * 125 + b".png",
    b"-k.png",
    b"--json.png",
    b" leading and trailing  .png",
    b"quotes ' \" ` $HOME $(id) ;.png",
    b"back\\slash.png",
    b"[bold red]markup[] **x** <img src=x onerror=alert(1)>.png",
    b"%s %d {0} {x}.png",
    b"*?[a-z].png",
    b"nul.png",
    "e\u0301 as two.png".encode(),
    "\u00e9 as one.png".encode(),
]


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[bytes, Path], Path]:
    """A folder of pictures, each in a folder of its own name; name -> path; and their index."""
    root = tmp_path_factory.mktemp("names")
    paths = {}
    for number, name in enumerate(NAMES):
        path = below(root, b"p", name.removesuffix(b".png"), name)
        path.parent.mkdir(parents=True)
        draw(number).save(path)
        paths[name] = path
    report = build(root / "p", root / "i", FAST)
    assert (report.images, report.skipped) == (len(NAMES), [])
    return root / "p", paths, root / "i"


def run(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "2000"}
    return subprocess.run(
        [sys.executable, "-m", "indexer", *words], capture_output=True, check=False, cwd=cwd, env=environment
    )


def shown(data: bytes) -> str:
    """What a terminal was given, once it is known to hold nothing that a terminal obeys."""
    text = data.decode("utf-8")
    assert [c for c in text if not c.isprintable() and c not in "\n\u200d"] == []
    return text


def below(folder: Path, *names: bytes) -> Path:
    """A path of names that need not be text."""
    return folder.joinpath(*map(os.fsdecode, names))


def test_the_scan_keeps_every_byte(strange):
    pictures, paths, _ = strange
    assert {os.fsencode(file.path.name) for file in scan(pictures)} == set(NAMES)
    assert {file.path for file in scan(pictures)} == set(paths.values())


def test_paths_and_labels_come_back_as_they_are(strange):
    _, paths, index = strange
    with open_index(index) as engine:
        for name, path in paths.items():
            hit = engine.search(path, 1)[0]
            assert os.fsencode(hit.path) == os.fsencode(path), name
            assert hit.label is not None
            assert os.fsencode(hit.label) == name.removesuffix(b".png")
            only = engine.search(path, 99, where={"label": hit.label})
            assert [found.path for found in only] == [path]
        assert len(engine.labels()) == len(NAMES)


def test_queries_as_json_and_as_text(strange):
    _, paths, index = strange
    done = run("query", "--index", index, "-k", "1", "--json", "--", *paths.values())
    assert (done.returncode, done.stderr) == (0, b"")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [os.fsencode(answer["query"]) for answer in answers] == [os.fsencode(path) for path in paths.values()]
    assert [answer["hits"][0]["path"] for answer in answers] == [str(path) for path in paths.values()]
    plain = run("query", "--index", index, "-k", "1", "--", *paths.values())
    assert (plain.returncode, plain.stderr) == (0, b"")
    text = shown(plain.stdout)
    assert "\\x1b[31m" in text
    assert "new\\nline.png" in text
    assert "[bold red]markup[] **x** <img" in text


def test_names_that_look_like_options(strange):
    _, paths, index = strange
    path = paths[b"--json.png"]
    done = run("query", "--index", index, "-k", "1", "--", path.name, cwd=path.parent)
    assert done.returncode == 0
    assert "--json.png" in shown(done.stdout)
    assert b"hits" not in done.stdout


def test_reports_of_pictures_that_cannot_be_read(tmp_path):
    for name in NAMES:
        path = below(tmp_path, b"p", name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"no picture")
    draw(1).save(tmp_path / "p" / "whole.png")
    done = run("build", tmp_path / "p", "--index", tmp_path / "i", "--encoder", "color-layout")
    assert (done.returncode, done.stderr) == (3, b"")
    lines = shown(done.stdout).splitlines()
    assert sum(line.startswith("skipped ") for line in lines) == 20
    assert all(line.endswith("not a picture: it is text") for line in lines if line.startswith("skipped "))
    as_json = run("build", tmp_path / "p", "--index", tmp_path / "i", "--json")
    told = {os.fsencode(Path(each["path"]).name) for each in json.loads(as_json.stdout)["skipped"]}
    assert told == set(NAMES)
    failed = run("query", "--index", tmp_path / "i", "--", below(tmp_path, b"p", NAMES[0]))
    assert failed.returncode == 3
    assert len(shown(failed.stderr).splitlines()) == 1


def test_the_command_line_tells_and_checks_such_an_index(strange):
    index = strange[2]
    for words in (("info", index), ("info", index, "--json"), ("check", index)):
        done = run(*words)
        assert done.returncode == 0
        assert shown(done.stdout)


def test_the_app_lists_them(strange, monkeypatch):
    _, _, index = strange
    monkeypatch.setenv("TWINLENS_INDEX", str(index))
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    assert [error.message for error in page.exception] == []
    page.query_params["picture"] = "3"
    page.run()
    assert [error.message for error in page.exception] == []
    texts = [element.value for element in (*page.text, *page.caption)]
    assert texts
    assert [text for text in texts if any(not c.isprintable() and c not in "\n\u200d" for c in text)] == []


# Paths as long as the system takes, and longer


def deep(root: Path, length: int) -> bytes:
    """Make a folder whose path has that many bytes, one at a time, as no call takes so long a path; its path."""
    path, name = os.fsencode(root), b"d" * 200
    descriptor = os.open(root, os.O_RDONLY)
    while len(path) < length:
        part = name[: max(1, min(len(name), length - len(path) - 1))]
        if len(path) + 1 + len(part) == length - 1:
            part = part[:-1]  # a path one byte too short could not be lengthened by a name and its slash
        os.mkdir(part, dir_fd=descriptor)
        below = os.open(part, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor, path = below, path + b"/" + part
    with os.fdopen(os.open("x.png", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor), "wb") as file:
        draw(7).save(file, "PNG")
    os.close(descriptor)
    return path


def test_a_path_as_long_as_the_system_takes(tmp_path):
    path = Path(os.fsdecode(deep(tmp_path, 4095 - len("/x.png")))) / "x.png"
    assert len(os.fsencode(path)) == 4095
    assert build(tmp_path, tmp_path / "i", FAST).images == 1
    with open_index(tmp_path / "i") as engine:
        assert engine.search(path, 1)[0].path == path


def test_a_path_longer_than_that_is_named_and_nothing_else_lost(tmp_path):
    (tmp_path / "p").mkdir()
    deep(tmp_path / "p", 4093)
    draw(1).save(tmp_path / "p" / "short.png")
    report = build(tmp_path / "p", tmp_path / "i", FAST)
    assert report.images == 1
    assert [reason for _, reason in report.skipped] == ["cannot be read (File name too long)"]


def test_a_folder_deeper_than_that_is_told(tmp_path):
    (tmp_path / "p").mkdir()
    deep(tmp_path / "p", 4500)
    draw(1).save(tmp_path / "p" / "short.png")
    told: list[int | None] = []
    found = scan(tmp_path / "p", unreadable=lambda _, error: told.append(error.errno))
    assert [file.path.name for file in found] == ["short.png"]
    assert told == [errno.ENAMETOOLONG]


@pytest.mark.parametrize("length", [256, 4096])
def test_a_name_longer_than_any_file_has(tmp_path, strange, length):
    name = "n" * length
    with pytest.raises(DataError, match="cannot be read"):
        scan(tmp_path / name)
    with open_index(strange[2]) as engine, pytest.raises(PictureError, match="File name too long"):
        engine.search(name, 1)
    with pytest.raises(IndexFolderError):
        open_index(tmp_path / name)
    draw(1).save(tmp_path / "x.png")
    with pytest.raises(IndexFolderError):
        build(tmp_path, tmp_path / name, FAST)
