from pathlib import Path

import numpy as np
import pytest

from experiments.one_shot_trials import (
    Drawing,
    Trials,
    answered,
    ensemble_wrong,
    lake_trials,
    random_trials,
    wrong,
)
from search.errors import DataError
from tests.experiments.omniglot_made import make_runs


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def drawings(alphabets: dict[str, int], drawers: int = 4) -> list[Drawing]:
    return [
        Drawing(Path("x.png"), alphabet, f"{alphabet}/character{character:02}", f"{drawer:02}")
        for alphabet, characters in alphabets.items()
        for character in range(characters)
        for drawer in range(drawers)
    ]


def some_trials(count: int = 60) -> Trials:
    random = np.random.default_rng(0)
    return Trials(
        random.integers(0, 40, (count, 5)), random.integers(0, 40, count), random.integers(0, 5, count), np.zeros(count)
    )


def test_answers_against_a_slow_loop() -> None:
    vectors, trials = unit(np.random.default_rng(1).normal(size=(40, 6))), some_trials()
    for trial in range(60):
        best, column = -2.0, -1
        for place, reference in enumerate(trials.references[trial]):
            cosine = sum(
                float(a) * float(b) for a, b in zip(vectors[reference], vectors[trials.probes[trial]], strict=True)
            )
            if cosine > best + 1e-7:
                best, column = cosine, place
        assert answered(vectors, trials)[trial] == column
        assert wrong(vectors, trials)[trial] == (column != trials.answers[trial])


def test_an_ensemble_answers_by_the_mean_cosine() -> None:
    parts = [unit(np.random.default_rng(seed).normal(size=(40, dim))) for seed, dim in ((1, 6), (2, 9), (3, 4))]
    trials = some_trials()
    mean = np.mean([part @ part.T for part in parts], axis=0)
    for trial, missed in enumerate(ensemble_wrong(parts, trials)):
        cosines = [mean[reference, trials.probes[trial]] for reference in trials.references[trial]]
        assert missed == (int(np.argmax(cosines)) != trials.answers[trial])
    np.testing.assert_array_equal(ensemble_wrong(parts[:1], trials), wrong(parts[0], trials))


@pytest.mark.parametrize("within", [True, False])
def test_random_trials_have_the_form_of_lakes(within: bool) -> None:
    table = drawings({"Greek": 8, "Latin": 12, "Short": 4})
    trials = random_trials(table, count=400, ways=6, within_alphabet=within, by="alphabet", seed=3)
    alphabets = set()
    for references, probe, answer in zip(trials.references, trials.probes, trials.answers, strict=True):
        shown = [table[row] for row in references]
        assert len({each.character for each in shown}) == 6
        assert len({each.drawer for each in shown}) == 1
        assert table[probe].drawer != shown[0].drawer
        assert table[probe].character == shown[answer].character
        if within:
            assert len({each.alphabet for each in shown}) == 1
        alphabets.add(table[probe].alphabet)
    assert alphabets == ({"Greek", "Latin"} if within else {"Greek", "Latin", "Short"})
    assert len(np.unique(trials.groups)) == len(alphabets)
    assert set(trials.answers) == set(range(6))


def test_trials_are_reproducible_and_need_enough_characters() -> None:
    table = drawings({"Greek": 8})
    one, two, other = (
        random_trials(table, count=30, ways=5, within_alphabet=True, by="character", seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.references, two.references)
    assert not np.array_equal(one.references, other.references)
    with pytest.raises(DataError, match="9-way"):
        random_trials(table, count=1, ways=9, within_alphabet=True, by="character", seed=0)


def test_the_runs_are_read_with_their_answers(tmp_path: Path) -> None:
    truth = make_runs(tmp_path)
    paths, trials = lake_trials(tmp_path)
    assert trials.references.shape == (400, 20)
    for trial in range(400):
        item = paths[trials.probes[trial]].relative_to(tmp_path).as_posix()
        reference = paths[trials.references[trial, trials.answers[trial]]].relative_to(tmp_path).as_posix()
        assert truth[item] == reference
        places = {paths[row].parent.parent.name for row in trials.references[trial]}
        assert places == {item[:5]}
        assert int(trials.groups[trial]) == int(item[3:5]) - 1
    assert len(set(trials.probes.tolist())) == 400


def test_damaged_runs_are_errors(tmp_path: Path) -> None:
    make_runs(tmp_path)
    labels = tmp_path / "run03" / "class_labels.txt"
    labels.write_text(labels.read_text().replace("class07", "class77"))
    with pytest.raises(DataError, match=r"run03.*no test item"):
        lake_trials(tmp_path)
    labels.unlink()
    with pytest.raises(DataError, match=r"run03.*Unpack"):
        lake_trials(tmp_path)
