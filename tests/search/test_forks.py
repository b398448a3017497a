"""A process that is forked after an engine was used gets an error or a result, and never hangs."""

import json
import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.collection.build import build
from search import ForkError, PictureError, SearchEngine, open_index
from search.errors import DamagedFileError
from tests.conftest import FAST, fill

FORKING = """
import json, multiprocessing, sys
import numpy as np
from search import ForkError, open_index
from search.encoders import load_encoder

folder, picture, used = sys.argv[1:]
engine = open_index(folder, device="cpu")
encoder = load_encoder("small", device="cpu") if used != "torch" else None
if used == "search":
    engine.search_many([picture] * 40, 3)
    engine.search_vectors(engine.vectors()[1], 3)
elif used == "torch":
    import torch
    torch.ones(1500, 1500) @ torch.ones(1500, 1500)
elif used == "encoder":
    engine.encoder


def entered():
    with engine:
        engine.search(picture)


REFUSED = {
    "search": lambda: engine.search(picture),
    "search_many": lambda: engine.search_many([picture]),
    "search_vectors": lambda: engine.search_vectors(np.eye(1, 256)),
    "search_together": lambda: engine.search_together([picture, picture]),
    "search_id": lambda: engine.search_id(1),
    "ask": lambda: engine.ask(picture),
    "embed": lambda: engine.embed(picture),
    "encoder": lambda: engine.encoder,
    "verify": lambda: engine.verify(picture, picture),
    "explain": lambda: engine.explain(picture, picture),
    "identify": lambda: engine.identify(picture),
    "identities": lambda: engine.identities(),
    "vector": lambda: engine.vector(1),
    "vectors": lambda: engine.vectors(),
    "pictures": lambda: engine.pictures(),
    "count": lambda: engine.count("label = label1"),
    "len": lambda: len(engine),
    "info": lambda: engine.info(),
    "refresh": lambda: engine.refresh(),
    "stale": lambda: engine.stale,
    "with": entered,
}
if encoder is not None:
    REFUSED["another encoder"] = lambda: encoder.encode_prepared(np.zeros((1, 64, 64, 3), dtype=np.uint8))


def child(results):
    said = {}
    for name, use in REFUSED.items():
        try:
            use()
        except ForkError as error:
            said[name] = str(error)
        else:
            said[name] = "worked"
    engine.close()
    with open_index(folder, device="cpu") as again:
        hits = [(hit.id, round(hit.distance, 4)) for hit in again.search(picture, 3)]
        many = again.search_vectors(again.vectors()[1], 3)
    results.put((said, hits, len(many)))


forking = multiprocessing.get_context("fork")
results = forking.SimpleQueue()
process = forking.Process(target=child, args=(results,))
process.start()
process.join(200)
if process.exitcode is None:
    process.kill()
    sys.exit("the child hangs")
said, hits, many = results.get()
print(json.dumps({"refused": said, "hits": hits, "many": many,
                  "here": [(hit.id, round(hit.distance, 4)) for hit in engine.search(picture, 3)]}))
"""


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forks")
    fill(folder / "pictures", 40)
    build(folder / "pictures", folder / "photos.index", replace(FAST, encoder="small", kind="hnsw"))
    return folder


@pytest.mark.thinned(3)
@pytest.mark.parametrize("used", ["search", "encoder", "torch"])
def test_a_forked_child_gets_an_error_and_can_open_the_index_again(collection: Path, used: str) -> None:
    words = [collection / "photos.index", next((collection / "pictures").rglob("*.png")), used]
    done = subprocess.run(
        [sys.executable, "-c", FORKING, *map(str, words)], capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for name, said in found["refused"].items():
        assert "before this process was forked" in said, name
        assert 'get_context("spawn")' in said, name
        assert "docs/servers.md" in said, name
    assert found["hits"] == found["here"] != []
    assert found["many"] == 40


def test_the_page_named_in_the_error_exists() -> None:
    assert (Path(__file__).parents[2] / "docs" / "servers.md").is_file()


def found_in(engine: SearchEngine, picture: Path) -> tuple[Path, str, list[int]]:
    with engine:
        return engine.folder, engine._device, [hit.id for hit in engine.search(picture, 3)]


def test_an_engine_is_pickled_as_its_folder(index: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(index.parent)
    picture = next(pictures.rglob("*.png"))
    with open_index(index.name, device="cpu") as engine:
        expected = [hit.id for hit in engine.search(picture, 3)]
        written = pickle.dumps(engine)
        assert len(written) < 1000, "the folder's name and the device, no vectors"
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            assert pool.submit(found_in, engine, picture).result(timeout=400) == (index, "cpu", expected)
    monkeypatch.chdir("/")
    assert found_in(pickle.loads(written), picture) == (index, "cpu", expected)


@pytest.mark.parametrize(
    "error",
    [PictureError("a.jpg", "is cut"), DamagedFileError(Path("x/y.npy"), "missing", "Mend it"), ForkError("said so")],
)
def test_errors_cross_processes(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert {name: value for name, value in vars(again).items()} == vars(error)
