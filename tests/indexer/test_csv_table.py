"""CSV files as spreadsheets save them: delimiters, encodings, capitals; and each reader of one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from indexer.calibration.pairs_csv import read_pairs
from indexer.csv_table import open_csv
from indexer.exchange.config import ImportConfig
from indexer.exchange.import_vectors import import_vectors
from indexer.labels import read_labels
from indexer.metadata.file import open_metadata
from indexer.training.data import read_pictures
from search import DataError, open_index
from tests.conftest import draw

PLAIN = "path,label\n0.png,cat\nsub/1.png,dog\n"
ROWS = [{"path": "0.png", "label": "cat"}, {"path": "sub/1.png", "label": "dog"}]
SPELLINGS = {
    "comma": PLAIN.encode(),
    "semicolon": PLAIN.replace(",", ";").encode(),
    "tab": PLAIN.replace(",", "\t").encode(),
    "bar": PLAIN.replace(",", "|").encode(),
    "separator line": b"sep=;\r\n" + PLAIN.replace(",", ";").replace("\n", "\r\n").encode(),
    "quoted separator line": b'"sep=,"\n' + PLAIN.encode(),
    "capitals": PLAIN.replace("path", "Path").replace("label", " LABEL ").encode(),
    "mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "mark, separator line, capitals": "\ufeffSEP=\t\nPATH\tLabel\n0.png\tcat\nsub/1.png\tdog\n".encode(),
    "UTF-16": PLAIN.replace(",", "\t").encode("utf-16"),
    "blank lines": b"\n\n" + PLAIN.replace("\n", "\n\n").encode(),
    "quotes": b'"path";"label"\n"0.png";"cat"\n"sub/1.png";"dog"\n',
}


@pytest.fixture(params=list(SPELLINGS))
def spelled(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """One table, as different programs write it; the pictures that it names are there."""
    (tmp_path / "sub").mkdir()
    draw(0).save(tmp_path / "0.png")
    draw(1).save(tmp_path / "sub" / "1.png")
    (tmp_path / "t.csv").write_bytes(SPELLINGS[request.param])
    return tmp_path / "t.csv"


def test_rows(spelled: Path) -> None:
    with open_csv(spelled, ("path", "label")) as table:
        assert [row for _, row in table.named()] == ROWS


def test_every_reader_takes_every_spelling(spelled: Path) -> None:
    pictures = [spelled.parent / "0.png", spelled.parent / "sub" / "1.png"]
    assert read_labels(spelled, [spelled.parent], pictures).labels == dict(zip(pictures, ("cat", "dog"), strict=True))
    assert [each.label for each in read_pictures(spelled.parent, str(spelled))] == ["cat", "dog"]
    assert [row.key for row in open_metadata(spelled).rows()] == ["0.png", "sub/1.png"]
    np.save(spelled.parent / "v.npy", np.eye(2, 8, dtype=np.float32))
    import_vectors(
        spelled.parent / "v.npy", spelled.parent / "i", ImportConfig(paths=spelled, foreign=True, encoder="mine")
    )
    with open_index(spelled.parent / "i") as engine:
        assert engine.labels() == {"cat": 1, "dog": 1}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_pairs(delimiter: str, tmp_path: Path) -> None:
    text = "A,Path_B,SAME\nx.png,y.png,1\nx.png,z.png,no\n"
    (tmp_path / "pairs.csv").write_text(text.replace(",", delimiter))
    paths, pairs = read_pairs(tmp_path / "pairs.csv")
    assert [path.name for path in paths] == ["x.png", "y.png", "z.png"]
    assert pairs.same.tolist() == [True, False]


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('sep=;\n\n"path";label\n\n"a\nb.png";x\nc.png;y;z\n')
    with open_csv(tmp_path / "t.csv", ("path",)) as table:
        rows = table.named()
        assert next(rows) == (6, {"path": "a\nb.png", "label": "x"})
        with pytest.raises(DataError, match=r"t\.csv, line 7: has 3 cells, the header has 2"):
            next(rows)


def test_a_comma_in_a_cell_of_a_semicolon_table_is_no_delimiter(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path;label;price, gross\na.png;black, small;3,50\n")
    with open_csv(tmp_path / "t.csv", ("path", "label")) as table:
        assert [row for _, row in table.named()] == [{"path": "a.png", "label": "black, small", "price, gross": "3,50"}]


def test_a_column_of_the_very_name_wins_over_one_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("Path,path\nx,y\n")
    with open_csv(tmp_path / "t.csv", ("path",)) as table:
        assert [row for _, row in table.named()] == [{"Path": "x", "path": "y"}]


def test_a_column_ID_beside_a_path_is_metadata(tmp_path: Path) -> None:  # noqa: N802
    (tmp_path / "t.csv").write_text("Path;ID\na.png;77\n")
    (row,) = open_metadata(tmp_path / "t.csv").rows()
    assert (row.key, row.cells) == ("a.png", {"ID": "77"})
    (tmp_path / "t.csv").write_text("Id;price\n7;3\n")
    (row,) = open_metadata(tmp_path / "t.csv").rows()
    assert (row.key, row.cells) == (7, {"price": "3"})


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "lacks the column path"),
        (b"\n\n", "lacks the column path"),
        (b"name;label\nx;y\n", r"lacks the column path \(its columns: 'name', 'label'\)"),
        ("path,label\nGröße.png,x\n".encode("cp1252"), "is not UTF-8.*Save it as CSV UTF-8"),
        (b"\xff\xfea", "is not UTF-8"),
        (b'path,label\n"a,b\n', "cannot be read as CSV"),
        (b"path,label\0\n", None),
    ],
)
def test_files_that_cannot_be_used(data: bytes, says: str | None, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(DataError, match=says or r"t\.csv"):
        _read(tmp_path / "t.csv")


def _read(file: Path) -> list[dict[str, str]]:
    with open_csv(file, ("path", "label")) as table:
        table.require("path", "label")
        return [row for _, row in table.named()]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(DataError, match="is not a regular file"):
        read_labels(tmp_path / "t.csv", [tmp_path], [])
    with pytest.raises(DataError, match="is not a regular file"):
        open_metadata(tmp_path / "t.csv")


def test_a_training_csv_that_fits_nothing(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    draw(0).save(tmp_path / "cats" / "0.png")
    (tmp_path / "t.csv").write_text("path,label\ncats\\0.png,cat\n")
    with pytest.raises(DataError, match=r"none of its 1 rows.*backslashes"):
        read_pictures(tmp_path, str(tmp_path / "t.csv"))


@pytest.mark.parametrize("header", ["path,label,label", "path,label,path"])
def test_a_column_that_stands_there_twice_is_an_error(tmp_path: Path, header: str) -> None:
    (tmp_path / "t.csv").write_text(f"{header}\n0.png,cat,dog\n")
    with pytest.raises(DataError, match="more than once"):
        read_labels(tmp_path / "t.csv", [tmp_path], [tmp_path / "0.png"])


def test_a_delimiter_that_is_not_recognised_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path:label\n0.png:cat\n")
    with pytest.raises(DataError, match="name another one in a first line: sep=:"):
        read_labels(tmp_path / "t.csv", [tmp_path], [tmp_path / "0.png"])
    (tmp_path / "t.csv").write_text("sep=:\npath:label\n0.png:cat\n")
    assert list(read_labels(tmp_path / "t.csv", [tmp_path], [tmp_path / "0.png"]).labels.values()) == ["cat"]
