"""A question of several parts: its hits are those of the engine, and the address holds it."""

from __future__ import annotations

import numpy as np
import pytest

from search import Crop, open_index
from tests.app.page import click, jpeg, neighbours, offered, path_of, sound, started, texts, upload
from tests.app.test_address import HOSTILE, parameters
from tests.conftest import draw


@pytest.fixture
def engine(gallery):
    with open_index(gallery) as engine:
        yield engine


@pytest.fixture
def at(gallery, monkeypatch):
    monkeypatch.setenv("TWINLENS_INDEX", str(gallery))
    return started


def ids(hits):
    return [hit.id for hit in hits]


def paths(engine, *picture_ids):
    return [engine.picture(each).path for each in picture_ids]


def without(hits, *own):
    return [each for each in ids(hits) if each not in own][:10]


def test_several_uploads_are_one_query_each_with_its_weight(app, engine):
    one, two = jpeg(draw(3)), jpeg(draw(20))
    app.file_uploader[0].set_value([("one.jpg", one, "image/jpeg"), ("two.jpg", two, "image/jpeg")])
    page = sound(app.run())
    assert neighbours(page) == ids(engine.search_together([one, two], 10))
    assert "probability" not in texts(page)
    first, second = [slider for slider in page.slider if slider.label == "Weight"]
    assert (first.value, second.value) == (1, 1)
    page = sound(second.set_value(5.0).run())
    assert neighbours(page) == ids(engine.search_together([one, two], 10, weights=[1, 5]))
    assert neighbours(page) != ids(engine.search_together([one, two], 10))
    page = click(page, next(button.key for button in page.button if (button.key or "").startswith("remove-")))
    assert neighbours(page) == ids(engine.search(two, 10))


def test_an_upload_can_become_a_counterexample(app, engine):
    one, two = jpeg(draw(3)), jpeg(draw(20))
    app.file_uploader[0].set_value([("one.jpg", one, "image/jpeg"), ("two.jpg", two, "image/jpeg")])
    page = sound(app.run())
    turns = [button.key for button in page.button if (button.key or "").startswith("turn-")]
    page = click(page, turns[1])
    assert neighbours(page) == ids(engine.search(one, 10, without=[two]))
    page = click(page, turns[1])
    assert neighbours(page) == ids(engine.search_together([one, two], 10))


def test_pictures_pasted_into_the_ask_box_are_searched_together(app, engine):
    one, two = jpeg(draw(3)), jpeg(draw(20))
    app.chat_input[0].upload("image.png", one).upload("image.png", two)
    page = sound(app.run())
    assert neighbours(page) == ids(engine.search_together([one, two], 10))


def test_what_is_asked_next_replaces_or_is_added(app, engine):
    one, two = jpeg(draw(3)), jpeg(draw(20))
    page = upload(app, "one.jpg", one)
    page = sound(page.toggle(key="adding").set_value(True).run())
    page = upload(page, "two.jpg", two)
    assert neighbours(page) == ids(engine.search_together([one, two], 10))
    page = sound(page.toggle(key="adding").set_value(False).run())
    page = upload(page, "two.jpg", two)
    assert neighbours(page) == ids(engine.search(two, 10))
    assert parameters(page) == {}


def test_an_upload_added_to_a_picture_of_the_collection(at, engine):
    page = sound(at(picture="7").toggle(key="adding").set_value(True).run())
    page = upload(page, "two.jpg", jpeg(draw(20)))
    assert parameters(page) == {"with": "7"}
    expected = engine.search_together([jpeg(draw(20)), *paths(engine, 7)], 11)
    assert neighbours(page) == without(expected, 7)
    page.query_params.clear()
    page.query_params["picture"] = "7"  # the visitor went back
    page = sound(page.run())
    assert neighbours(page) == neighbours(at(picture="7"))


def test_hits_are_added_and_avoided_and_the_address_restores_them(at, engine):
    page = at(picture="7")
    more = neighbours(page)[2]
    page = click(page, f"add-{more}")
    assert parameters(page) == {"picture": "7", "with": str(more)}
    assert neighbours(page) == without(engine.search_together(paths(engine, 7, more), 12), 7, more)
    less = neighbours(page)[5]
    page = click(page, f"avoid-{less}")
    expected = engine.search_together(paths(engine, 7, more), 13, without=paths(engine, less))
    assert neighbours(page) == without(expected, 7, more, less)
    weight = next(slider for slider in page.slider if slider.key == f"weight-{more}")
    page = sound(weight.set_value(3.0).run())
    asked = {"picture": "7", "with": str(more), "without": str(less), "weights": f"{more}:3"}
    assert parameters(page) == asked
    expected = engine.search_together(paths(engine, 7, more), 13, weights=[1, 3], without=paths(engine, less))
    assert neighbours(page) == without(expected, 7, more, less) == neighbours(at(**asked))
    page = click(page, f"turn-{less}")
    assert parameters(page) == {"picture": "7", "with": f"{more},{less}", "weights": f"{more}:3"}
    page = click(page, f"remove-{more}")
    page = click(page, "remove-7")
    assert parameters(page)["with"] == str(less)
    assert neighbours(page) == without(engine.search_id(less, 11), less)


def test_likes_and_dislikes_move_the_query_and_leave_the_hits(at, engine):
    page = at(picture="7")
    plain = neighbours(page)
    page = click(page, f"like-{plain[1]}")
    page = click(page, f"dislike-{neighbours(page)[0]}")
    assert parameters(page) == {"picture": "7", "liked": str(plain[1]), "disliked": str(plain[0])}
    expected = engine.search_id(7, 11, liked=[plain[1]], disliked=[plain[0]])
    assert neighbours(page) == without(expected, 7) == neighbours(at(**parameters(page)))
    assert not {plain[0], plain[1]} & set(neighbours(page))
    # Rocchio's formula, computed here
    query, like, dislike = engine.vectors_of([7, plain[1], plain[0]]).astype(np.float64)
    moved = query + 0.75 * like - 0.25 * dislike
    records, vectors = engine.vectors()
    order = np.argsort(-(vectors @ moved), kind="stable")
    nearest = [records[row].id for row in order if records[row].id not in (7, plain[0], plain[1])]
    assert neighbours(page) == nearest[:10]
    page = click(page, f"unrate-{plain[1]}")
    assert parameters(page) == {"picture": "7", "disliked": str(plain[0])}
    page = click(page, "reset-rated")
    assert parameters(page) == {"picture": "7"}
    assert neighbours(page) == plain


def test_an_upload_is_moved_by_likes(app, engine):
    page = upload(app, "five.jpg", jpeg(draw(5)))
    liked = neighbours(page)[3]
    page = click(page, f"like-{liked}")
    assert neighbours(page) == ids(engine.search(jpeg(draw(5)), 10, liked=[liked]))


def test_a_part_of_a_picture(at, engine):
    page = at(picture="7", crop="0.1,0.2,0.7,0.9")
    expected = engine.search(engine.picture(7).path, 11, crop=Crop(0.1, 0.2, 0.7, 0.9))
    assert neighbours(page) == without(expected, 7)
    assert neighbours(page) != neighbours(at(picture="7"))
    assert "part 0.1,0.2,0.7,0.9" in texts(page)
    page = click(page, "crop")
    page = sound(page.slider(key="crop-x").set_value((20, 60)).run())
    assert parameters(page) == {"picture": "7", "crop": "0.2,0.2,0.6,0.9"}
    page = click(page, "uncrop")
    assert parameters(page) == {"picture": "7"}
    page = at(picture="7", crop="0.1,0.2,0.7,0.9", **{"with": "8"})
    assert "exactly one picture" in page.error[0].value
    page = upload(at(), "own.jpg", jpeg(draw(3, (200, 100))))
    page = click(page, "crop")
    page = sound(page.slider(key="crop-y").set_value((0, 50)).run())
    assert neighbours(page) == ids(engine.search(jpeg(draw(3, (200, 100))), 10, crop=Crop(0, 0, 1, 0.5)))


def test_words_that_no_encoder_embeds_become_a_filter(app, gallery):
    app.chat_input[0].set_value("LABEL1 0004")
    page = sound(app.run())
    assert [path_of(gallery, each).name for each in offered(page)] == ["0004.png"]
    page.chat_input[0].set_value("id < 4")
    page = sound(page.run())
    assert offered(page) == [1, 2, 3]
    assert parameters(page) == {"where": "id < 4"}
    page.chat_input[0].set_value("50% [*] 'it''s")
    page = sound(page.run())
    assert not page.error
    assert offered(page) == []


@pytest.mark.thinned(4)
@pytest.mark.parametrize("name", ["with", "without", "liked", "disliked", "weights", "crop"])
def test_invalid_values_are_reported_and_the_page_still_works(at, name):
    for value in HOSTILE:
        page = at(**{"picture": "3", name: value})
        assert len(page.error) <= 1, (name, value[:20])
        assert page.error or not value.strip(), (name, value[:20])
        assert all(f" {name}=" in error.value and len(error.value) < 400 for error in page.error), (name, value[:20])
        assert len(neighbours(page)) == 10, (name, value[:20])


def test_removed_pictures_are_left_out(at):
    page = at(picture="3", liked="4,99999", **{"with": "5,77777"})
    assert [name for error in page.error for name in ("with", "liked") if f" {name}=" in error.value] == [
        "with",
        "liked",
    ]
    assert "unrate-4" in [button.key for button in page.button]
    assert not {3, 4, 5} & set(neighbours(page))


def test_a_picture_cannot_be_liked_and_disliked(at, engine):
    page = at(picture="3", liked="4", disliked="4,5")
    assert not page.error
    assert neighbours(page) == without(engine.search_id(3, 11, liked=[4], disliked=[5]), 3)


def test_a_bad_file_among_several_uploads_can_be_removed(app, engine):
    app.file_uploader[0].set_value([("good.jpg", jpeg(draw(3)), ""), ("bad.jpg", b"no picture", "")])
    page = sound(app.run())
    assert "bad.jpg" in page.error[0].value
    assert neighbours(page) == []
    keys = [button.key for button in page.button if (button.key or "").startswith("remove-")]
    page = click(page, keys[1])
    assert not page.error
    assert neighbours(page) == ids(engine.search(jpeg(draw(3)), 10))
