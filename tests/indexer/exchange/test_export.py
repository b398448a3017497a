"""The content of an export, read with pyarrow, numpy and json."""

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.collection.build import build
from indexer.collection.remove import remove
from indexer.exchange import export as exporting
from indexer.exchange.config import FORMATS, ExportConfig, Format
from indexer.exchange.export import export
from indexer.metadata.load import load_metadata
from search import DataError, IndexFolderError, QueryError, __version__, open_index
from search.encoders import load_encoder
from search.errors import DiskError
from tests.conftest import FAST, draw, fill

SHOP = """{"path": "label0/0000.png", "shop": "Mill, Lane", "price": 0.5, "ripe": true, "bought": "2024-01-05"}
{"path": "label1/0001.png", "shop": "bytes:", "count": 3, "seen": "2024-05-01T12:30:00.25+02:00", "vector": "x"}
"""


@pytest.fixture
def shop(pictures: Path, index: Path, tmp_path: Path) -> Path:
    """An index with one picture removed, and metadata for some pictures."""
    (tmp_path / "shop.jsonl").write_text(SHOP)
    load_metadata(index, tmp_path / "shop.jsonl", root=pictures)
    remove(index, ids=[2])
    return index


def told(index: Path) -> tuple[list, np.ndarray]:
    with open_index(index) as engine:
        return engine.vectors()


def test_parquet(shop: Path, tmp_path: Path) -> None:
    report = export(shop, tmp_path / "out")
    records, vectors = told(shop)
    table = pq.read_table(tmp_path / "out" / "pictures.parquet")
    assert report.pictures == table.num_rows == len(records) == 11
    assert table.schema.field("vector").type == pa.list_(pa.float32(), vectors.shape[1])
    np.testing.assert_array_equal(table["vector"].combine_chunks().flatten().to_numpy().reshape(vectors.shape), vectors)
    for name in ("id", "label", "width", "height", "bytes", "mtime_ns", "content"):
        assert table[name].to_pylist() == [getattr(record, name) for record in records]
    assert table["path"].to_pylist() == [str(record.path) for record in records]
    first, other = (table.to_pylist()[row] for row in (0, 3))
    assert (first["price"], first["ripe"], first["bought"]) == (0.5, True, date(2024, 1, 5))
    assert (first["count"], first["seen"], first["shop"]) == (None, None, "Mill, Lane")
    assert (other["price"], other["count"], other["shop"]) == (None, 3, "bytes:bytes%3A")
    assert other["seen"] == datetime(2024, 5, 1, 10, 30, 0, 250_000, UTC)
    assert other["metadata.vector"] == "x", "the name of the field is taken"
    said = json.loads(table.schema.metadata[b"twinlens"])
    with open_index(shop) as engine:
        expected = ("color-layout", engine.fingerprint, engine.dim, 11, __version__)
    assert (said["encoder"], said["fingerprint"], said["dim"], said["count"], said["twinlens"]) == expected
    assert said["generation"] >= 1
    assert json.loads((tmp_path / "out" / "export.json").read_text()) == said
    assert table.to_pandas().shape == (11, 18)


def test_npy(shop: Path, tmp_path: Path) -> None:
    export(shop, tmp_path / "out", ExportConfig("npy"))
    records, vectors = told(shop)
    found = np.load(tmp_path / "out" / "vectors.npy", allow_pickle=False)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, vectors)
    rows = [json.loads(line) for line in (tmp_path / "out" / "pictures.jsonl").read_text("utf-8").splitlines()]
    assert [row["id"] for row in rows] == [record.id for record in records]
    assert [row["path"] for row in rows] == [str(record.path) for record in records]
    assert rows[0]["bought"] == "2024-01-05"
    assert rows[3]["seen"] == "2024-05-01T10:30:00.250000+00:00"
    assert rows[3]["metadata.vector"] == "x"
    assert rows[1]["price"] is None


def test_the_encoder_is_exported(index: Path, tmp_path: Path) -> None:
    export(index, tmp_path / "out")
    assert load_encoder(tmp_path / "out" / "encoder").fingerprint == load_encoder("color-layout").fingerprint


@pytest.mark.parametrize("form", FORMATS)
def test_names_that_are_not_utf8(form: Format, tmp_path: Path) -> None:
    folder = Path(os.fsdecode(bytes(tmp_path / "p") + b"/caf\xe9"))
    folder.mkdir(parents=True)
    for number, name in enumerate(["ok \U0001f600.png", "new\nline.png", os.fsdecode(b"\xff\xfe.png")]):
        draw(number).save(folder / name)
    build(tmp_path / "p", tmp_path / "i", FAST)
    export(tmp_path / "i", tmp_path / "out", ExportConfig(form))
    if form == "npy":
        rows = [json.loads(line) for line in (tmp_path / "out" / "pictures.jsonl").read_text("utf-8").splitlines()]
    else:
        rows = pq.read_table(tmp_path / "out" / "pictures.parquet", columns=["path", "label"]).to_pylist()
    stem = f"bytes:{tmp_path}/p/caf%E9/"
    assert {row["path"] for row in rows} == {
        stem + "ok%20%F0%9F%98%80.png",
        stem + "new%0Aline.png",
        stem + "%FF%FE.png",
    }
    assert {row["label"] for row in rows} == {"bytes:caf%E9"}


@pytest.mark.parametrize("form", FORMATS)
def test_a_filter(index: Path, tmp_path: Path, form: Format) -> None:
    assert export(index, tmp_path / "out", ExportConfig(form, "label in (label0, label2) and id > 3")).pictures == 5
    if form == "npy":
        assert np.load(tmp_path / "out" / "vectors.npy").shape[0] == 5
    else:
        labels = pq.read_table(tmp_path / "out" / "pictures.parquet")["label"].to_pylist()
        assert set(labels) == {"label0", "label2"}
    with pytest.raises(QueryError):
        export(index, tmp_path / "other", ExportConfig(form, "colour = red"))
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_export(index: Path, tmp_path: Path, form: Format) -> None:
    assert export(index, tmp_path / "out", ExportConfig(form, "label = none-such")).pictures == 0
    if form == "npy":
        assert np.load(tmp_path / "out" / "vectors.npy").shape[0] == 0
    else:
        assert pq.read_table(tmp_path / "out" / "pictures.parquet").num_rows == 0


def test_it_streams_in_row_groups(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "chunk_rows", lambda dim: 5)
    export(index, tmp_path / "out")
    file = pq.ParquetFile(tmp_path / "out" / "pictures.parquet")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [5, 5, 2]
    file.close()
    export(index, tmp_path / "npy", ExportConfig("npy"))
    np.testing.assert_array_equal(np.load(tmp_path / "npy" / "vectors.npy"), told(index)[1])


def test_other_files_are_not_overwritten(index: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert export(index, tmp_path / "empty").pictures == 12
    with pytest.raises(DataError, match="--force"):
        export(index, tmp_path / "empty")
    assert export(index, tmp_path / "empty", ExportConfig("npy", "id = 1", force=True)).pictures == 1
    names = {path.name for path in (tmp_path / "empty").iterdir()}
    assert names == {"encoder", "export.json", "pictures.jsonl", "vectors.npy"}
    with pytest.raises(DataError, match="other files"):
        export(index, tmp_path / "pictures", ExportConfig(force=True))
    assert len(list((tmp_path / "pictures").rglob("*.png"))) == 12, "other files are never deleted"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match="is a file"):
        export(index, tmp_path / "file", ExportConfig(force=True))
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("force", [False, True])
def test_an_export_is_complete_or_does_not_exist(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Format, force: bool
) -> None:
    if force:
        export(index, tmp_path / "out", ExportConfig("npy", "id < 4"))
    before = sorted(path for path in tmp_path.rglob("*"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "_copy_encoder", full)
    with pytest.raises(DiskError, match="no space left"):
        export(index, tmp_path / "out", ExportConfig(form, force=force))
    assert sorted(path for path in tmp_path.rglob("*")) == before, "and nothing is left beside it"


def test_invalid_exports(tmp_path: Path, index: Path) -> None:
    with pytest.raises(IndexFolderError, match="no index here"):
        export(tmp_path / "none", tmp_path / "out")
    with pytest.raises(DataError, match="parquet, npy"):
        export(index, tmp_path / "out", ExportConfig("csv"))  # type: ignore[arg-type]
    next((index / "segments").glob("*.npy")).write_bytes(b"cut")
    with pytest.raises(IndexFolderError):
        export(index, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_encoder_is_not_copied(index: Path, tmp_path: Path) -> None:
    file = next((index / "encoders").rglob("encoder.json"))
    file.write_bytes(file.read_bytes()[:-3] + b"xx}")
    with pytest.raises(IndexFolderError):
        export(index, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_it_is_one_snapshot(pictures: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = exporting._copy_encoder

    def change_meanwhile(*words: object) -> None:
        fill(pictures, 3, first=50)
        build(pictures, index, FAST)
        copy(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(exporting, "_copy_encoder", change_meanwhile)
    assert export(index, tmp_path / "out").pictures == 12
    assert pq.read_table(tmp_path / "out" / "pictures.parquet").num_rows == 12
