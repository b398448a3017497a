"""An index, and an encoder on a folder, give the same figures."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.alterations import COPIES
from indexer.collection.build import build
from indexer.evaluation.config import EvaluateConfig
from indexer.evaluation.embed_in_memory import embed_in_memory
from indexer.evaluation.evaluate import evaluate, labelled_pictures
from indexer.evaluation.figures import measure, write_measured
from indexer.evaluation.robustness import Robustness, RobustnessRow
from indexer.metrics.bootstrap import mean_figure
from indexer.metrics.clustering import nmi_figure
from indexer.metrics.retrieval import query_figures, retrieval
from search.encoders import load_encoder
from search.engine import open_index
from search.errors import DataError, EncoderError
from tests.command_line import twinlens
from tests.conftest import FAST, draw, fill

BY_ENCODER = EvaluateConfig(encoder="color-layout", device="cpu")


def test_an_index_and_its_pictures_give_the_same(pictures: Path, index: Path) -> None:
    of_index, of_folder = evaluate(index), evaluate(pictures, BY_ENCODER)
    assert (of_index.collection, of_folder.collection) == ("photos.index", "pictures")
    assert of_index.encoder == of_folder.encoder == "color-layout"
    assert of_index.recall_at == of_folder.recall_at
    assert (of_index.map_at_r, of_index.nmi) == (of_folder.map_at_r, of_folder.nmi)


def test_figures_match_the_metrics(index: Path) -> None:
    with open_index(index, device="cpu") as engine:
        records, vectors = engine.vectors()
    labels = [record.label for record in records]
    codes = np.array([int(str(label).removeprefix("label")) for label in labels])
    found, expected = evaluate(index), retrieval(vectors, labels)
    assert (found.pictures, found.classes, found.queries) == (12, 3, expected.queries)
    assert {k: figure.value for k, figure in found.recall_at.items()} == pytest.approx(expected.recall_at)
    assert found.map_at_r.value == pytest.approx(expected.map_at_r)
    assert found.map_at_r == mean_figure(query_figures(vectors, labels).average_precision, codes)
    assert found.nmi == nmi_figure(vectors, codes)
    told = json.loads(json.dumps(found.to_dict()))
    assert told["recall_at"]["5"] == found.recall_at[5].value
    assert told["intervals"]["map_at_r"] == [found.map_at_r.low, found.map_at_r.high]


@pytest.mark.slow
def test_index_and_folder_give_the_same_robustness_and_name_missing_files(tmp_path: Path) -> None:
    paths = fill(tmp_path / "pictures", 12)
    build(tmp_path / "pictures", tmp_path / "i", FAST)
    config = EvaluateConfig(robustness=True, device="cpu")
    of_index = evaluate(tmp_path / "i", config)
    of_folder = evaluate(tmp_path / "pictures", EvaluateConfig(encoder="color-layout", robustness=True, device="cpu"))
    assert of_index.robustness is not None
    assert of_index.robustness == of_folder.robustness
    assert of_index.robustness.queries == 12
    paths[0].unlink()
    draw(99).save(paths[1])
    later = evaluate(tmp_path / "i", config)
    assert later.recall_at == of_index.recall_at
    assert {Path(error.source) for error in later.skipped} == set(paths[:2])
    assert later.robustness is not None
    assert later.robustness.queries == 10
    assert len(later.to_dict()["skipped"]) == 2


def test_patterns_choose_classes(tmp_path: Path) -> None:
    for split in ("train", "test"):
        fill(tmp_path / split, 6, labels=2)
    paths, labels = labelled_pictures(tmp_path, include=["test/*"])
    assert sorted(set(labels)) == ["test/label0", "test/label1"]
    assert {path.parent.parent.name for path in paths} == {"test"}
    assert len(labelled_pictures(tmp_path, include=["*/label0", "test/*"])[0]) == 9
    assert evaluate(tmp_path, EvaluateConfig(encoder="color-layout", include=("test/*",))).pictures == 6
    with pytest.raises(DataError, match="no class matches 'dev/\\*'"):
        labelled_pictures(tmp_path, include=["test/*", "dev/*"])


def test_labels_from_a_csv(pictures: Path, tmp_path: Path) -> None:
    names = sorted(path.relative_to(pictures).as_posix() for path in pictures.rglob("*.png"))
    rows = [f"{name},{'ab'[place % 2]}" for place, name in enumerate(names[:6])]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label", *rows]))
    found = evaluate(pictures, EvaluateConfig(encoder="color-layout", labels=str(tmp_path / "labels.csv")))
    assert (found.pictures, found.classes) == (6, 2)


def test_broken_pictures_are_left_out_and_reported(pictures: Path) -> None:
    (pictures / "label0" / "bad.png").write_bytes(b"bad")
    found = evaluate(pictures, BY_ENCODER)
    assert found.pictures == 12
    assert [Path(error.source).name for error in found.skipped] == ["bad.png"]


def test_embedding_in_memory_matches_a_build(pictures: Path, index: Path) -> None:
    with open_index(index, device="cpu") as engine:
        records, vectors = engine.vectors()
    embedded = embed_in_memory(load_encoder("color-layout"), [record.path for record in records])
    assert embedded.rows.tolist() == list(range(12))
    assert (embedded.vectors == vectors).all()
    empty = embed_in_memory(load_encoder("color-layout"), [])
    assert (len(empty.rows), empty.vectors.shape[0]) == (0, 0)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "no picture has a label"),
        ([None, None], "no picture has a label"),
        (["a", "a"], "have the label 'a'"),
        (["a", "b", None], "no two pictures share a label"),
    ],
)
def test_nothing_to_measure(labels: list[str | None], message: str) -> None:
    vectors = np.eye(4, dtype=np.float32)[: len(labels)]
    with pytest.raises(DataError, match=message):
        measure(vectors, labels, collection="photos")


def test_targets_that_cannot_be_measured(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no labelled pictures"):
        evaluate(tmp_path / "empty", BY_ENCODER)
    with pytest.raises(EncoderError, match="magic"):
        evaluate(pictures, EvaluateConfig(encoder="magic"))


def test_figures_are_written_to_the_card_without_changing_the_encoder(pictures: Path, tmp_path: Path) -> None:
    encoder = load_encoder("small", device="cpu")
    encoder.save(tmp_path)
    shutil.copy(tmp_path / "weights.safetensors", tmp_path / "before")
    everyday = [
        RobustnessRow(each.kind, each.strength, 0.25, share)
        for each, share in zip(COPIES[:2], (0.5, 0.25), strict=True)
    ]
    table = Robustness(12, 0.5, (*everyday, RobustnessRow("crop", "85 % of each side", 0.25, 1.0)))
    found = replace(evaluate(pictures, EvaluateConfig(encoder=str(tmp_path), device="cpu")), robustness=table)
    write_measured(tmp_path, found.collection, found.figures())
    after = load_encoder(tmp_path, device="cpu")
    assert after.fingerprint == encoder.fingerprint
    card = json.loads((tmp_path / "encoder.json").read_text())["card"]
    assert card["config"] == encoder.card["config"]  # type: ignore[attr-defined]
    assert card["measured"]["recall_at_1"]["pictures"] == found.recall_at[1].to_dict()
    assert card["measured"]["copies_found"]["pictures"] == 0.375
    assert encoder.card["measured"]["recall_at_1"].items() <= card["measured"]["recall_at_1"].items()  # type: ignore[attr-defined]
    assert (tmp_path / "before").read_bytes() == (tmp_path / "weights.safetensors").read_bytes()


def test_pictures_that_are_no_queries_are_counted(tmp_path: Path) -> None:
    fill(tmp_path / "p", 4, labels=2)
    fill(tmp_path / "p", 1, labels=3, first=2)  # the only one of its label
    said = twinlens("evaluate", tmp_path / "p", "--encoder", "color-layout").stdout
    assert said.startswith("p: 5 pictures, 3 classes, 4 queries (1 without another of the same label), encoder ")
