"""The address of the page defines what it shows."""

from __future__ import annotations

from functools import partial

import pytest
import streamlit as st
from streamlit.runtime.scriptrunner import RerunData
from streamlit.testing.v1 import local_script_runner

from indexer.collection.add import add
from indexer.collection.remove import remove
from search import open_index
from search.config import QueryConfig
from tests.app.page import APP, click, jpeg, neighbours, offered, path_of, sound, started, texts, upload
from tests.conftest import draw

HOSTILE = [
    "abc",
    "",
    " ",
    "-1",
    "1.5",
    "1e3",
    "0x10",
    "²",
    "٣",
    "NaN",
    "None",
    "../../etc/passwd",
    "/etc/passwd",
    "1; DROP TABLE pictures",
    "' or 1=1 --",
    "<script>alert(1)</script>",
    "`x` **y** $z$ :cat: [a](b)",
    "\x00",
    "\u202egnp",
    "\ud7ff\uffff",
    "9" * 18,
    "9" * 40,
    "9" * 5000,
    "x" * 100_000,
    "(" * 5000,
]


@pytest.fixture
def at(gallery, monkeypatch):
    """Opens the page of the gallery at an address."""
    monkeypatch.setenv("TWINLENS_INDEX", str(gallery))
    return started


def parameters(page):
    """The parameters in the page's address."""
    return {name: value if isinstance(value, str) else value[-1] for name, value in page.query_params.items()}


def set_to(page, key, value):
    next(
        each
        for each in [*page.selectbox, *page.text_input, *page.slider, *page.toggle, *page.pagination]
        if each.key == key or (key == "page" and each.key.startswith("page-"))
    ).set_value(value)
    return sound(page.run())


def test_the_address_holds_and_restores_every_choice(at):
    page = set_to(at(), "page", 2)
    assert parameters(page) == {"page": "2"}
    assert offered(at(**parameters(page))) == offered(page) == list(range(33, 41))
    page = set_to(page, "label", "label1")
    assert parameters(page) == {"label": "label1"}, "another choice starts with its first page"
    page = set_to(page, "where", "width >= 1")
    page = set_to(page, "k", 4)
    page = set_to(page, "collapse", True)
    assert parameters(page) == {"label": "label1", "where": "width >= 1", "k": "4", "collapse": "true"}
    page = click(page, f"pick-{offered(page)[2]}")
    assert set(parameters(page)) == {"label", "where", "k", "collapse", "picture"}
    again = at(**parameters(page))
    assert neighbours(again) == neighbours(page)
    assert len(neighbours(again)) == 4
    assert (again.selectbox(key="label").value, again.slider(key="k").value) == ("label1", 4)
    assert (again.text_input(key="where").value, again.toggle(key="collapse").value) == ("width >= 1", True)


def test_a_default_is_removed_from_the_address(at):
    page = at(label="label1", where="width > 0", k="3", collapse="true", page="1")
    for key, value in (("label", ""), ("where", ""), ("k", QueryConfig.k), ("collapse", False)):
        page = set_to(page, key, value)
    assert parameters(page) == {}


def test_the_filters_apply_to_the_collection(at, gallery):
    with open_index(gallery) as engine:
        expected = engine.ids('label = "label1" and id > 17 and id < 33')
        assert len(expected) < len(engine.ids({"label": "label1"}))
    page = at(label="label1", where="id > 17 and id < 33")
    assert offered(page) == expected
    assert page.selectbox(key="shown").value == page.selectbox(key="label").value == "label1"
    page = set_to(page, "shown", "label2")
    assert parameters(page)["label"] == page.selectbox(key="label").value == "label2"
    with open_index(gallery) as engine:
        assert offered(page) == engine.ids('label = "label2" and id > 17 and id < 33')
    page = click(page, f"pick-{offered(page)[0]}")
    with open_index(gallery) as engine:
        assert set(neighbours(page)) <= set(engine.ids('label = "label2" and id > 17 and id < 33'))


def test_a_choice_before_the_browser_shows_the_last_one_keeps_both(at):
    """A busy browser sends the second choice with the address from before the first one."""
    page = set_to(at(page="2"), "where", "id > 17")
    assert parameters(page) == {"where": "id > 17"}
    page.query_params.clear()
    page.query_params["page"] = "2"
    page = set_to(page, "collapse", True)
    assert parameters(page) == {"where": "id > 17", "collapse": "true"}
    page = set_to(page, "k", 4)
    page.query_params.clear()
    page.query_params["where"] = "id > 17"  # the visitor went back
    page = sound(page.run())
    assert not page.toggle(key="collapse").value
    page = set_to(page, "k", 5)
    assert parameters(page) == {"where": "id > 17", "k": "5"}


def test_widgets_of_another_address_are_no_choice_when_the_visitor_goes_back(at, monkeypatch):
    """A browser that is busy sends the widgets of the newest page with every step back."""
    page = set_to(at(where="id > 17"), "collapse", True)
    stale = page._tree.get_widget_states()
    history = partial(RerunData, is_history_navigation=True)
    monkeypatch.setattr(local_script_runner, "RerunData", history)
    for address in ({"where": "id > 17"}, {"page": "2"}, {}, {"page": "2"}):
        page.query_params.clear()
        page.query_params.update(address)
        page = sound(page._run(stale))
        assert parameters(page) == address
        assert (page.text_input(key="where").value, page.toggle(key="collapse").value) == (
            address.get("where", ""),
            False,
        )
    assert offered(page) == list(range(33, 41))
    monkeypatch.undo()
    page = set_to(page, "k", 5)
    assert parameters(page) == {"k": "5"}


def test_the_way_back_to_a_picture_lets_an_upload_go(at, gallery):
    page = upload(at(picture="7"), "own.jpg", jpeg(draw(3)))
    assert parameters(page) == {}
    assert path_of(gallery, neighbours(page)[0]).name == "0003.png"
    page.query_params["picture"] = "7"  # the visitor went back
    page = sound(page.run())
    assert neighbours(page) == neighbours(at(picture="7"))
    assert not page.file_uploader[0].value
    page = click(page, f"from-{neighbours(page)[1]}")
    assert set(parameters(page)) == {"picture"}


def test_a_page_of_pictures_that_are_not_shown_any_more_is_not_turned(at):
    """A browser that is busy sends the widgets from before the last choice with the next one."""
    before = at(page="2")
    page = set_to(at(page="2"), "where", "id > 3")
    page = set_to(page, "where", "id > 17")
    stale = before.pagination[0]
    states = page._tree.get_widget_states()
    states.widgets.append(stale._widget_state)
    page = sound(page._run(states))
    assert parameters(page) == {"where": "id > 17"}
    assert not page.error


def test_filters_without_matches_are_reported(at):
    page = at(where="width > 100000")
    assert offered(page) == []
    assert page.info[0].value == "No picture matches the filters."
    assert not page.error
    assert not [button for button in page.button if button.label == "Surprise me"]


@pytest.mark.thinned(5)
@pytest.mark.parametrize("name", ["picture", "full", "k", "page", "label", "same", "collapse", "where"])
def test_an_invalid_value_is_reported_with_its_parameter_and_the_page_still_works(at, name):
    for value in HOSTILE:
        if (name == "where" and not value.strip()) or (name == "label" and not value):
            assert not at(**{name: value}).error, "no filter"
            continue
        page = at(**{name: value})
        assert len(page.error) == 1, (name, value[:20])
        assert f" {name}=" in page.error[0].value, (name, value[:20])
        assert len(page.error[0].value) < 400, "a long value is cut"
        assert bool(offered(page)) == (name != "where"), (name, value[:20])


def test_a_number_out_of_range_is_clamped(at):
    for k, shown in (("0", 1), ("41", 40), ("1000000", 40), ("-5", 1)):
        page = at(picture="3", k=k)
        assert page.slider(key="k").value == shown
        assert len(neighbours(page)) == min(shown, 39)
        assert f"k={k}" in page.error[0].value
        assert "from 1 to 40" in page.error[0].value
    page = at(page="3")
    assert offered(page) == list(range(33, 41))
    assert "page=3" in page.error[0].value


def test_a_removed_picture_is_reported(at):
    for name in ("picture", "full"):
        page = at(**{name: "41"})
        assert f"{name}=41" in page.error[0].value
        assert "removed" in page.error[0].value
        assert offered(page)


def test_all_invalid_values_are_reported(at):
    page = at(picture="x", k="x", label="x", collapse="x", page="x")
    assert [
        next(name for name in ("picture", "k", "label", "collapse", "page") if f" {name}=x" in error.value)
        for error in page.error
    ] == ["label", "picture", "k", "collapse", "page"]


def test_unknown_parameters_are_kept(at):
    page = set_to(at(utm_source="mail"), "k", 4)
    assert parameters(page) == {"utm_source": "mail", "k": "4"}


def test_changes_by_another_process_update_counts_labels_and_pages(own, index):
    pictures, _ = own
    page = started(label="label1")
    assert "label1 (4)" in page.selectbox(key="label").options
    first = offered(page)[0]
    new = [pictures / "label1" / f"new{number}.png" for number in range(40)]
    for number, path in enumerate(new, 100):
        draw(number).save(path)
    add(index, new)
    page = sound(page.run())
    for key in ("label", "shown"):
        assert "label1 (44)" in page.selectbox(key=key).options
        assert "All pictures (52)" in page.selectbox(key=key).options
    assert "52 pictures" in texts(page)
    assert len(offered(page)) == 32
    page = set_to(page, "page", 2)
    assert len(offered(page)) == 12
    remove(index, where={"label": "label1"})
    page = sound(page.run())
    assert "8 pictures" in texts(page)
    assert "label1" not in " ".join(page.selectbox(key="label").options)
    assert "label=label1" in page.error[0].value
    assert len(offered(page)) == 8
    assert f"picture={first}" in started(picture=str(first)).error[0].value


def test_same_only_needs_a_calibration(at):
    page = at(same="true")
    assert "same=true" in page.error[0].value
    assert "twinlens calibrate" in page.error[0].value
    assert not at(same="false").error


def test_pictures_link_to_their_full_size(at):
    page = at()
    assert [image.proto.link for image in page.image] == [f"./?full={picture}" for picture in offered(page)]
    page = click(page, f"pick-{offered(page)[4]}")
    assert [image.proto.link for image in page.image] == [f"./?full={picture}" for picture in [5, *neighbours(page)]]


def test_nothing_on_the_page_refers_to_a_side(at):
    source = APP.read_text(encoding="utf-8")
    assert "on the left" not in source
    assert "on the left" not in texts(at(where="nummer > 3"))


def test_a_widget_that_a_cut_run_set_is_set_again(at, monkeypatch):
    """Streamlit drops what a run sent if the next one begins at once; the browser then shows the widget as it was."""
    page = at(collapse="true")
    page.session_state["drawn_at"] = 0.0
    assert not sound(page.run()).toggle(key="collapse").proto.set_value
    page.query_params.clear()

    with monkeypatch.context() as cut:
        cut.setattr("app_parts.frame.drawn", st.stop)
        assert sound(page.run()).toggle(key="collapse").proto.set_value
    assert sound(page.run()).toggle(key="collapse").proto.set_value, "the browser may not have it yet"
    page.session_state["drawn_at"] = 0.0
    assert not sound(page.run()).toggle(key="collapse").proto.set_value, "it would undo what the visitor chooses"
