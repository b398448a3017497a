"""What a scan leaves out, and what it says of files of other kinds."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.collection.add import add
from indexer.collection.build import build
from indexer.collection.sync import sync
from indexer.evaluation.config import EvaluateConfig
from indexer.evaluation.evaluate import evaluate
from indexer.pipeline.excludes import DEFAULT_EXCLUDES, Excludes
from indexer.pipeline.scan import scan
from indexer.training.data import read_pictures
from search import DataError, open_index
from tests.command_line import twinlens
from tests.conftest import FAST, draw, fill

JUNK = [
    "@eaDir/0000.png/SYNOPHOTO_THUMB_XL.jpg",
    "#recycle/old.png",
    "#snapshot/GMT-1/a.png",
    "@Recycle/b.png",
    "$RECYCLE.BIN/S-1-5/x.jpg",
    "$Recycle.Bin/y.jpg",
    "System Volume Information/z.png",
    "lost+found/l.png",
    ".thumbnails/normal/t.png",
    ".git/objects/g.png",
    ".Trash-1000/files/d.png",
    ".dtrash/files/k.png",
    ".@__thumb/default.jpg",
    "__MACOSX/._m.jpg",
    "label0/@eaDir/1.jpg",
]


def names(index: Path) -> set[str]:
    with open_index(index, device="cpu") as engine:
        return {record.path.name for record in engine.pictures()}


def put(folder: Path, *paths: str) -> None:
    for number, path in enumerate(paths):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        draw(700 + number).save(folder / path)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    fill(tmp_path / "p", 6)
    return tmp_path / "p"


def test_what_nas_and_desktops_put_there_is_left_out_everywhere(library: Path, tmp_path: Path) -> None:
    good = {path.name for path in library.rglob("*.png")}
    put(library, *JUNK)
    build(library, tmp_path / "i", FAST)
    assert names(tmp_path / "i") == good
    add(tmp_path / "j", [library], FAST)
    assert names(tmp_path / "j") == good
    assert sync(library, tmp_path / "j", FAST).added == 0
    assert len(read_pictures(library)) == len(good)
    found = evaluate(library, EvaluateConfig(encoder="color-layout", device="cpu"))
    assert found.pictures == len(good)


@pytest.mark.parametrize(
    ("patterns", "left_out"),
    [
        (["raw"], {"raw/1.png", "a/raw/2.png", "a/raw/deep/3.png"}),
        (["/raw"], {"raw/1.png"}),
        (["raw/"], {"raw/1.png", "a/raw/2.png", "a/raw/deep/3.png"}),
        (["a/raw"], {"a/raw/2.png", "a/raw/deep/3.png"}),
        (["a/*.png"], {"a/x.png"}),
        (["a/**/*.png"], {"a/x.png", "a/raw/2.png", "a/raw/deep/3.png"}),
        (["**/deep"], {"a/raw/deep/3.png"}),
        (["*/raw/*.png"], {"a/raw/2.png"}),
        (["[0-9].png"], {"raw/1.png", "a/raw/2.png", "a/raw/deep/3.png"}),
        (["RAW", "X.png"], set()),
        (["raw", "!raw"], set()),
        (["*.png", "!x.png"], {"raw/1.png", "a/raw/2.png", "a/raw/deep/3.png", "lost.png"}),
        (["!lost+found"], set()),
        ([""], set()),
        (["caf\u00e9*"], set()),
    ],
)
def test_patterns(patterns: list[str], left_out: set[str], tmp_path: Path) -> None:
    every = {"raw/1.png", "a/raw/2.png", "a/raw/deep/3.png", "a/x.png", "lost.png"}
    put(tmp_path, *every)
    excludes = Excludes(tmp_path, patterns)
    found = {str(file.path.relative_to(tmp_path)) for file in scan(tmp_path, excludes=excludes)}
    assert found == every - left_out
    assert {each for each in every if excludes.covers_below(tmp_path / each)} == left_out


def test_an_absolute_pattern_and_letters_in_two_spellings(tmp_path: Path) -> None:
    put(tmp_path, "caf\u00e9/1.png", "cafe\u0301 2/2.png", "b/3.png")
    assert len(scan(tmp_path, excludes=Excludes(tmp_path, ["caf\u00e9*"]))) == 1
    assert len(scan(tmp_path, excludes=Excludes(tmp_path, ["cafe\u0301*"]))) == 1
    assert len(scan(tmp_path, excludes=Excludes(tmp_path, [f"{tmp_path}/b"]))) == 2


def test_defaults_can_be_taken_back_in(tmp_path: Path) -> None:
    put(tmp_path, "lost+found/1.png")
    assert scan(tmp_path) == []
    assert len(scan(tmp_path, excludes=Excludes(tmp_path, ["!lost+found"]))) == 1
    assert {"@eaDir", "#recycle", ".thumbnails", ".git", "$RECYCLE.BIN"} <= set(DEFAULT_EXCLUDES)


def test_a_folder_of_such_a_name_can_be_named_itself(tmp_path: Path) -> None:
    put(tmp_path, "lost+found/1.png")
    assert len(scan(tmp_path / "lost+found")) == 1


def test_many_stars_are_no_trap(tmp_path: Path) -> None:
    excludes = Excludes(tmp_path, ["/".join(["**", "a"] * 40)])
    assert not excludes.covers(str(tmp_path / "/".join(["a"] * 39)))
    assert excludes.covers(str(tmp_path / "/".join(["a"] * 60)))


def test_patterns_are_remembered_and_what_they_newly_cover_leaves(library: Path, tmp_path: Path) -> None:
    index = tmp_path / "i"
    build(library, index, FAST)
    report = sync(library, index, replace(FAST, exclude=("label1",)))
    assert (report.removed, report.excluded, report.kept) == (2, 2, 0)
    again = sync(library, index, FAST)
    assert (again.added, again.unchanged) == (0, 4), "remembered"
    draw(60).save(library / "label1" / "new.png")
    assert add(index, [library], FAST).added == 0, "by add too"
    assert build(library, index, FAST).added == 0
    assert add(index, [library / "label1" / "new.png"], FAST).added == 1, "what is named itself is taken"
    assert sync(library, index, FAST).excluded == 1
    assert add(index, [library], replace(FAST, exclude=("label0",))).unchanged == 2, "this time, and in addition"
    assert sync(library, index, FAST).unchanged == 4
    report = sync(library, index, replace(FAST, exclude=()))
    assert (report.added, report.unchanged) == (3, 4), "no pattern takes the place of the remembered one"
    assert sync(library, index, FAST).unchanged == 7


def test_patterns_that_leave_out_everything_are_named(library: Path, tmp_path: Path) -> None:
    build(library, tmp_path / "i", FAST)
    with pytest.raises(DataError, match=r"no pictures below this folder that the patterns .* do not match: '\*\.png'"):
        sync(library, tmp_path / "i", replace(FAST, exclude=("*.png",)))
    assert sync(library, tmp_path / "i", FAST).unchanged == 6


def test_pictures_of_an_older_index_that_the_defaults_cover_leave(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(library, "label0/@eaDir/thumb.png")
    with monkeypatch.context() as older:
        older.setattr(Excludes, "covers", lambda self, path: False)
        build(library, tmp_path / "i", FAST)
    assert "thumb.png" in names(tmp_path / "i")
    report = sync(library, tmp_path / "i", FAST)
    assert (report.removed, report.excluded, report.unchanged) == (1, 1, 6)


def test_metadata_of_what_was_left_out_by_mistake_comes_back(library: Path, tmp_path: Path) -> None:
    from indexer.metadata.load import load_metadata

    build(library, tmp_path / "i", FAST)
    (tmp_path / "m.csv").write_text("path,price\nlabel1/0001.png,7\n")
    load_metadata(tmp_path / "i", tmp_path / "m.csv", root=library)
    sync(library, tmp_path / "i", replace(FAST, exclude=("label1",)))
    assert sync(library, tmp_path / "i", replace(FAST, exclude=())).returned == 1


def test_the_option(library: Path, tmp_path: Path) -> None:
    words = ("build", library, "--index", tmp_path / "i", "--encoder", "color-layout")
    done = twinlens(*words, "--exclude", "label1", "--exclude", "0002.png", "--json")
    assert json.loads(done.stdout)["images"] == 3
    done = twinlens("sync", library, "--index", tmp_path / "i", "--exclude", "label2")
    assert "1 of the removed pictures match an --exclude pattern now" in done.stdout
    done = twinlens("sync", library, "--index", tmp_path / "i", "--exclude", "", "--json")
    assert json.loads(done.stdout)["images"] == 6
    done = twinlens(
        "evaluate", library, "--encoder", "color-layout", "--exclude", "label1", "--json", "--device", "cpu"
    )
    assert json.loads(done.stdout)["pictures"] == 4


def test_files_of_other_kinds_are_counted_in_one_line(library: Path, tmp_path: Path) -> None:
    others = ["a.mov", "b.MOV", "label0/c.mov", "d.pdf", "README", "no.suffix at all", "x.tar.gz", ".hidden.mov"]
    for name in [*others, "Thumbs.db", "@eaDir.mp4", "desktop.ini"]:
        (library / name).write_text("x")
    counted: Counter[str] = Counter()
    scan(library, not_read=counted)
    assert counted == {".mov": 3, ".pdf": 1, "": 2, ".gz": 1, ".mp4": 1}
    done = twinlens("build", library, "--index", tmp_path / "i", "--encoder", "color-layout")
    assert done.returncode == 0
    [line] = [line for line in done.stdout.splitlines() if line.startswith("not read:")]
    assert line == "not read: 3 .mov, 2 without a suffix, 1 .gz, 1 .mp4, 1 .pdf"
    for command in (("sync", library), ("add", library)):
        told = json.loads(twinlens(*command, "--index", tmp_path / "i", "--json").stdout)
        assert told["not_read"] == dict(counted)
    for number in range(30):
        (library / f"x.kind{number}").write_text("x")
    [line] = [
        line
        for line in twinlens("sync", library, "--index", tmp_path / "i").stdout.splitlines()
        if line.startswith("not read:")
    ]
    assert line.endswith(" of other kinds")
    assert len(line) < 250


def test_one_text_in_place_of_patterns_is_refused() -> None:
    with pytest.raises(TypeError, match=r"\('raw',\)"):
        replace(FAST, exclude="raw")  # type: ignore[arg-type]
