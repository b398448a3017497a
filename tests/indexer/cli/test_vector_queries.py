"""Queries by id and by vector: the answers of the engine, from a process that never imports torch."""

import gc
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.cli.vector_queries import read_vectors
from indexer.collection.build import build
from search import open_index
from search.errors import DataError
from search.large_imports import collection_paused, may_embed, without_torch
from tests.conftest import FAST, fill

WATCHED = """
import json, sys
from indexer.cli.app import app
try:
    app(sys.argv[1:])
except SystemExit as leaving:
    code = leaving.code
heavy = {"torch", "faiss", "PIL", "search.pictures.decode"}
print(json.dumps({"code": code, "heavy": sorted(heavy & set(sys.modules))}))
"""


def watched(*words: object) -> tuple[list[dict], dict]:
    """What a command prints, line by line, and what its process had imported at the end."""
    script = [sys.executable, "-c", WATCHED, *map(str, words)]
    done = subprocess.run(script, capture_output=True, text=True, check=True)
    *lines, last = map(json.loads, done.stdout.splitlines())
    return lines, last


@pytest.fixture(params=["flat", "hnsw", "hnswlib"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def folder(tmp_path: Path, kind: str) -> Path:
    fill(tmp_path / "pictures", 40)
    build(tmp_path / "pictures", tmp_path / "photos.index", replace(FAST, kind=kind))
    return tmp_path / "photos.index"


@pytest.mark.thinned(3)
def test_an_id_and_a_vector_are_answered_without_torch(folder: Path, kind: str, tmp_path: Path) -> None:
    with open_index(folder, device="cpu") as engine:
        records, vectors = engine.vectors()
    np.save(tmp_path / "queries.npy", vectors[[4, 9]].astype(np.float64))
    np.save(tmp_path / "one.npy", vectors[17])
    words = ("query", "--index", folder, "-k", 3, "--json", "--device", "cpu")
    answers, process = watched(
        *words, "--id", records[30].id, "--vector", tmp_path / "queries.npy", "--vector", tmp_path / "one.npy"
    )
    assert process == {"code": 0, "heavy": ["faiss"] if kind == "hnsw" else []}
    assert [answer["query"] for answer in answers] == [
        {"id": records[30].id},
        {"vector": str(tmp_path / "queries.npy"), "row": 0},
        {"vector": str(tmp_path / "queries.npy"), "row": 1},
        {"vector": str(tmp_path / "one.npy"), "row": 0},
    ]
    for row, answer in zip([30, 4, 9, 17], answers, strict=True):
        distances = np.linalg.norm(vectors.astype(np.float64) - vectors[row], axis=1)
        expected = sorted(range(len(records)), key=lambda other: (distances[other], other))[:3]
        assert [hit["id"] for hit in answer["hits"]] == [records[other].id for other in expected]
        assert [hit["distance"] for hit in answer["hits"]] == pytest.approx(distances[expected], abs=1e-6)


@pytest.mark.parametrize("kind", ["hnsw"], indirect=True)
def test_info_needs_no_torch(folder: Path) -> None:
    script = WATCHED.replace("print(json", "print();print(json")
    words = [sys.executable, "-c", script, "info", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == {"code": 0, "heavy": ["faiss"]}


def test_filters_hold_for_ids(index: Path) -> None:
    answers, _ = watched("query", "--id", 1, "--index", index, "--json", "--where", "label = label2")
    assert {hit["label"] for hit in answers[0]["hits"]} == {"label2"}


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "name a picture, or use --id or --vector"),
        (["--id", "1", "x.png"], 2, "replaces the pictures"),
        (["--id", "1", "--together"], 2, "replaces the pictures"),
        (["--id", "1", "--not", "x.png"], 2, "replaces the pictures"),
        (["--vector", "x.npy", "--crop", "0,0,1,1"], 2, "replaces the pictures"),
        (["--id", "4711"], 1, "no picture has the id 4711"),
        (["--vector", "missing.npy"], 1, "no such file"),
    ],
)
def test_what_is_refused(index: Path, words: list[str], code: int, said: str) -> None:
    script = [sys.executable, "-m", "indexer", "query", "--index", str(index), *words]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 2, 2), dtype=np.float32),
        np.zeros(0, dtype=np.float32),
        np.array(1.0),
        np.arange(8),
        np.array(["a", "b"]),
        np.ones(8, dtype=np.complex64),
    ],
)
def test_arrays_that_are_no_vectors(array: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(DataError, match=r"x\.npy: holds .*one vector \(D,\) or several"):
        read_vectors(tmp_path / "x.npy")


def test_files_that_are_no_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "whole.npy", np.ones((4, 64), dtype=np.float32))
    whole = (tmp_path / "whole.npy").read_bytes()
    huge = whole.replace(b"(4, 64)", b"(9**9,)").replace(b"4, 64", b"99999999999, 64")
    for number, content in enumerate([b"", b"\x93NUMPY", whole[:200], b"text", b"PK\x03\x04", huge]):
        (tmp_path / f"{number}.npy").write_bytes(content)
        with pytest.raises(DataError, match=rf"{number}\.npy: cannot be read as a \.npy file"):
            read_vectors(tmp_path / f"{number}.npy")
    np.savez(tmp_path / "several.npz", a=np.ones(3), b=np.ones(3))
    with pytest.raises(DataError, match=r"cannot be read as a \.npy file"):
        read_vectors(tmp_path / "several.npz")


def test_collection_is_as_before() -> None:
    assert gc.isenabled()
    with collection_paused():
        assert not gc.isenabled()
        with collection_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.slow
def test_torch_comes_first_but_where_it_is_left_out() -> None:
    assert may_embed()
    with without_torch():
        assert not may_embed()
    assert may_embed()
    script = "import sys; import search.indexes.faiss_library as library; print(*sys.modules)"
    for hidden, driver in (("openvino", False), ("nothing", True)):
        before = f"import sys; sys.modules['{hidden}'] = None; import search.gpu_driver as gpu;"
        before += f" gpu.gpu_driver_present = lambda: {driver};"
        done = subprocess.run([sys.executable, "-c", before + script], capture_output=True, text=True, check=True)
        order = done.stdout.split()
        assert order.index("torch") < order.index("faiss")
