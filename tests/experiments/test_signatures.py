import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from experiments import signatures
from experiments.signature_pairs import Signature, pairs_against, read_signatures, split_writers, write_labels
from experiments.verification_trials import equal_error, verified
from indexer.calibration.error_rates import ErrorRates
from indexer.calibration.pairs import MeasuredPairs
from indexer.training.data import read_pictures
from indexer.training.settings import with_settings
from search.errors import DataError

TINY = {"kind": "resnet", "stem": 4, "widths": [4, 8], "depths": [1, 1], "pooled": 1, "grid": 2, "dim": 8}


def make_signatures(folder: Path, writers: int, names: int = 3, media: int = 4) -> None:
    for writer in range(1, writers + 1):
        place = folder / f"writer{writer:03}"
        place.mkdir(parents=True)
        for medium in range(media):
            for name in range(names):
                random = np.random.default_rng((writer, name))
                points = random.integers(2, 22, (4, 2)) + np.random.default_rng((writer, name, medium)).integers(
                    -1, 2, (4, 2)
                )
                picture = Image.new("L", (48, 24), 255)
                ImageDraw.Draw(picture).line([(2 * x, y) for x, y in points.tolist()], fill=0, width=1 + medium % 2)
                picture.save(place / f"{medium * 10 + name + 1}.png")


def some(writers: int = 3, names: int = 2, media: int = 3) -> list[Signature]:
    return [
        Signature(Path("x"), f"w{writer}", name, medium)
        for writer in range(writers)
        for name in range(names)
        for medium in range(media)
    ]


@pytest.mark.parametrize("kind", ["random", "same-name"])
def test_pairs_against_a_slow_loop(kind: str) -> None:
    table = some()
    wanted = set()
    for a, one in enumerate(table):
        for b in range(a + 1, len(table)):
            other = table[b]
            if one.writer == other.writer and one.name == other.name:
                wanted.add((a, b, True))
            elif one.writer != other.writer and (one.name == other.name) == (kind == "same-name"):
                wanted.add((a, b, False))
    pairs = pairs_against(table, kind)
    assert set(zip(pairs.a.tolist(), pairs.b.tolist(), pairs.same.tolist(), strict=True)) == wanted
    assert len(pairs) == len(wanted)
    for a, b, one, other in zip(pairs.a, pairs.b, pairs.subject_a, pairs.subject_b, strict=True):
        assert (table[a].writer == table[b].writer) == (one == other)
    assert np.count_nonzero(~pairs_against(table, kind, most=5).same) == 5
    with pytest.raises(DataError, match="skilled"):
        pairs_against(table, "skilled")


def test_names_and_media_are_read_from_the_number(tmp_path: Path) -> None:
    make_signatures(tmp_path, 2)
    found = read_signatures(tmp_path)
    assert len(found) == 2 * 3 * 4
    for each in found:
        assert int(each.path.stem) == each.medium * 10 + each.name + 1
    with pytest.raises(DataError, match="Unpack"):
        read_signatures(tmp_path / "writer001")


def test_every_writer_is_on_one_side(tmp_path: Path) -> None:
    sides = split_writers([f"writer{number:03}" for number in range(1, 71)])
    assert [len(side) for side in sides] == [40, 10, 20]
    assert len(set().union(*sides)) == 70
    make_signatures(tmp_path, 4)
    file = write_labels(read_signatures(tmp_path), ["writer001", "writer002"], ["writer003"], tmp_path / "l.csv")
    pictures = read_pictures(tmp_path, str(file))
    assert {(each.subject, each.split) for each in pictures} == {
        ("writer001", "train"),
        ("writer002", "train"),
        ("writer003", "validation"),
    }
    assert {each.label for each in pictures if each.subject == "writer003"} == {f"name{n}/writer003" for n in range(3)}


def measured(seed: int = 0) -> MeasuredPairs:
    random = np.random.default_rng(seed)
    one, other = random.integers(0, 8, (2, 600))
    same = one == other
    return MeasuredPairs(np.where(same, 0.5, 0.9) + random.normal(0, 0.2, 600).clip(-0.4, 0.4), same, one, other, 8)


def test_rates_of_a_threshold_by_counting() -> None:
    pairs = measured()
    for threshold in (0.0, 0.45, 0.7, float(pairs.distances[3]), 1.9):
        found = verified(pairs, threshold, draws=50)
        accepted = pairs.distances <= threshold
        assert found.far.value == pytest.approx(accepted[~pairs.same].mean())
        assert found.frr.value == pytest.approx((~accepted)[pairs.same].mean())
        assert found.far.low is not None
        assert found.far.low <= found.far.value <= (found.far.high or 0)


def test_the_interval_of_the_equal_error_contains_it() -> None:
    found = equal_error(measured(), draws=60)
    curves = ErrorRates(measured()).curves()
    assert curves is not None
    assert found.value == pytest.approx(curves.eer)
    assert found.low is not None
    assert found.low < found.value < (found.high or 0)


@pytest.mark.slow
def test_from_pictures_to_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_signatures(tmp_path / "data" / "signatures", 42)
    small = with_settings(signatures.load_recipe("signatures"), ["input_size=16", "classes_per_batch=6", "start=null"])
    monkeypatch.setattr(signatures, "load_recipe", lambda name: signatures.replace(small, network=TINY))
    monkeypatch.setattr(signatures, "DRAWS", 30)
    monkeypatch.setattr(signatures, "LOSSES", {"triplet": (0.1, 0.3), "cosine-embedding": (0.2,)})
    places = ("--datasets", tmp_path / "data", "--work", tmp_path / "work", "--docs", tmp_path / "docs")
    signatures.main([*(str(each) for each in places), "--seeds", "2", "--steps", "2"])
    text = (tmp_path / "docs" / "results" / "signatures.md").read_text()
    assert "| cosine-embedding | 0.2 |" in text
    assert text.count("A → B") == 2
    for name in re.findall(r"\.\./images/(\S+\.png)", text):
        assert 1000 < (tmp_path / "docs" / "images" / name).stat().st_size < 150 * 1024
