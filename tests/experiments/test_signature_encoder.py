import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import signature_encoder, signature_training
from experiments.drawn_names import Amount, DrawnName, alphabets, draw_names
from experiments.signature_encoder import drawn_pairs, measured, written
from experiments.signature_pairs import read_signatures, split_writers
from experiments.signature_training import write_training
from search.encoders import load_encoder
from search.errors import DataError
from tests.experiments.omniglot_made import make_omniglot
from tests.experiments.test_signatures import make_signatures
from tests.search.encoders.made import checkpoint


@pytest.fixture
def omniglot(tmp_path: Path) -> Path:
    make_omniglot(tmp_path / "omniglot", ("Änglisch", "Bengali", "Korean", "Latin"), characters=3, drawers=20)
    return tmp_path / "omniglot"


def test_names_are_drawn_again_from_the_same_seed(omniglot: Path) -> None:
    folders = alphabets(omniglot, "A", "J")
    assert [folder.name for folder in folders] == ["Bengali"]
    first, again, other = (list(draw_names(folders, Amount(2, 3, 2), seed)) for seed in (0, 0, 1))
    assert len(first) == 2 * 3 * 2 * 2
    assert all(np.array_equal(a.picture, b.picture) for a, b in zip(first, again, strict=True))
    assert any(a.picture.size != b.picture.size for a, b in zip(first, other, strict=True))
    assert {max(each.picture.size) for each in first} == {160}
    assert len({each.hand for each in first}) == 2 * 3 * 2
    assert not np.array_equal(first[0].picture, first[1].picture)
    assert all(np.asarray(each.picture).std() > 5 for each in first)


def test_no_alphabets(omniglot: Path) -> None:
    with pytest.raises(DataError, match="no alphabets from X to Z"):
        alphabets(omniglot, "X", "Z")


def test_drawn_pairs_against_a_slow_loop() -> None:
    picture = Image.new("RGB", (1, 1))
    names = [
        DrawnName(name, drawer, forged, picture)
        for name in ("n", "ñ")
        for drawer in (3, 4)
        for forged in (False, True)
        for _ in range(2)
    ]
    for kind in ("random", "same-name", "copied"):
        expected = set()
        for a, one in enumerate(names):
            for b in range(a + 1, len(names)):
                other = names[b]
                genuine = one.hand == other.hand
                own = not one.forged and not other.forged
                different = {
                    "random": own and one.name != other.name,
                    "same-name": own and one.name == other.name and one.drawer != other.drawer,
                    "copied": one.name == other.name and one.drawer == other.drawer and one.forged != other.forged,
                }[kind]
                if genuine or different:
                    expected.add((a, b, genuine))
        pairs = drawn_pairs(names, kind)
        assert set(zip(pairs.a.tolist(), pairs.b.tolist(), pairs.same.tolist(), strict=True)) == expected
        assert len(pairs) == len(expected)
        assert (pairs.subject_a != pairs.subject_b).sum() == sum(
            (names[a].name, names[a].drawer) != (names[b].name, names[b].drawer) for a, b, _ in expected
        )


def test_pairs_of_thin_pens_are_those_of_two_media(tmp_path: Path) -> None:
    make_signatures(tmp_path, 3)
    signatures = read_signatures(tmp_path)
    for trial in written(signatures).trials:
        media = {signatures[row].medium for row in (*trial.pairs.a, *trial.pairs.b)}
        assert media == ({2, 3} if "thin" in trial.name else {0, 1, 2, 3})
        assert all(
            (signatures[a].name, signatures[a].writer) == (signatures[b].name, signatures[b].writer)
            for a, b, same in zip(trial.pairs.a, trial.pairs.b, trial.pairs.same, strict=True)
            if same
        )


def test_training_leaves_out_the_test_writers_and_later_alphabets(
    omniglot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_signatures(tmp_path / "signatures", 7)
    monkeypatch.setattr(signature_training, "DRAWN", Amount(1, 2, 2))
    write_training(tmp_path, tmp_path / "out")
    hands = [folder.name for folder in (tmp_path / "out" / "written").iterdir()]
    test = split_writers([f"writer{number:03}" for number in range(1, 8)])[2]
    assert len(test) == 2
    assert {hand.partition("-")[0] for hand in hands} == {f"writer{n:03}" for n in range(1, 8)} - set(test)
    assert {folder.name.partition("-")[0] for folder in (tmp_path / "out" / "drawn").iterdir()} == {"Bengali"}
    with pytest.raises(DataError, match=r"out: exists"):
        write_training(tmp_path, tmp_path / "out")


@pytest.mark.slow
def test_from_pictures_to_page_card_and_calibration(
    omniglot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_signatures(tmp_path / "signatures", 21)
    folder = tmp_path / "encoder"
    folder.mkdir()
    checkpoint().save(folder)
    monkeypatch.setattr(signature_encoder, "DRAWS", 3)
    monkeypatch.setattr(signature_encoder, "untrained", checkpoint)
    arguments = ("--datasets", tmp_path, "--work", tmp_path / "work", "--docs", tmp_path / "docs")
    signature_encoder.main([*map(str, arguments), "--calibrate", str(folder)])
    text = (tmp_path / "docs" / "results" / "signature_encoder.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^\| (written|drawn)", text, re.MULTILINE)) == 7
    assert "at equal errors: FAR" in text
    assert len(load_encoder(folder, device="cpu").card["measured"]["eer"]) == 7  # type: ignore[attr-defined]
    assert (folder / "calibration.json").is_file()


def test_figures_are_those_of_the_vectors() -> None:
    """A perfect encoder, made of the labels, has no errors."""
    names = [DrawnName("n", drawer, False, Image.new("RGB", (9, 9), (drawer, 0, 0))) for drawer in (1, 1, 200, 200)]
    encoder = checkpoint()
    encoder.encode = lambda pictures: np.array(  # type: ignore[method-assign]
        [[1.0, 0.0] if picture.getpixel((0, 0))[0] == 1 else [0.0, 1.0] for picture in pictures], dtype=np.float32
    )
    collection = signature_encoder.Collection(
        [lambda each=each: each.picture for each in names],
        (signature_encoder.Trial("drawn", "same name", drawn_pairs(names, "same-name")),),
    )
    found = measured({"signatures": encoder}, (collection,))
    assert [each["signatures"].value for each in found.values()] == [0.0]
