"""Metadata from a file to a hit: types, keys, what cannot be, and what becomes of it when pictures change."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from indexer.collection.build import build
from indexer.metadata.cells import stored, type_of, wider
from indexer.metadata.file import open_metadata
from indexer.metadata.load import drop_column, load_metadata
from search import DataError, IndexFolderError, IndexLockedError, QueryError, open_index
from search.store.catalog import Catalog
from tests.conftest import FAST, draw, fill
from tests.indexer.metadata.files import told, types, write_csv, write_lines
from tests.older_catalogs import downgrade


def test_columns_of_every_type(index: Path, tmp_path: Path) -> None:
    file = write_csv(
        tmp_path / "m.csv",
        ["path", "note", "stock", "price", "sharp", "bought", "seen", "mixed", "code", "empty"],
        ["label0/0000.png", 'é, \n"x"', 7, 1.5, "true", "2024-05-01", "2024-05-01T12:00:00+02:00", 1, "007", ""],
        ["label1/0001.png", "", -3, 2, "FALSE", "0001-01-01", "2024-05-01", "x", "12", ""],
        ["label2/0002.png", " pad ", "", "1e3", "", "", "2024-05-01 10:00:00.250", "", "", " "],
        ["label0/0003.png", "", "", "", "", "", "", "", "", ""],
    )
    report = load_metadata(index, file)
    expected = {
        "note": "text",
        "stock": "integer",
        "price": "real",
        "sharp": "boolean",
        "bought": "date",
        "seen": "datetime",
        "mixed": "text",
        "code": "text",
    }
    assert report.columns == types(index) == expected
    assert (report.rows, report.unknown, report.ignored, report.added) == (4, 0, [], list(expected))
    assert told(index) == {
        "0000.png": {
            "note": 'é, \n"x"',
            "stock": 7,
            "price": 1.5,
            "sharp": True,
            "bought": date(2024, 5, 1),
            "seen": datetime(2024, 5, 1, 10, tzinfo=UTC),
            "mixed": "1",
            "code": "007",
        },
        "0001.png": {
            "stock": -3,
            "price": 2.0,
            "sharp": False,
            "bought": date(1, 1, 1),
            "seen": datetime(2024, 5, 1, tzinfo=UTC),
            "mixed": "x",
            "code": "12",
        },
        "0002.png": {"note": " pad ", "price": 1000.0, "seen": datetime(2024, 5, 1, 10, 0, 0, 250_000, tzinfo=UTC)},
    }
    assert type(told(index)["0001.png"]["price"]) is float


def test_json_lines_have_types_of_their_own(index: Path, tmp_path: Path) -> None:
    file = write_lines(
        tmp_path / "m.jsonl",
        {"path": "label0/0000.png", "a": 1, "b": "1", "c": True, "d": "2024-05-01", "e": ["x", {"y": 1}], "f": 2**70},
        {"path": "label1/0001.png", "a": 2.5, "b": None, "c": None, "d": "", "n": None},
    )
    load_metadata(index, file)
    assert types(index) == {"a": "real", "b": "text", "c": "boolean", "d": "date", "e": "text", "f": "text"}
    assert told(index) == {
        "0000.png": {"a": 1.0, "b": "1", "c": True, "d": date(2024, 5, 1), "e": '["x",{"y":1}]', "f": str(2**70)},
        "0001.png": {"a": 2.5},
    }


@pytest.mark.parametrize(
    ("cell", "of_csv", "of_json"),
    [
        ("12", "integer", "text"),
        ("-0", "integer", "text"),
        (" 12 ", "integer", "text"),
        ("007", "text", "text"),
        ("+5", "text", "text"),
        (str(2**63 - 1), "integer", "text"),
        (str(2**63), "text", "text"),
        ("1.5", "real", "text"),
        (".5", "real", "text"),
        ("1e-3", "real", "text"),
        ("1e999", "text", "text"),
        ("nan", "text", "text"),
        ("inf", "text", "text"),
        ("1_000", "text", "text"),
        ("٣", "text", "text"),
        (".", "text", "text"),
        ("-", "text", "text"),
        ("e5", "text", "text"),
        ("9" * 500, "text", "text"),
        ("true", "boolean", "text"),
        ("False", "boolean", "text"),
        ("yes", "text", "text"),
        ("2024-02-29", "date", "date"),
        ("2023-02-29", "text", "text"),
        ("20240229", "integer", "text"),
        ("2024-05-01T10:00", "datetime", "datetime"),
        ("2024-05-01 10:00:00Z", "datetime", "datetime"),
        ("2024-05-01T25:00", "text", "text"),
        ("0001-01-01T00:00+14:00", "text", "text"),
        ("2024-W01-1", "text", "text"),
        (None, None, None),
        (True, "boolean", "boolean"),
        (1, "integer", "integer"),
        (2**63, "text", "text"),
        (1.0, "real", "real"),
        (float("inf"), "text", "text"),
    ],
)
def test_the_type_of_a_cell(cell: Any, of_csv: str | None, of_json: str | None) -> None:
    assert type_of(cell, of_json=False) == of_csv
    assert type_of(cell, of_json=True) == of_json


def test_a_type_holds_what_both_hold() -> None:
    kinds = ["text", "integer", "real", "boolean", "date", "datetime"]
    cells = {
        "text": "x",
        "integer": "7",
        "real": "7.5",
        "boolean": "true",
        "date": "2024-05-01",
        "datetime": "2024-05-01T10:00",
    }
    for one in kinds:
        assert wider(one, None) == wider(None, one) == wider(one, one) == one  # type: ignore[arg-type]
        for other in kinds:
            both = wider(one, other)  # type: ignore[arg-type]
            assert both == wider(other, one)  # type: ignore[arg-type]
            for each in (one, other):
                assert stored(cells[each], both, of_json=False) is not None  # type: ignore[arg-type]
            if both != one:
                with pytest.raises(ValueError, match=f"is {other}"):
                    stored(cells[other], one, of_json=False)  # type: ignore[arg-type]


def test_every_way_to_name_a_picture(pictures: Path, index: Path, tmp_path: Path) -> None:
    with open_index(index) as engine:
        ids = {record.path.name: record.id for record in engine.pictures()}
    beside = pictures / "label2"
    file = write_lines(
        beside / "m.jsonl",
        {"path": str(pictures / "label0" / "0000.png"), "how": "absolute"},
        {"path": "label1/./0001.png", "how": "root"},
        {"path": "0002.png", "how": "beside"},
        {"id": ids["0003.png"], "how": "id"},
        {"id": str(ids["0004.png"]), "path": None, "how": "id as text"},
        {"path": f"{pictures.name}/label2/0005.png", "how": "a folder above"},
        {"path": "label0/0006.png", "id": ids["0007.png"], "how": "path before id"},
    )
    report = load_metadata(index, file)
    assert report.unknown_shown == []
    assert {name: values["how"] for name, values in told(index).items()} == {
        "0000.png": "absolute",
        "0001.png": "root",
        "0002.png": "beside",
        "0003.png": "id",
        "0004.png": "id as text",
        "0005.png": "a folder above",
        "0006.png": "path before id",
    }
    moved = write_csv(tmp_path / "m.csv", ["path", "how"], ["0008.png", "root given"])
    load_metadata(index, moved, root=beside)
    assert told(index)["0008.png"]["how"] == "root given"


def test_unknown_pictures_are_counted_and_named_and_fatal_only_if_all_are(index: Path, tmp_path: Path) -> None:
    names = [[f"gone/{n}.png", n] for n in range(30)]
    file = write_csv(tmp_path / "m.csv", ["path", "n"], *names[:15], ["label0/0000.png", 99], *names[15:])
    report = load_metadata(index, file)
    assert (report.rows, report.unknown) == (1, 30)
    assert report.unknown_shown == [f"gone/{n}.png" for n in range(20)]
    before = told(index), types(index)
    for header, key in (("path", "gone.png"), ("id", 4711), ("id", 0)):
        with pytest.raises(DataError, match=f"none of its 1 rows.*'{key}'"):
            load_metadata(index, write_csv(tmp_path / "x.csv", [header, "new"], [key, 1]))
    assert (told(index), types(index)) == before


def test_later_rows_and_later_files_win_cell_by_cell(index: Path, tmp_path: Path) -> None:
    first = write_csv(tmp_path / "a.csv", ["path", "a", "b"], ["label0/0000.png", 1, 1], ["label0/0000.png", 2, ""])
    load_metadata(index, first)
    assert told(index) == {"0000.png": {"a": 2}}
    load_metadata(index, write_lines(tmp_path / "b.jsonl", {"path": "label0/0000.png", "b": 5}))
    assert told(index) == {"0000.png": {"a": 2, "b": 5}}
    load_metadata(index, write_lines(tmp_path / "c.jsonl", {"path": "label0/0000.png", "a": None, "b": 6}))
    assert told(index) == {"0000.png": {"b": 6}}


def test_a_value_of_another_type_than_its_column_is_named_and_nothing_is_stored(index: Path, tmp_path: Path) -> None:
    load_metadata(index, write_csv(tmp_path / "a.csv", ["path", "n", "day"], ["label0/0000.png", 1, "2024-05-01"]))
    before = told(index), types(index)
    many = [[f"label{n % 3}/{n:04d}.png", n, n] for n in range(12)] * 60
    bad = write_csv(tmp_path / "b.csv", ["path", "new", "n"], *many, ["label0/0003.png", 1, "1.5"])
    with pytest.raises(DataError, match=r"b\.csv, line 722: n = '1\.5' is real.*n is a whole number.*--drop 'n'"):
        load_metadata(index, bad)
    with pytest.raises(DataError, match=r"line 2: day = '2024-05-01T10:00' is datetime"):
        load_metadata(index, write_csv(tmp_path / "c.csv", ["path", "day"], ["label0/0000.png", "2024-05-01T10:00"]))
    with pytest.raises(DataError, match=r"line 2: taken = 'x' is text.*a date with a time"):
        load_metadata(index, write_csv(tmp_path / "d.csv", ["path", "taken"], ["label0/0000.png", "x"]))
    assert (told(index), types(index)) == before
    drop_column(index, "n")
    load_metadata(index, bad)
    assert types(index) == {"day": "date", "new": "integer", "n": "real"}
    assert told(index)["0003.png"] == {"new": 1, "n": 1.5}
    wide = write_csv(tmp_path / "w.csv", ["path", "n", "day"], ["label0/0000.png", 7, ""])
    load_metadata(index, wide)
    assert told(index)["0000.png"] == {"new": 0, "n": 7.0}, "what fits the column's type need not be of it"


def test_columns_can_be_dropped_but_for_those_of_every_index(index: Path, tmp_path: Path) -> None:
    load_metadata(index, write_csv(tmp_path / "a.csv", ["path", "a", "b"], ["label0/0000.png", 1, 2]))
    drop_column(index, "a")
    assert told(index) == {"0000.png": {"b": 2}}
    for name in ("a", "taken", "path", "c1"):
        with pytest.raises(QueryError, match=f"'{name}' is not a column that can be dropped"):
            drop_column(index, name)
    load_metadata(index, write_csv(tmp_path / "c.csv", ["path", "a"], ["label1/0001.png", "x"]))
    assert told(index) == {"0000.png": {"b": 2}, "0001.png": {"a": "x"}}


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no column path or id.*columns: none"),
        (b"path,a\n", "no rows"),
        (b"name,a\nx,1\n", "no column path or id.*'name', 'a'"),
        (b"path,a,a\nx,1,2\n", "column 'a' more than once"),
        (b"path,a\nx,1,2\n", "line 2: has 3 cells, the header has 2"),
        (b'path,a\nx,"1\n', "cannot be read as CSV"),
        (b"path,a\n,1\n", "line 2: names no picture"),
        (b"id,a\nx,1\n", "line 2: names no picture: no path, and the id 'x'"),
        (b"path,\xff\nx,1\n", "not UTF-8"),
        (b"path,a\x07b\nx,1\n", "cannot name a column"),
        (b"path," + b"a" * 101 + b"\nx,1\n", "cannot name a column"),
        (b"path,a\nlabel0/0000.png,x\0y\n", "line 2: a = .* holds a null character"),
        (b"path," + b",".join(b"c%d" % n for n in range(1001)) + b"\nx" + b",1" * 1001 + b"\n", "more than 1,000"),
        (b'[{"path": "x"}]', "is a JSON list"),
        (b'{"path": "x"}\n{"path": \n', "line 2: is not JSON"),
        (b'{"path": "x", "a": NaN}', "line 1: is not JSON"),
        (b'{"path": "x", "a": ' + b"[" * 100_000, "line 1: is not JSON"),
        (b'{"a": 1}', "line 1: names no picture"),
        (b'{"path": "\\ud800"}', "line 1: the path .* half a character"),
        (b'{"path": "label0/0000.png", "a": "\\ud800"}', "line 1: a = .* half a character"),
        (b'{"path": "x"}\n7', "line 2: is not a JSON object"),
        (b'{"path": "x", "": 1}', "cannot name a column"),
        (b'{"id": true, "a": 1}', "names no picture"),
    ],
)
def test_files_that_cannot_be_used(index: Path, tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(DataError, match=says):
        load_metadata(index, tmp_path / "m")
    assert told(index) == {}


def test_what_is_not_there_is_told(index: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: cannot be read"):
        load_metadata(index, tmp_path / "none.csv")
    with pytest.raises(DataError, match="cannot be read"):
        load_metadata(index, tmp_path)
    file = write_csv(tmp_path / "m.csv", ["path", "a"], ["x", 1])
    with pytest.raises(IndexFolderError, match="no index here"):
        load_metadata(tmp_path / "nowhere", file)
    assert not (tmp_path / "nowhere").exists()


def test_names_that_every_picture_has_are_left_out(index: Path, tmp_path: Path) -> None:
    file = write_csv(
        tmp_path / "m.csv", ["", "path", "label", "id", "width", " a "], [0, "label0/0000.png", "x", 5, 7, 1]
    )
    report = load_metadata(index, file)
    assert (report.ignored, report.columns) == (["id", "label", "width"], {"a": "integer"})
    assert told(index) == {"0000.png": {"a": 1}}


def test_a_byte_order_mark_and_odd_names(pictures: Path, index: Path, tmp_path: Path) -> None:
    odd = 'a "b" ]; DROP TABLE pictures --'
    quoted = odd.replace('"', '""')
    (tmp_path / "m.csv").write_text(f'\ufeffpath,"{quoted}",Größe\r\nlabel0/0000.png,1,2\r\n\r\n', encoding="utf-8")
    load_metadata(index, tmp_path / "m.csv")
    assert told(index) == {"0000.png": {odd: 1, "Größe": 2}}
    with open_index(index) as engine:
        assert engine.count(f'"{quoted}" = 1 and Größe > 1') == 1
        assert [hit.path.name for hit in engine.search(draw(0), where={odd: 1})] == ["0000.png"]


def test_metadata_stays_with_a_picture_that_moves_or_changes_and_goes_with_it(
    pictures: Path, index: Path, tmp_path: Path
) -> None:
    rows = [[f"label{n % 3}/{n:04d}.png", n] for n in range(12)]
    load_metadata(index, write_csv(tmp_path / "m.csv", ["path", "n"], *rows))
    (pictures / "label0" / "0000.png").rename(pictures / "label2" / "moved.png")
    (pictures / "label1" / "0001.png").unlink()
    draw(900).save(pictures / "label2" / "0002.png")
    fill(pictures, 1, first=20)
    build(pictures, index, FAST)
    assert {name: values["n"] for name, values in told(index).items()} == {
        "moved.png": 0,
        "0002.png": 2,
        **{f"{n:04d}.png": n for n in range(3, 12)},
    }
    with open_index(index) as engine:
        assert next(c.count for c in engine.info().columns if c.name == "n") == 11, "no row stays without its picture"
        assert engine.search(draw(0), 1, where="n < 1")[0].path.name == "moved.png"


def test_hits_and_info_tell_it(index: Path, tmp_path: Path) -> None:
    rows = [[f"label{n % 3}/{n:04d}.png", n / 2, f"2024-05-{n + 1:02d}", "ab"[n % 2], n > 5] for n in range(12)]
    load_metadata(index, write_csv(tmp_path / "m.csv", ["path", "price", "day", "shop", "new"], *rows))
    with open_index(index) as engine:
        hit = engine.search(draw(7), 1)[0]
        assert hit.metadata == {"price": 3.5, "day": date(2024, 5, 8), "shop": "b", "new": True}
        assert json.loads(json.dumps(hit.to_dict()))["metadata"] == {**hit.metadata, "day": "2024-05-08"}
        assert hash(hit)
        info = {column.name: column.to_dict() for column in engine.info().columns}
    empty = {"count": 0, "min": None, "max": None}
    assert info == {
        "taken": {"name": "taken", "type": "datetime", **empty},
        "camera": {"name": "camera", "type": "text", "count": 0, "values": []},
        "price": {"name": "price", "type": "real", "count": 12, "min": 0.0, "max": 5.5},
        "day": {"name": "day", "type": "date", "count": 12, "min": "2024-05-01", "max": "2024-05-12"},
        "shop": {"name": "shop", "type": "text", "count": 12, "values": ["a", "b"]},
        "new": {"name": "new", "type": "boolean", "count": 12, "values": [False, True]},
    }


def test_one_writer_and_open_readers(index: Path, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "m.csv", ["path", "a"], ["label0/0000.png", 1])
    from indexer.pipeline.lock import writer_lock

    with writer_lock(index), pytest.raises(IndexLockedError, match="being written"):
        load_metadata(index, file)
    with open_index(index) as before:
        load_metadata(index, file)
        assert before.columns().keys() == {"taken", "camera"}
        assert before.stale
        assert before.search(draw(0), 1)[0].metadata == {}
        with open_index(index) as after:
            assert after.search(draw(0), 1)[0].metadata == {"a": 1}


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_catalog_is_read_as_it_is_and_gets_metadata_when_written(
    index: Path, tmp_path: Path, version: int
) -> None:
    downgrade(index, version)
    with open_index(index) as engine:
        assert engine.columns() == {}
        assert engine.info().columns == ()
        assert engine.search(draw(0), 1)[0].metadata == {}
        assert engine.count("label = label1 and width > 0") == 4
        with pytest.raises(QueryError, match="no column 'taken'"):
            engine.count("taken is null")
    load_metadata(index, write_csv(tmp_path / "m.csv", ["path", "a"], ["label0/0000.png", 1]))
    with open_index(index) as engine:
        assert list(engine.columns()) == ["taken", "camera", "a"]
        assert engine.count("taken is null") == 12


def write(index: Path, sql: str) -> None:
    """As a program would that writes what it should not: the bytes are sound."""
    catalog = Catalog.write(index)
    with catalog.transaction():
        catalog.database.many(sql, [()])
    catalog.close()


def test_a_damaged_value_is_told_as_damage(index: Path, tmp_path: Path) -> None:
    load_metadata(index, write_csv(tmp_path / "m.csv", ["path", "day"], ["label0/0000.png", "2024-05-01"]))
    write(index, "UPDATE metadata SET c3 = 'never'")
    with open_index(index) as engine, pytest.raises(IndexFolderError, match="'day' of the catalog holds 'never'"):
        engine.search(draw(0), 1)
    write(index, "UPDATE columns SET type = 'colour' WHERE name = 'day'")
    with open_index(index) as engine, pytest.raises(IndexFolderError, match="type 'colour'"):
        engine.columns()


def test_a_long_file_is_streamed(tmp_path: Path) -> None:
    """The memory that reading takes does not grow with the rows."""
    import tracemalloc

    def peak(count: int) -> int:
        file = write_csv(tmp_path / f"{count}.csv", ["path", "a"], *([f"p/{n}.png", n] for n in range(count)))
        tracemalloc.start()
        opened = open_metadata(file)
        assert sum(row.cells["a"] is not None for row in opened.rows()) == count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    few, many = (min(peak(count) for _ in range(3)) for count in (400, 4_000))  # other threads only add
    assert many < 1.5 * few + 50_000


def test_rows_whose_paths_lead_through_a_link(pictures: Path, index: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(pictures, target_is_directory=True)
    rows = [[f"{tmp_path}/link/label0/0000.png", 1], ["label1/0001.png", 2]]
    report = load_metadata(index, write_csv(tmp_path / "m.csv", ["path", "n"], *rows))
    assert (report.rows, report.unknown) == (2, 0)
    assert told(index) == {"0000.png": {"n": 1}, "0001.png": {"n": 2}}
