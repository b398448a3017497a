"""Text queries through the engine and the command line, against brute force over the vectors of both towers."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from indexer.cli.app import app
from indexer.collection.build import build
from indexer.collection.rebuild import rebuild
from search import EncoderError, PictureError, QueryError, SearchEngine, Text, open_index
from search.config import QueryConfig
from search.crop import Crop
from search.encoders import load_encoder
from search.encoders.card import write_card
from search.store.catalog import Catalog
from tests.conftest import FAST, draw, fill
from tests.people import calibration
from tests.search.encoders.tiny_clip import write_tiny_clip
from tests.search.query.test_blend import by_hand
from tests.search.test_engine import assert_same, brute_force

SNOW, CAT = "red bicycle in snow", "a cat — 猫"


@pytest.fixture(scope="module")
def clip_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of 12 pictures with a tiny CLIP, whose own folder is gone when it is queried."""
    folder = tmp_path_factory.mktemp("text")
    fill(folder / "pictures", 12)
    model = write_tiny_clip(folder / "model")
    build(folder / "pictures", folder / "photos.index", replace(FAST, encoder=f"open_clip:local-dir:{model}"))
    shutil.rmtree(model)
    return folder / "photos.index"


@pytest.fixture
def engine(clip_index: Path):
    with open_index(clip_index, device="cpu") as opened:
        yield opened


def of_text(engine: SearchEngine, *texts: str) -> list[np.ndarray]:
    """By the encoder in the index folder, loaded anew."""
    (folder,) = (engine.folder / "encoders").iterdir()
    return list(load_encoder(folder, device="cpu").encode_text(texts))  # type: ignore[attr-defined]


def test_a_text_is_embedded_as_by_the_stored_encoder(engine: SearchEngine) -> None:
    assert engine.embeds_text
    vector = engine.embed_text(SNOW)
    assert vector.shape == (engine.dim,)
    np.testing.assert_array_equal(vector, of_text(engine, SNOW)[0])


@pytest.mark.parametrize("k", [1, 5, 12, 50])
def test_a_text_query_is_brute_force(engine: SearchEngine, k: int) -> None:
    for text in (SNOW, CAT, "x"):
        truth = brute_force(engine, of_text(engine, text)[0], k)
        assert_same(engine.search_text(text, k), truth)
        assert_same(engine.search(Text(text), k), truth)
    assert engine.ask(Text(CAT)).timing.encode > 0


def test_filters_and_collapse_work_as_for_pictures(engine: SearchEngine) -> None:
    labels = {record.id: record.label for record in engine.pictures()}
    truth = [pair for pair in brute_force(engine, of_text(engine, CAT)[0], 12) if labels[pair[0]] == "label1"]
    assert_same(engine.search_text(CAT, 3, where={"label": "label1"}), truth[:3])
    collapsed = engine.search_text(CAT, 12, collapse=True)
    assert sum(1 + len(hit.copies or ()) for hit in collapsed) == 12
    assert all(hit.copies is not None for hit in collapsed)


def test_counterexamples_may_be_texts_and_pictures(engine: SearchEngine) -> None:
    snow, cat = of_text(engine, SNOW, CAT)
    picture, other = engine.embed(draw(5)), engine.embed(draw(7))
    cases = [
        (engine.search_text(SNOW, 12, without=[Text(CAT)]), [snow], [cat]),
        (engine.search_text(SNOW, 12, without=[draw(7)]), [snow], [other]),
        (engine.search(draw(5), 12, without=[Text(CAT)]), [picture], [cat]),
        (engine.search(draw(5), 12, without=[Text(CAT), draw(7), Text(SNOW)]), [picture], [cat, other, snow]),
    ]
    for hits, wanted, unwanted in cases:
        assert_same(hits, brute_force(engine, by_hand(wanted, [1], unwanted).astype(np.float32), 12))


def test_texts_and_pictures_together_are_one_query(engine: SearchEngine) -> None:
    snow, cat = of_text(engine, SNOW, CAT)
    picture = engine.embed(draw(5))
    for weights in (None, [1, 2.5, 0.5]):
        query = by_hand([snow, picture, cat], weights or [1, 1, 1], [engine.embed(draw(9))]).astype(np.float32)
        hits = engine.search_together([Text(SNOW), draw(5), Text(CAT)], 7, weights=weights, without=[draw(9)])
        assert_same(hits, brute_force(engine, query, 7))
    mean = by_hand([snow, cat], [1, 1], []).astype(np.float32)
    assert_same(engine.search_text([SNOW, CAT], 7), brute_force(engine, mean, 7))


def test_texts_that_cannot_be_searched(engine: SearchEngine) -> None:
    for text in ("", "  ", None, 5, b"cat"):
        with pytest.raises(QueryError, match="at least one word"):
            Text(text)  # type: ignore[arg-type]
    with pytest.raises(QueryError, match="at least one word"):
        engine.search_text("")
    with pytest.raises(QueryError, match="at least one picture or text"):
        engine.search_text([])
    with pytest.raises(QueryError, match="has 30 tokens"):
        engine.search_text("cat " * 30)
    with pytest.raises(QueryError, match="k must be"):
        engine.search_text("cat", 0)
    with pytest.raises(QueryError, match="this query has a text"):
        engine.search_text(CAT, same_only=True)
    with pytest.raises(QueryError, match="this query has a text"):
        engine.search(draw(1), without=[Text(CAT)], same_only=True)
    with pytest.raises(QueryError, match="a crop is a part of a picture"):
        engine.search(Text(CAT), crop=Crop(0, 0, 0.5, 1))
    with pytest.raises(PictureError, match=r"none\.png"):
        engine.search_together([Text(CAT), "none.png"])


def test_an_encoder_without_a_text_tower_says_which_one_has(index: Path) -> None:
    with open_index(index) as engine:
        assert not engine.embeds_text
        for search in (
            engine.search_text,
            engine.embed_text,
            lambda text: engine.search_together([Text(text), "none"]),
        ):
            with pytest.raises(
                EncoderError, match=r"color-layout embeds pictures only.*open_clip:NAME.*rebuild --index"
            ):
                search(CAT)


def test_hits_of_a_text_have_no_probability(clip_index: Path, tmp_path: Path) -> None:
    shutil.copytree(clip_index, tmp_path / "i")
    with closing(Catalog.write(tmp_path / "i")) as catalog, catalog.transaction():
        catalog.set(calibration=calibration(catalog.settings()["fingerprint"], 0.7).to_dict())
    with open_index(tmp_path / "i", device="cpu") as engine:
        assert engine.calibration is not None
        assert all(hit.probability is not None for hit in engine.search(draw(5)))
        answers = [
            engine.search_text(CAT),
            engine.search(Text(CAT), collapse=True),
            engine.search(draw(5), without=[Text(CAT)]),
            engine.search_together([draw(5), Text(CAT)]),
        ]
        assert all(hit.probability is None for hits in answers for hit in hits)


def with_card(clip_index: Path, folder: Path, **cut_points: dict[str, float]) -> Path:
    """A copy of the index, as it is built with an encoder whose card has these cut-points."""
    saved = folder / "encoder"
    (stored,) = (clip_index / "encoders").iterdir()
    shutil.copytree(stored, saved)
    write_card(saved, **cut_points)
    build(clip_index.parent / "pictures", folder / "i", replace(FAST, encoder=str(saved)))
    return folder / "i"


def test_hits_of_a_text_are_rated_by_cut_points_of_texts_alone(clip_index: Path, tmp_path: Path) -> None:
    of_pictures = {"near copy": 0.1, "very similar": 0.2, "similar": 2.0}
    of_texts = {"near copy": 0.0, "very similar": 0.0, "similar": 0.0}
    for name, cards, word in (("a", {"strength": of_pictures}, None), ("b", {"strength_text": of_texts}, "weak")):
        (tmp_path / name).mkdir()
        index = with_card(clip_index, tmp_path / name, **cards)
        with open_index(index, device="cpu") as engine:
            pictures = {hit.strength for hit in engine.search(draw(5))}
            assert pictures <= {"near copy", "very similar", "similar"} if word is None else pictures == {None}
            for hits in (engine.search_text(CAT), engine.search_text([CAT]), engine.search(Text(CAT), collapse=True)):
                assert {hit.strength for hit in hits} == {word}
            assert engine.ask(Text(CAT)).weak == (word == "weak")
            blends = [
                engine.search_text([CAT, SNOW]),
                engine.search_text(CAT, without=[draw(5)]),
                engine.search(draw(5), without=[Text(CAT)]),
                engine.search_together([Text(CAT)]),
                engine.search_together([draw(5), Text(CAT)]),
            ]
            assert {hit.strength for hits in blends for hit in hits} == {None}


def test_an_index_can_be_rebuilt_to_answer_texts(index: Path, tmp_path: Path) -> None:
    model = write_tiny_clip(tmp_path / "model")
    rebuild(index, replace(FAST, encoder=f"open_clip:local-dir:{model}"))
    with open_index(index, device="cpu") as engine:
        assert_same(engine.search_text(CAT, 4), brute_force(engine, of_text(engine, CAT)[0], 4))


def test_the_python_of_its_page_runs(clip_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[3] / "docs" / "text_queries.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    shutil.copytree(clip_index, tmp_path / "photos.index")
    for name, number in (("sofa.jpg", 2), ("crowd.jpg", 3)):
        draw(number).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(block, "text_queries.md", "exec"), names)
    assert len(names["hits"]) == 5  # type: ignore[arg-type]


# The command line -----------------------------------------------------------------------------------------------------


def answers(index: Path, *words: object) -> list[dict]:
    done = CliRunner().invoke(app, ["query", *map(str, words), "--index", str(index), "--json"])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def ids(hits: list) -> list[int]:
    return [hit["id"] if isinstance(hit, dict) else hit.id for hit in hits]


def test_the_command_answers_as_the_engine(clip_index: Path, engine: SearchEngine) -> None:
    one, two = (str(clip_index.parent / "pictures" / name) for name in ("label2/0005.png", "label1/0007.png"))
    first, second, third = answers(clip_index, one, "--text", SNOW, "--text", CAT)
    assert [first["query"], second["query"], third["query"]] == [one, {"text": SNOW}, {"text": CAT}]
    assert ids(first["hits"]) == ids(engine.search(one))
    assert ids(second["hits"]) == ids(engine.search_text(SNOW))
    assert ids(third["hits"]) == ids(engine.search_text(CAT))
    assert len(third["hits"]) == QueryConfig.k

    (blend,) = answers(clip_index, one, "--text", SNOW, "--together", "--weights", "2,1", "--not", two, "-k", 4)
    assert blend["query"] == [one, {"text": SNOW}]
    expected = engine.search_together([one, Text(SNOW)], 4, weights=[2, 1], without=[two])
    np.testing.assert_allclose([h["distance"] for h in blend["hits"]], [h.distance for h in expected], atol=1e-6)
    assert ids(blend["hits"]) == ids(expected)
    (away,) = answers(clip_index, one, "--not-text", CAT)
    assert ids(away["hits"]) == ids(engine.search(one, without=[Text(CAT)]))


def test_the_command_prints_the_text_and_no_probability(clip_index: Path) -> None:
    done = CliRunner().invoke(app, ["query", "--text", CAT, "--index", str(clip_index)])
    assert done.exit_code == 0
    assert done.stdout.startswith(f"text {CAT}")
    assert "probability" not in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--text", ""], 1, "at least one word"),
        (["--text", "cat " * 99], 1, "99 tokens"),
        (["--text", CAT, "--same-only"], 2, "--same-only"),
        (["--text", CAT, "--crop", "0,0,1,1"], 2, "--crop"),
        (["--text", CAT, "--id", "1"], 2, "leave out"),
        (["--id", "1", "--not-text", CAT], 2, "leave out"),
        (["--not-text", CAT], 2, "name a picture"),
        (["--text", CAT, "--weights", "1"], 2, "needs --together"),
        (["--text", CAT, "--together", "--weights", "x"], 2, "not a list of numbers"),
        (["--text", CAT, "--together", "--weights", "1,2"], 1, "as many weights"),
    ],
)
def test_commands_that_cannot_be(clip_index: Path, words: list[str], code: int, message: str) -> None:
    done = CliRunner().invoke(app, ["query", *words, "--index", str(clip_index)])
    said = done.stderr + str(done.exception)
    assert done.exit_code == code, said
    assert message in " ".join(said.replace("│", " ").split())
