"""Importing Parquet files of other programs."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.exchange import checking, plan, storing
from indexer.exchange.import_vectors import import_vectors
from indexer.health.check import check
from search import DataError, open_index
from tests.indexer.exchange.conftest import QUICK, unit


def written(target: Path, /, **columns: object) -> Path:
    pq.write_table(pa.table(columns), target, row_group_size=4)
    return target


def lists(vectors: np.ndarray, kind: pa.DataType) -> pa.Array:
    return pa.array(vectors.tolist(), type=kind)


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.float32()),
        pa.list_(pa.float64()),
        pa.large_list(pa.float32()),
        pa.list_(pa.float32(), 8),
        pa.list_(pa.float64(), 8),
    ],
    ids=str,
)
def test_lists_of_any_type(kind: pa.DataType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (checking, plan, storing):
        monkeypatch.setattr(module, "chunk_rows", lambda dim: 3)
    vectors = unit(10)
    file = written(tmp_path / "v.parquet", path=[f"{n}.jpg" for n in range(10)], vector=lists(vectors, kind))
    assert import_vectors(file, tmp_path / "i", QUICK).added == 10
    with open_index(tmp_path / "i") as engine:
        np.testing.assert_array_equal(engine.vectors()[1], vectors)
        assert [record.path.name for record in engine.pictures()] == [f"{n}.jpg" for n in range(10)]


def test_a_data_frame(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "file": ["a.jpg", "b.jpg", "bytes:c%FF.jpg"],
            "embedding": list(unit(3)),
            "label": ["x", None, "y"],
            "price": [1.5, np.nan, 2.0],
            "count": [1, 2, 3],
            "ripe": [True, False, True],
            "kind": pd.Categorical(["p", "q", "p"]),
            "day": [date(2024, 1, n) for n in (1, 2, 3)],
            "seen": np.array(["2024-01-01T10:00:00.5", "NaT", "2024-01-03"], dtype="datetime64[ns]"),
            "tags": [["a"], [], ["b", "c"]],
        }
    )
    frame.to_parquet(tmp_path / "frame.parquet")
    config = replace(QUICK, path_column="file", vector_column="embedding")
    report = import_vectors(tmp_path / "frame.parquet", tmp_path / "i", config)
    assert any("left out tags" in note for note in report.notes)
    assert check(tmp_path / "i") == []
    with open_index(tmp_path / "i") as engine:
        assert engine.labels() == {"x": 1, "y": 1}
        types = {name: kind for name, kind in engine.columns().items() if name not in ("taken", "camera")}
        assert types == {
            "price": "real",
            "count": "integer",
            "ripe": "boolean",
            "kind": "text",
            "day": "date",
            "seen": "datetime",
        }
        told = engine.metadata([1, 2, 3])
        assert told[1] == {
            "price": 1.5,
            "count": 1,
            "ripe": True,
            "kind": "p",
            "day": date(2024, 1, 1),
            "seen": datetime(2024, 1, 1, 10, 0, 0, 500_000, UTC),
        }
        assert set(told[2]) == {"count", "ripe", "kind", "day"}
        assert engine.picture(3).path.name == "c\udcff.jpg"
        assert [hit.id for hit in engine.search_id(1, where="kind = q or seen >= 2024-01-02")] == sorted(
            [2, 3], key=lambda key: np.linalg.norm(unit(3)[key - 1] - unit(3)[0])
        )
    frame["count"] = ["many", "few", "none"]
    frame.to_parquet(tmp_path / "other.parquet")
    with pytest.raises(DataError, match=r"'count' is text, and in the index integer.*--drop"):
        import_vectors(tmp_path / "other.parquet", tmp_path / "i", config)


def test_invalid_files(tmp_path: Path) -> None:
    vectors, names = unit(4).tolist(), list("abcd")
    ragged = [*vectors[:2], vectors[2][:3], vectors[3]]
    cases = {
        "row 2 .* has 3 values, not 8": {"path": names, "vector": ragged},
        "row 1 .* has no vector": {"path": names, "vector": [vectors[0], None, *vectors[2:]]},
        "contains a null": {"path": names, "vector": [*vectors[:3], [None, *vectors[3][1:]]]},
        "needs one column 'vector'.*--vector-column": {"path": names, "embedding": vectors},
        "needs one column 'path'; it has file": {"file": names, "vector": vectors},
        "must be lists": {"path": names, "vector": [1.0, 2.0, 3.0, 4.0]},
        "int64": {"path": names, "vector": [[1, 0], [0, 1], [1, 0], [0, 1]]},
        "rows 0 and 3": {"path": ["a", "b", "c", "x/../a"], "vector": vectors},
        "row 2 .*: None is not a path": {"path": ["a", "b", None, "d"], "vector": vectors},
        ": 1 is not a path": {"path": [1, 2, 3, 4], "vector": vectors},
        "holds no vectors": {"path": pa.array([], pa.string()), "vector": pa.array([], pa.list_(pa.float32()))},
        "row 3 .* length": {"path": names, "vector": [*vectors[:3], [2.0] * 8]},
    }
    for says, columns in cases.items():
        with pytest.raises(DataError, match=says):
            import_vectors(written(tmp_path / "v.parquet", **columns), tmp_path / "i", QUICK)
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(DataError, match="Parquet"):
        import_vectors(tmp_path / "text.parquet", tmp_path / "i", QUICK)
    with pytest.raises(DataError, match="leave --paths out"):
        import_vectors(tmp_path / "text.parquet", tmp_path / "i", replace(QUICK, paths=tmp_path / "x"))
    assert not (tmp_path / "i").exists()


def test_rows_of_another_length_in_a_later_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "chunk_rows", lambda dim: 4)
    vectors = [*unit(4).tolist(), *unit(4, 5).tolist()]
    file = written(tmp_path / "v.parquet", path=list("abcdefgh"), vector=vectors)
    with pytest.raises(DataError, match="has 5 values"):
        import_vectors(file, tmp_path / "i", QUICK)
