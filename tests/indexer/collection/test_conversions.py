"""The conversion and the precision of an index's encoder: made by build and rebuild, checked, repaired, queried."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from indexer.collection.build import build
from indexer.collection.rebuild import rebuild
from indexer.health.check import inspect
from indexer.health.repair import repair
from search import EncoderError, open_index
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.converted import ConvertedEncoder
from search.encoders.openvino_conversion import CONVERSION_FILES
from tests.conftest import FAST, fill
from tests.search.encoders.made import checkpoint

pytestmark = pytest.mark.skipif(find_spec("openvino") is None, reason="needs the extra openvino")

PICTURES = 8
ROOT = Path(__file__).parents[3]


CONFIG = replace(FAST, encoder=None)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, and two indexes of them: one as it is built now, and one that was built without OpenVINO."""
    folder = tmp_path_factory.mktemp("conversions")
    fill(folder / "pictures", PICTURES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "openvino", None)
        (folder / "encoder").mkdir()
        checkpoint().save(folder / "encoder")
        build(folder / "pictures", folder / "old", replace(CONFIG, encoder=str(folder / "encoder")))
    encoder = checkpoint()
    encoder.save(folder / "encoder")
    build(folder / "pictures", folder / "new", replace(CONFIG, encoder=str(folder / "encoder")))
    return folder


@pytest.fixture
def new(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "new", tmp_path / "index"))


@pytest.fixture
def old(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "old", tmp_path / "index"))


def encoder_of(index: Path) -> Path:
    with open_index(index, device="cpu") as engine:
        return index / str(engine.catalog.settings()["encoder_folder"])


def used(index: Path, picture: Path) -> type:
    """The class of the encoder that finds a picture of the index."""
    with open_index(index, device="cpu") as engine:
        (first, *_) = engine.search(picture, 3)
        assert (first.path.name, first.distance < 0.03) == (picture.name, True)
        return type(engine.encoder)


@pytest.fixture(scope="module")
def picture(made: Path) -> Path:
    return next((made / "pictures").rglob("0003.png"))


def test_a_build_stores_the_conversion_and_queries_use_it(new: Path, picture: Path) -> None:
    assert {*CONVERSION_FILES} < {path.name for path in encoder_of(new).iterdir()}
    assert used(new, picture) is ConvertedEncoder
    report = inspect(new)
    assert (report.findings, report.notes) == ([], [])


def test_an_index_made_without_openvino_is_answered_by_torch_until_a_rebuild(old: Path, picture: Path) -> None:
    assert used(old, picture) is CheckpointEncoder
    report = inspect(old)
    assert report.whole
    assert "has no conversion for OpenVINO" in report.notes[0]
    assert "twinlens rebuild" in report.notes[0]
    before = encoder_of(old)
    with open_index(old, device="cpu") as reader:
        rebuild(old, CONFIG)
        assert type(reader.encoder) is CheckpointEncoder, "the files of an open snapshot stay"
    assert encoder_of(old) != before
    assert used(old, picture) is ConvertedEncoder
    rebuilt = encoder_of(old)
    rebuild(old, CONFIG)
    assert encoder_of(old) == rebuilt, "a second rebuild writes nothing"
    assert not before.exists(), "a writer sweeps the old files"
    report = inspect(old)
    assert (report.findings, report.notes) == ([], [])


def test_without_openvino_every_index_is_answered_by_torch(
    new: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert used(new, picture) is CheckpointEncoder
    place = encoder_of(new)
    rebuild(new, CONFIG)
    assert encoder_of(new) == place
    assert inspect(new).notes == []


@pytest.mark.parametrize("name", CONVERSION_FILES)
def test_a_damaged_conversion_is_found_and_repaired_and_queries_go_on(new: Path, picture: Path, name: str) -> None:
    path = encoder_of(new) / name
    path.write_bytes(path.read_bytes()[:-1])
    (finding,) = inspect(new).findings
    assert finding.file.endswith(name)
    assert "torch embeds pictures instead" in finding.problem
    assert used(new, picture) is CheckpointEncoder
    report = repair(new, device="cpu")
    assert (report.after.findings, report.left) == ([], [])
    assert "from its weights" in report.done[0]
    assert used(new, picture) is ConvertedEncoder


def test_the_precision_belongs_to_the_index(made: Path, tmp_path: Path, picture: Path) -> None:
    index = tmp_path / "index"
    build(made / "pictures", index, replace(CONFIG, encoder=str(made / "encoder"), precision="bfloat16"))
    with open_index(index, device="cpu") as engine:
        assert (engine.encoder.precision, engine.info().precision) == ("bfloat16", "bfloat16")
        vectors = engine.vectors()[1]
    with open_index(made / "new", device="cpu") as engine:
        assert engine.info().precision == "float32"
        assert (vectors * engine.vectors()[1]).sum(axis=1).min() > 1 - 1e-3
    build(made / "pictures", index, CONFIG)
    with pytest.raises(EncoderError, match=r"computes in bfloat16, not in float32.*rebuild.*--precision float32"):
        build(made / "pictures", index, replace(CONFIG, precision="float32"))
    report = rebuild(index, replace(CONFIG, precision="float32"))
    assert report.embedded == 0
    with open_index(index, device="cpu") as engine:
        assert (engine.encoder.precision, engine.info().precision) == ("float32", "float32")
        np.testing.assert_array_equal(engine.vectors()[1], vectors)
    assert used(index, picture) is ConvertedEncoder


def test_info_says_what_a_precision_means_here(
    made: Path, old: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from indexer.cli.info import info

    rebuild(old, replace(CONFIG, precision="bfloat16"))
    monkeypatch.setattr("search.encoders.openvino_runtime.supports_bfloat16", lambda: True)
    info(old)
    assert "\nprecision bfloat16\n" in capsys.readouterr().out
    monkeypatch.setattr("search.encoders.openvino_runtime.supports_bfloat16", lambda: False)
    info(old)
    assert "\nprecision bfloat16, but float32 here: this CPU has no bfloat16\n" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "openvino", None)
    info(old)
    assert "\nprecision bfloat16, but float32 here: OpenVINO is not installed\n" in capsys.readouterr().out
    info(made / "new")
    assert "precision" not in capsys.readouterr().out


QUERY = """
import sys
from indexer.cli.app import app
try:
    app(["query", sys.argv[1], "--index", sys.argv[2], "--json", *sys.argv[3:]])
except SystemExit as leaving:
    assert not leaving.code
sys.stderr.write(" ".join(sys.modules))
"""


@pytest.mark.parametrize(("kind", "device"), [("flat", "auto"), ("hnsw", "cpu"), ("hnswlib", "cpu")])
def test_a_query_from_a_shell_imports_no_torch(new: Path, picture: Path, kind: str, device: str) -> None:
    from search.gpu_driver import gpu_driver_present

    if kind != "flat":
        rebuild(new, replace(CONFIG, kind=kind))
    words = [sys.executable, "-c", QUERY, picture, new, "--device", device]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True, cwd=ROOT)
    assert Path(json.loads(done.stdout)["hits"][0]["path"]).name == picture.name
    modules = set(done.stderr.split())
    assert "openvino" in modules
    assert not {"openvino_telemetry", "openvino.tools.ovc"} & modules
    if not gpu_driver_present():
        assert "torch" not in modules
