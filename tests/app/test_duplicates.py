"""The page Duplicates: groups as those of the CLI, decisions with undo, and lists that are safe to act upon."""

from __future__ import annotations

import csv
import io
import json
import shutil
import threading
import time
from dataclasses import replace

import pytest

from app_parts.duplicates import background
from app_parts.duplicates.decisions import Decisions, can_drop, decided
from app_parts.duplicates.exporting import FORMATS, exported
from app_parts.duplicates.file_facts import why_it_stays
from indexer import choose_all, find_duplicates
from indexer.duplicates.files import Outputs, write_outputs
from indexer.duplicates.keep import list_bytes
from indexer.people.enroll import enroll
from search.config import DuplicatesConfig
from search.filters.language import parse_where
from tests.app.page import click, sound, started, texts
from tests.conftest import draw
from tests.people import FAST as ENROLLED
from tests.people import photograph


@pytest.fixture
def copied(own):
    """An index of 12 pictures; one has two copies with the same bytes and a smaller one, another has one copy."""
    pictures, rebuild = own
    for name in ("one.png", "two.png"):
        shutil.copy(pictures / "label2" / "0005.png", pictures / "label0" / name)
    draw(5).resize((24, 20)).save(pictures / "label0" / "small.png")
    shutil.copy(pictures / "label1" / "0004.png", pictures / "label0" / "four.png")
    rebuild()
    return pictures.parent / "photos.index"


@pytest.fixture
def found(copied):
    report = find_duplicates(copied)
    return background.Found(report, choose_all(report.groups, "best"))


def shown(**parameters):
    """The page after its search has ended."""
    return waited(started("duplicates", **parameters))


def waited(page):
    for _ in range(200):
        if not page.get("progress"):
            return page
        time.sleep(0.05)
        page = sound(page.run())
    raise AssertionError("the search did not end")


def groups_of(page):
    return [each.value for each in page.header]


def keys(page, word):
    return {int(each.key.removeprefix(word)) for each in page.button if (each.key or "").startswith(word)}


def test_the_groups_and_the_proposal_are_those_of_the_command(copied, found):
    page = shown()
    assert groups_of(page) == [f"Group {n}: {len(g.members)} pictures" for n, g in enumerate(found.report.groups, 1)]
    assert keys(page, "keep-") == {member.id for choice in found.choices for member in choice.spare}
    members = {member.id for group in found.report.groups for member in group.members}
    assert keys(page, "drop-") == members - keys(page, "keep-")
    assert "Nothing is deleted" in texts(page) or "nothing is deleted" in texts(page)
    for word in ("48 × 40 pixels", "PNG", "sharpness", "changed 2"):
        assert word in texts(page)


def test_the_options_are_those_of_the_command(copied):
    page = shown(exact="true")
    assert len(groups_of(page)) == len(find_duplicates(copied, DuplicatesConfig(exact_only=True)).groups) == 2
    assert page.number_input(key="threshold").disabled
    page = shown(threshold="0.0001")
    assert len(groups_of(page)) == len(find_duplicates(copied, DuplicatesConfig(threshold=0.0001)).groups)
    page = shown(keep="first", exact="true")
    report = find_duplicates(copied, DuplicatesConfig(exact_only=True))
    spare = {member.id for choice in choose_all(report.groups, "first") for member in choice.spare}
    assert keys(page, "keep-") == spare
    assert "indexed first" in texts(page)


def test_decisions_change_the_page_and_can_be_undone(copied, found):
    page = shown()
    spare = sorted(keys(page, "keep-"))
    page = click(page, f"keep-{spare[0]}")
    assert keys(page, "keep-") == set(spare[1:])
    assert "1 file decided by you" in texts(page)
    page = click(page, next(each.key for each in page.button if each.label == "Keep all"))
    page = sound(next(each for each in page.button if each.label == "Undo").click().run())
    assert keys(page, "keep-") == set(spare[1:])
    page = sound(next(each for each in page.button if each.label == "Undo").click().run())
    assert keys(page, "keep-") == set(spare)
    assert next(each for each in page.button if each.label == "Undo").disabled


def test_the_last_file_of_a_group_stays(copied):
    page = shown(exact="true")
    pair = next(each for each in page.button if each.key and each.key.startswith("drop-"))
    assert pair.disabled, "its copies are dropped already"
    page = click(page, f"keep-{min(keys(page, 'keep-'))}")
    dropped = [each for each in page.button if each.key and each.key.startswith("drop-") and not each.disabled]
    assert len(dropped) == 2
    page = sound(dropped[0].click().run())
    assert all(each.disabled for each in page.button if (each.key or "").startswith("drop-"))


def test_without_decisions_the_proposal_stands(found):
    for group, choice in zip(found.report.groups, found.choices, strict=True):
        assert decided(group, choice, {}) == choice


def test_no_decision_drops_all_files_or_a_spare_file_without_its_copy(found):
    group, choice = next((g, c) for g, c in zip(found.report.groups, found.choices, strict=True) if len(g.members) == 4)
    ids = [member.id for member in group.members]
    for number in range(3 ** len(ids)):
        own = {each: bool(digit) for place, each in enumerate(ids) if (digit := number // 3**place % 3) < 2}
        made = decided(group, choice, own)
        dropped = {member.id for member in made.spare}
        assert dropped < set(ids)
        assert made.keep is not None
        assert made.keep.id not in dropped
        assert not dropped & set(made.copy_of.values())
        for each in dropped:
            assert each in made.copy_of or own.get(each) is False
        for each, keep in own.items():
            assert not keep or each not in dropped
        assert all((made.word(member) == "spare") == (member.id in dropped) for member in group.members)
        for member in group.members:
            if member.id not in dropped:
                assert can_drop(member, group, made) == (len(dropped) < len(ids) - 1)


@pytest.mark.parametrize("name", FORMATS)
def test_exports_are_those_of_the_command(found, tmp_path, name):
    write_outputs(
        found.report,
        found.choices,
        Outputs(tmp_path / "JSON", tmp_path / "CSV", None, tmp_path / "list", null=name.endswith("-0")),
    )
    file = tmp_path / ("list" if name.startswith("List") else name)
    assert exported(found, {}, name) == file.read_bytes()


def test_exports_hold_the_decisions(found):
    spare = [member for choice in found.choices for member in choice.spare]
    own = {spare[0].id: True}
    listed = exported(found, own, "List of paths").decode().splitlines()
    assert listed == [str(member.path) for member in spare[1:]]
    rows = list(csv.DictReader(io.StringIO(exported(found, own, "CSV").decode())))
    assert {row["decision"] for row in rows if row["id"] == str(spare[0].id)} == {"keep"}
    groups = json.loads(exported(found, own, "JSON"))["groups"]
    assert spare[0].id not in [each for group in groups for each in group["spare"]]


def test_a_file_that_changed_since_the_search_is_not_listed_and_its_copies_stay(found):
    group, choice = next((g, c) for g, c in zip(found.report.groups, found.choices, strict=True) if len(g.members) == 2)
    choice.keep.path.unlink()
    assert str(choice.spare[0].path) not in exported(found, {}, "List of paths").decode()
    assert str(choice.keep.path) not in exported(found, {choice.keep.id: False}, "List of paths").decode()
    other = next(g for g in found.report.groups if g is not group)
    changed = next(m for c in found.choices for m in c.spare if m in other.members)
    draw(77).save(changed.path)
    assert str(changed.path) not in exported(found, {}, "List of paths").decode()


def test_a_name_with_a_line_break_is_listed_for_xargs_only(own):
    pictures, rebuild = own
    shutil.copy(pictures / "label2" / "0005.png", pictures / "label0" / "a\nb.png")
    rebuild()
    page = shown(exact="true")
    assert "leaves out a name with a line break" in texts(page)
    report = find_duplicates(pictures.parent / "photos.index", DuplicatesConfig(exact_only=True))
    found = background.Found(report, choose_all(report.groups, "best"))
    assert exported(found, {}, "List of paths") == b""
    assert exported(found, {}, "List for xargs -0") == list_bytes(found.choices, null=True)[0] != b""


def test_a_missing_file_is_shown_as_such_and_cannot_be_dropped(copied, found):
    group = next(group for group in found.report.groups if len(group.members) == 2)
    group.members[1].path.unlink()
    page = shown(exact="true")
    assert "gone" in texts(page)
    assert page.button(key=f"drop-{group.members[1].id}").disabled


def test_no_copies_and_no_pictures(own, tmp_path, monkeypatch):
    assert "No copies were found among 12 pictures" in shown().info[0].value
    enroll(tmp_path / "people.index", "Ada", [photograph(tmp_path, 1)], ENROLLED)
    monkeypatch.setenv("TWINLENS_INDEX", str(tmp_path / "people.index"))
    assert "no pictures" in started("duplicates").info[0].value


@pytest.mark.parametrize(
    "bad", [{"threshold": "x"}, {"threshold": "3"}, {"keep": "<b>"}, {"exact": "1"}, {"page": "9"}]
)
def test_a_bad_address_is_reported(copied, bad):
    assert len(shown(**bad).error) == 1


def test_a_large_collection_is_searched_on_request(copied, monkeypatch):
    monkeypatch.setattr(background, "AT_ONCE", 3)
    page = started("duplicates")
    assert not groups_of(page)
    page = sound(next(each for each in page.button if each.label == "Find duplicates").click().run())
    assert groups_of(waited(page))


def test_only_a_search_behind_another_says_that_it_waits():
    first, second = background.DuplicateSearch(), background.DuplicateSearch()
    first._wait()
    waiting = threading.Thread(target=second._wait)
    waiting.start()
    try:
        for _ in range(500):
            if second.stage.startswith("Waiting"):
                break
            time.sleep(0.01)
        assert second.stage.startswith("Waiting for another search")
        assert not first.stage.startswith("Waiting")
    finally:
        background._turn.release()
        waiting.join()
        background._turn.release()


def test_a_search_for_which_nobody_waits_is_given_up(monkeypatch):
    search = background.DuplicateSearch()
    search.advance(1)
    monkeypatch.setattr(background, "PATIENCE_SECONDS", -1.0)
    with pytest.raises(background.AbandonedError):
        search.advance(1)


def test_a_failed_search_says_why_and_can_be_tried_again(copied, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(background, "duplicates_in", fail)
        page = shown(threshold="0.21")
        assert "failed" in page.error[0].value
    page = sound(next(each for each in page.button if each.label == "Try again").click().run())
    assert groups_of(waited(page))


def test_a_preferred_file_says_why(found):
    group, choice = next((g, c) for g, c in zip(found.report.groups, found.choices, strict=True) if len(g.members) == 2)
    best, other = group.members
    best = choice.keep
    other = next(member for member in group.members if member is not best)

    def why(**changes):
        changed = replace(best, **changes)
        members = tuple(changed if member is best else member for member in group.members)
        return why_it_stays(
            replace(group, members=members), replace(choice, keep=changed), {best.id: 0.5, other.id: 0.2}
        )

    assert why(width=999) == "most pixels"
    assert why(bytes=10**9).startswith("most bytes")
    assert why(content="x") == "sharpest of those of its size"
    assert why(mtime_ns=0).startswith("oldest")
    assert why(mtime_ns=other.mtime_ns).startswith("first by path")


def test_undo_takes_one_step_back():
    made = Decisions()
    made.undo()
    made.decide([1, 2], keep=False)
    made.follow_proposal([1])
    assert made.own == {2: False}
    made.undo()
    assert made.own == {1: False, 2: False}
    made.undo()
    assert made.own == {}
    assert not made.can_undo


def test_only_pictures_that_match_the_filters_are_compared(copied):
    page = shown(exact="true", where="path glob '*/0005.png' or path glob '*/one.png'")
    assert groups_of(page) == ["Group 1: 2 pictures"]
    config = DuplicatesConfig(exact_only=True, where=parse_where("label = 'label0'"))
    expected = find_duplicates(copied, config).groups
    page = shown(exact="true", label="label0")
    assert groups_of(page) == [f"Group {n}: {len(group.members)} pictures" for n, group in enumerate(expected, 1)]
    page = shown(where="id < 0")
    assert "No copies were found" in page.info[0].value
    page = sound(started("duplicates", where="nummer"))
    assert "not a valid filter" in page.error[0].value
    page = waited(sound(next(each for each in page.button if each.label == "Remove the filter").click().run()))
    assert len(groups_of(page)) == 2
    assert "where" not in page.query_params


def test_every_pair_is_compared_on_request(copied, monkeypatch):
    asked = []
    monkeypatch.setattr(background, "duplicates_in", lambda engine, config, progress: asked.append(config))
    sound(started("duplicates", every="true"))
    sound(started("duplicates", exact="true", every="true"))
    deadline = time.monotonic() + 60
    while len(asked) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [each.exhaustive for each in asked] == [True, False]
