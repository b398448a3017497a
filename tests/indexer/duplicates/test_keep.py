"""Which files are spare: never the last good copy, never a changed file."""

from __future__ import annotations

import os
import shutil

import pytest

from indexer.collection.build import build
from indexer.duplicates import find_duplicates
from indexer.duplicates.keep import choose, list_bytes
from search.config import DuplicatesConfig
from tests.conftest import FAST, draw

EXACT = DuplicatesConfig(exact_only=True)


def copies(folder, *names, seed=0):
    """Files with the same bytes, each ten seconds newer than the one before."""
    folder.mkdir(exist_ok=True)
    paths = [folder / name for name in names]
    draw(seed, (200, 160)).save(paths[0])
    for path in paths[1:]:
        shutil.copy(paths[0], path)
    for number, path in enumerate(paths):
        os.utime(path, (10**9 + 10 * number,) * 2)
    return paths


def chosen(folder, rule="best", config=EXACT):
    build(folder, folder.parent / "i", FAST)
    return [choose(group, rule) for group in find_duplicates(folder.parent / "i", config).groups]


def names(members):
    return [member.path.name for member in members]


def test_the_oldest_of_equal_files_is_kept(tmp_path):
    copies(tmp_path / "p", "z.png", "b.png", "a.png")
    (choice,) = chosen(tmp_path / "p")
    assert (choice.keep.path.name, names(choice.spare), choice.left) == ("z.png", ["a.png", "b.png"], ())
    (first,) = chosen(tmp_path / "p", "first")
    assert first.keep.path.name == "a.png", "files are indexed by path"
    assert sorted(names(first.spare)) == ["b.png", "z.png"]


def test_files_are_ranked_by_pixels_bytes_and_sharpness(tmp_path):
    (tmp_path / "p").mkdir()
    picture = draw(1, (200, 160))
    picture.resize((400, 320)).save(tmp_path / "p" / "d-large.jpg", quality=30)
    picture.save(tmp_path / "p" / "c-heavy.png")
    picture.save(tmp_path / "p" / "b-light.jpg", quality=60)
    config = DuplicatesConfig(threshold=0.3)
    (choice,) = chosen(tmp_path / "p", config=config)
    assert choice.keep.path.name == "d-large.jpg"
    (tmp_path / "p" / "d-large.jpg").unlink()
    (choice,) = chosen(tmp_path / "p", config=config)
    assert choice.keep.path.name == max((tmp_path / "p").iterdir(), key=lambda path: path.stat().st_size).name


def test_the_sharper_of_equally_large_files_is_kept(tmp_path):
    from PIL import ImageFilter

    (tmp_path / "p").mkdir()
    sharp = draw(2, (6, 6)).resize((64, 64), 0)
    sharp.save(tmp_path / "p" / "z.bmp")
    sharp.filter(ImageFilter.GaussianBlur(1)).save(tmp_path / "p" / "a.bmp")
    os.utime(tmp_path / "p" / "a.bmp", (1, 1))
    (choice,) = chosen(tmp_path / "p", config=DuplicatesConfig(threshold=0.5))
    assert (choice.keep.path.name, names(choice.spare)) == ("z.bmp", ["a.bmp"])


def test_missing_and_changed_files_are_neither_kept_nor_spare(tmp_path):
    paths = copies(tmp_path / "p", "a.png", "b.png", "c.png", "d.png")
    build(tmp_path / "p", tmp_path / "i", FAST)
    paths[0].unlink()
    draw(9).save(paths[1])
    (group,) = find_duplicates(tmp_path / "i", EXACT).groups
    choice = choose(group, "best")
    assert (choice.keep.path, names(choice.spare)) == (paths[2], ["d.png"])
    assert {member.path.name: why for member, why in choice.left} == {
        "a.png": "gone",
        "b.png": "changed since it was indexed",
    }
    assert [choice.word(member) for member in sorted(group.members, key=lambda m: m.id)] == [
        "gone",
        "changed since it was indexed",
        "keep",
        "spare",
    ]
    for path in paths[2:]:
        path.unlink()
    assert choose(group, "first").keep is None
    assert choose(group, "first").spare == ()


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_link_to_the_file_to_keep_is_not_spare(tmp_path):
    (path,) = copies(tmp_path / "p", "b.png")
    (tmp_path / "p" / "a.png").symlink_to(path)
    os.link(path, tmp_path / "p" / "c.png")
    (choice,) = chosen(tmp_path / "p", "first")
    assert choice.keep.path.name == "a.png"
    assert choice.spare == (), "removing b.png and c.png would leave nothing"
    assert {why for _, why in choice.left} == {"the same file as the one that stays"}


@pytest.mark.skipif(os.name != "posix", reason="file names are Unicode there")
def test_the_list_contains_names_byte_for_byte(tmp_path):
    odd = [os.fsdecode(b"\xff\xfe.png"), "na\u00efve \u2603.png", "line\nbreak.png", "back\\nslash.png"]
    paths = copies(tmp_path / "p", "original.png", *odd)
    choices = chosen(tmp_path / "p")
    lines, left_out = list_bytes(choices, null=False)
    assert set(lines.split(b"\n")) - {b""} == {os.fsencode(path) for path in paths[1:] if "\n" not in path.name}
    assert [member.path.name for member in left_out] == ["line\nbreak.png"]
    whole, left_out = list_bytes(choices, null=True)
    assert left_out == []
    assert set(whole.split(b"\0")) - {b""} == {os.fsencode(path) for path in paths[1:]}
