"""Copies in an index that changes: after commits, with filters and metadata, and with damaged vectors."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from indexer.collection.add import add
from indexer.collection.rebuild import rebuild
from indexer.collection.remove import remove
from indexer.duplicates import duplicates_in, find_duplicates
from indexer.metadata.load import load_metadata
from search import IndexFolderError, open_index
from search.config import DuplicatesConfig
from search.store.catalog import Catalog
from tests.command_line import twinlens
from tests.conftest import FAST, draw
from tests.people import calibration


def copies_of(engine, picture, **options):
    """Names of the copies of each hit that has any, by the name of the hit."""
    hits = engine.search(picture, 20, collapse=True, **options)
    return {hit.path.name: [copy.path.name for copy in hit.copies] for hit in hits if hit.copies}


def all_copies(engine, picture):
    """The copies that an engine reports: among hits, among filtered hits, and in groups."""
    groups = [[member.id for member in group.members] for group in duplicates_in(engine).groups]
    return (
        engine.search(picture, 20, collapse=True),
        engine.search(picture, 20, where="width > 1", collapse=True),
        groups,
    )


def test_a_refreshed_engine_reports_copies_like_a_new_one(pictures, index):
    original, copy = pictures / "label2" / "0005.png", pictures / "near.jpg"
    draw(5).save(copy, quality=85)

    def calibrate(threshold):
        catalog = Catalog.write(index)
        with catalog.transaction():
            catalog.set(calibration=calibration(catalog.settings()["fingerprint"], threshold).to_dict())
        catalog.close()

    changes = (
        (lambda: add(index, [copy], FAST), {"0005.png": ["near.jpg"]}),
        (lambda: calibrate(1e-6), {}),
        (lambda: calibrate(0.5), {"0005.png": ["near.jpg"]}),
        (lambda: rebuild(index, FAST), {"0005.png": ["near.jpg"]}),
        (lambda: remove(index, paths=[copy]), {}),
    )
    engine = open_index(index, device="cpu")
    assert copies_of(engine, original) == {}
    for change, expected in changes:
        copies = all_copies(engine, original)
        change()
        assert all_copies(engine, original) == copies, "a snapshot does not change"
        newer = engine.refresh()
        engine.close()
        engine = newer
        assert copies_of(engine, original) == expected
        with open_index(index, device="cpu") as fresh:
            assert all_copies(engine, original) == all_copies(fresh, original)
    engine.close()


@pytest.fixture
def described(pictures, index, tmp_path):
    """Three copies of one picture, with metadata for two of them and for another picture."""
    for name in ("one.png", "two.png"):
        draw(5).save(pictures / name)
    add(index, [pictures / "one.png", pictures / "two.png"], FAST)
    rows = ["path,year,day", "one.png,2023,2023-05-06", "two.png,2024,", "label0/0000.png,2024,2024-01-01"]
    (tmp_path / "m.csv").write_text("\n".join(rows))
    load_metadata(index, tmp_path / "m.csv", root=pictures)
    return index


@pytest.mark.parametrize("exact_only", [False, True])
@pytest.mark.parametrize(
    ("where", "names"),
    [
        (None, {"0005.png", "one.png", "two.png"}),
        ("year in (2023, 2024)", {"one.png", "two.png"}),
        ("label = label2 and width > 10", set()),
        (["year is null or year > 2023", "height < 1000"], {"0005.png", "two.png"}),
    ],
)
def test_filters_limit_the_pictures(described, where, names, exact_only):
    report = find_duplicates(described, DuplicatesConfig(where=where, exact_only=exact_only, device="cpu"))
    assert {member.path.name for group in report.groups for member in group.members} == names
    with open_index(described) as engine:
        assert report.pictures == engine.count(where)


def test_metadata_is_in_json_and_csv_and_the_command_filters(described, tmp_path):
    where = ("--where", "year >= 2023 or label = label2", "--where", "path glob '*.png'")
    told = json.loads(twinlens("duplicates", described, *where, "--json", "-", "--csv", tmp_path / "o.csv").stdout)
    assert told["pictures"] == 7
    (group,) = told["groups"]
    known = {Path(member["path"]).name: member["metadata"] for member in group["members"]}
    assert known == {"one.png": {"year": 2023, "day": "2023-05-06"}, "two.png": {"year": 2024}, "0005.png": {}}
    rows = csv.DictReader(io.StringIO((tmp_path / "o.csv").read_text(), newline=""))
    known = {Path(row["path"]).name: row["metadata"] for row in rows}
    assert known == {"one.png": '{"year": 2023, "day": "2023-05-06"}', "two.png": '{"year": 2024}', "0005.png": ""}


def test_copies_among_hits_have_their_metadata(described, pictures):
    with open_index(described, device="cpu") as engine:
        first, *_ = engine.search(pictures / "one.png", 3, where="not year is null", collapse=True)
    assert [first.metadata["year"], *(copy.metadata["year"] for copy in first.copies)] == [2023, 2024]


def test_damaged_vectors_are_reported_not_grouped(described):
    vectors = max((described / "segments").glob("*.npy"), key=lambda path: path.stat().st_size)
    data = bytearray(vectors.read_bytes())
    data[-3] ^= 1
    vectors.write_bytes(data)
    with pytest.raises(IndexFolderError, match=vectors.name):
        find_duplicates(described, DuplicatesConfig(device="cpu"))
    with open_index(described, device="cpu") as engine, pytest.raises(IndexFolderError, match=vectors.name):
        engine.search_id(1, 3, collapse=True)
    exact = find_duplicates(described, DuplicatesConfig(exact_only=True, device="cpu"))
    assert len(exact.groups) == 1, "the bytes of files are known without their vectors"
