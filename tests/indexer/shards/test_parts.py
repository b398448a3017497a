"""Shards that are embedded apart and merged equal one local build."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from indexer.collection.build import build
from indexer.collection.sync import sync
from indexer.exchange.export import export
from indexer.pipeline.lock import LOCK_NAME
from indexer.shards.assignment import Shard
from indexer.shards.config import EmbedConfig, PartsConfig
from indexer.shards.embed_part import embed_part
from indexer.shards.import_parts import import_parts
from indexer.shards.part import blocks_of
from search.config import BuildConfig
from search.errors import DataError, EncoderError
from tests.conftest import FAST, draw, fill
from tests.same_index import assert_same, contents_of

ROOT = Path(__file__).parents[3]
LAYOUT = EmbedConfig(encoder="color-layout", device="cpu", workers=2, batch_size=4, block_files=5)


def embed_all(pictures: Path, out: Path, count: int, config: EmbedConfig = LAYOUT) -> list[Path]:
    parts = [out / f"part{number}" for number in range(1, count + 1)]
    for number, part in enumerate(parts, 1):
        embed_part(pictures, part, replace(config, shard=Shard(number, count)))
    return parts


@pytest.fixture
def awkward(tmp_path: Path) -> Path:
    """Pictures with copies, a broken file, EXIF, and names that are not ASCII or not even UTF-8."""
    folder = tmp_path / "pictures"
    paths = fill(folder, 24)
    shutil.copy(paths[0], folder / "a copy.png")
    shutil.copy(paths[1], folder / "label2" / "zzz.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "empty.png").write_bytes(b"")
    draw(100).save(folder / "Grüße, 世界.png")
    draw(101).save(os.fsencode(folder / "label1") + b"/caf\xe9.png")
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Maker", "Model 3"
    exif.get_ifd(0x8769)[0x9003] = "2021:05:06 07:08:09"
    draw(102).save(folder / "taken.jpg", exif=exif)
    return folder


def test_shards_partition_the_paths() -> None:
    paths = [f"folder{n % 7}/picture {n}.jpg" for n in range(4000)]
    taken = [[path for path in paths if Shard(number, 8).takes(path)] for number in range(1, 9)]
    assert sorted(path for each in taken for path in each) == sorted(paths)
    assert all(400 < len(each) < 600 for each in taken)
    without_some = [path for path in paths[100:] if Shard(3, 8).takes(path)]
    assert set(without_some) <= set(taken[2])
    assert Shard(3, 8).takes("caf\udce9.png") in (True, False)


@pytest.mark.parametrize("text", ["", "3", "0/8", "9/8", "3/0", "-1/8", "3/8/2", "a/b", "٣/8"])
def test_a_wrong_shard_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="is not a shard"):
        Shard.read(text)


@pytest.mark.parametrize("count", [1, 4])
def test_merged_parts_equal_a_local_build(awkward: Path, tmp_path: Path, count: int) -> None:
    build(awkward, tmp_path / "local.index", FAST)
    parts = embed_all(awkward, tmp_path, count)
    report = import_parts(parts[::-1], tmp_path / "merged.index", PartsConfig(device="cpu"))
    assert report.added == 29
    assert {path.name for path, _ in report.skipped} == {"broken.jpg", "empty.png"}
    assert_same(tmp_path / "local.index", tmp_path / "merged.index")
    again = import_parts(parts, tmp_path / "merged.index", PartsConfig(device="cpu"))
    assert (again.added, again.unchanged) == (0, 29)
    synced = sync(awkward, tmp_path / "merged.index", FAST)
    assert (synced.embedded, synced.added, synced.unchanged, synced.read_again) == (0, 0, 29, 0)
    assert_same(tmp_path / "local.index", tmp_path / "merged.index")
    assert not list((tmp_path / "merged.index").glob("staging*"))


def test_labels_of_a_csv_and_none(awkward: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("path,label\nlabel0/0000.png,Ä\nlabel1/0001.png,b\n", encoding="utf-8")
    for labels in (str(table), "none"):
        here = tmp_path / Path(labels).stem
        here.mkdir()
        build(awkward, here / "local.index", replace(FAST, labels=labels))
        parts = embed_all(awkward, here, 2, replace(LAYOUT, labels=labels))
        import_parts(parts, here / "merged.index")
        assert_same(here / "local.index", here / "merged.index")


def test_import_into_an_index_adds_what_it_lacks(pictures: Path, tmp_path: Path) -> None:
    index = tmp_path / "photos.index"
    build(pictures, index, FAST)
    fill(pictures, 6, first=50)
    parts = embed_all(pictures, tmp_path, 2)
    assert import_parts(parts, index).added == 6
    assert sync(pictures, index, FAST).embedded == 0


def test_shards_one_after_the_other(pictures: Path, tmp_path: Path) -> None:
    parts, index = embed_all(pictures, tmp_path, 3), tmp_path / "photos.index"
    with pytest.raises(DataError, match="missing shards: 2/3"):
        import_parts([parts[0], parts[2]], index)
    assert not index.exists()
    first = import_parts([parts[0]], index, PartsConfig(partial=True))
    assert any("missing shards: 2/3, 3/3" in note for note in first.notes)
    rest = import_parts(parts, index)
    assert first.added + rest.added == 12
    assert rest.unchanged == first.added
    assert sync(pictures, index, FAST).embedded == 0


def test_pictures_in_another_folder_here(pictures: Path, tmp_path: Path) -> None:
    parts = embed_all(pictures, tmp_path, 2)
    moved = pictures.rename(tmp_path / "mounted elsewhere")
    import_parts(parts, tmp_path / "photos.index", PartsConfig(root=moved))
    report = sync(moved, tmp_path / "photos.index", FAST)
    assert (report.embedded, report.unchanged) == (0, 12)


def test_a_part_that_is_run_again_does_nothing(pictures: Path, tmp_path: Path) -> None:
    first = embed_part(pictures, tmp_path / "part", LAYOUT)
    blocks = {file: file.stat().st_ino for file in blocks_of(tmp_path / "part")}
    again = embed_part(pictures, tmp_path / "part", LAYOUT)
    assert (first.embedded, again.embedded, again.already) == (12, 0, 12)
    assert {file: file.stat().st_ino for file in blocks_of(tmp_path / "part")} == blocks
    assert not (tmp_path / "part" / LOCK_NAME).exists()


def test_changes_after_a_part_was_finished(pictures: Path, tmp_path: Path) -> None:
    embed_part(pictures, tmp_path / "part", LAYOUT)
    draw(77).save(pictures / "label0" / "0000.png")
    draw(78).save(pictures / "new.png")
    (pictures / "label1" / "0001.png").unlink()
    assert embed_part(pictures, tmp_path / "part", LAYOUT).embedded == 2
    import_parts([tmp_path / "part"], tmp_path / "merged.index")
    report = sync(pictures, tmp_path / "merged.index", FAST)
    assert (report.embedded, report.added, report.removed) == (0, 0, 1)


def test_what_does_not_belong_together_is_refused(pictures: Path, tmp_path: Path) -> None:
    parts, index = embed_all(pictures, tmp_path, 2), tmp_path / "photos.index"
    with pytest.raises(DataError, match="is shard 1/2, and so is"):
        import_parts([parts[0], shutil.copytree(parts[0], tmp_path / "copy"), parts[1]], index)
    with pytest.raises(DataError, match="holds another part: the shard is 1/2 here, and 2/2 there"):
        embed_part(pictures, parts[0], replace(LAYOUT, shard=Shard(2, 2)))
    fill(tmp_path / "others", 3)
    with pytest.raises(DataError, match="the folder of pictures is"):
        embed_part(tmp_path / "others", parts[0], replace(LAYOUT, shard=Shard(1, 2)))
    note = json.loads((parts[1] / "part.json").read_text())
    other = shutil.copytree(parts[1], tmp_path / "other")
    for key, value, message in [
        ("fingerprint", "0" * 32, "the encoder is"),
        ("precision", "bfloat16", "the precision is bfloat16 here, and float32 there"),
        ("finished", False, "was not finished"),
        ("dim", "many", "is damaged"),
        ("shard", "5/2", "is damaged|is not a shard"),
    ]:
        (other / "part.json").write_text(json.dumps(note | {key: value}))
        with pytest.raises(DataError, match=message):
            import_parts([parts[0], other], index)
    assert not index.exists()
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="holds other files"):
        embed_part(pictures, tmp_path / "files", LAYOUT)
    with pytest.raises(DataError, match="no pictures below"):
        embed_part(tmp_path / "files", tmp_path / "nothing", LAYOUT)


def test_an_index_of_another_encoder_or_precision_is_refused(pictures: Path, tmp_path: Path) -> None:
    parts, index = embed_all(pictures, tmp_path, 2), tmp_path / "photos.index"
    build(pictures, index, FAST)
    before = contents_of(index)[0]
    for part in parts:
        note = json.loads((part / "part.json").read_text())
        (part / "part.json").write_text(json.dumps(note | {"precision": "bfloat16"}))
    with pytest.raises(EncoderError, match="computes in float32, and the parts were embedded in bfloat16"):
        import_parts(parts, index)
    for part in parts:
        note = json.loads((part / "part.json").read_text())
        (part / "part.json").write_text(json.dumps(note | {"fingerprint": "0" * 32, "precision": "float32"}))
    with pytest.raises(DataError, match="has vectors of the encoder"):
        import_parts(parts, index)
    assert contents_of(index)[0] == before


def test_a_damaged_block_is_named(pictures: Path, tmp_path: Path) -> None:
    (part,) = embed_all(pictures, tmp_path, 1)
    block = blocks_of(part)[1]
    whole = block.read_bytes()
    block.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=block.name):
        import_parts([part], tmp_path / "photos.index")
    export(_index(pictures, tmp_path), tmp_path / "exported")
    shutil.copy(tmp_path / "exported" / "pictures.parquet", block)
    with pytest.raises(DataError, match="lacks columns of a block"):
        import_parts([part], tmp_path / "photos.index")


def _index(pictures: Path, tmp_path: Path) -> Path:
    build(pictures, tmp_path / "local.index", FAST)
    return tmp_path / "local.index"


def test_four_processes_one_of_them_killed(tmp_path: Path) -> None:
    """Kill -9 in the middle of a shard; the run that continues embeds only what no block holds."""
    pictures = tmp_path / "pictures"
    fill(pictures, 400, labels=5)
    parts = [tmp_path / f"part{number}" for number in range(1, 5)]
    how = ["--encoder", "color-layout", "--block-files", "8", "--batch-size", "4", "--workers", "1", "--json"]
    words = [
        [*_TWINLENS, "embed", str(pictures), "--shard", f"{number}/4", "--out", str(part), *how]
        for number, part in enumerate(parts, 1)
    ]
    runs = [subprocess.Popen(each, cwd=ROOT, stdout=subprocess.PIPE) for each in words]
    deadline = time.monotonic() + 60
    while not (parts[2].is_dir() and blocks_of(parts[2])):
        assert time.monotonic() < deadline
        assert runs[2].poll() is None or blocks_of(parts[2])
        time.sleep(0.002)
    runs[2].send_signal(signal.SIGKILL)
    reports = [json.loads(run.communicate(timeout=60)[0] or "null") for run in runs]
    assert [run.returncode for run in runs] == [0, 0, -signal.SIGKILL, 0]
    with pytest.raises(DataError, match="part3: its run was not finished"):
        import_parts(parts, tmp_path / "merged.index")
    done = subprocess.run(words[2], cwd=ROOT, capture_output=True, check=True)
    reports[2] = json.loads(done.stdout)
    assert sum(report["files"] for report in reports) == 400
    assert reports[2]["already"] >= 8
    assert reports[2]["embedded"] == reports[2]["files"] - reports[2]["already"]
    merge = [*_TWINLENS, "import", *map(str, parts), "--index", str(tmp_path / "merged.index"), "--json"]
    assert json.loads(subprocess.run(merge, cwd=ROOT, capture_output=True, check=True).stdout)["added"] == 400
    build(pictures, tmp_path / "local.index", BuildConfig(encoder="color-layout", device="cpu"))
    assert_same(tmp_path / "local.index", tmp_path / "merged.index")


_TWINLENS = [sys.executable, "-m", "indexer"]
