"""The greatest distance, the diversity and the views of a query, on the page and in its address."""

from __future__ import annotations

from search import open_index
from search.config import QueryConfig
from tests.app.page import jpeg, neighbours, sound, started, texts, upload
from tests.conftest import draw


def test_the_widgets_have_the_defaults_of_the_configuration(app):
    sliders = {slider.key: slider.value for slider in app.slider}
    assert QueryConfig.radius is None
    assert (sliders["radius"], sliders["diversity"]) == (2.0, QueryConfig.diversity)
    assert app.toggle(key="views").value == QueryConfig.views


def test_an_upload_is_searched_as_the_engine_searches(app, gallery):
    data = jpeg(draw(3, (70, 50)))
    page = upload(app, "three.jpg", data)
    with open_index(gallery) as engine:
        every = engine.search(data)
        assert neighbours(page) == [hit.id for hit in every]
        page = sound(page.slider(key="diversity").set_value(0.5).run())
        assert neighbours(page) == [hit.id for hit in engine.search(data, diversity=0.5)]
        page = sound(page.toggle(key="views").set_value(True).run())
        assert neighbours(page) == [hit.id for hit in engine.search(data, diversity=0.5, views=True)]
        radius = round(every[2].distance + 0.005, 2)
        page = sound(page.slider(key="radius").set_value(radius).run())
        inside = engine.search(data, diversity=0.5, views=True, radius=radius)
        assert neighbours(page) == [hit.id for hit in inside]
    assert page.query_params == {"diversity": "0.5", "views": "true", "radius": str(radius)}
    assert "More pictures lie within" not in texts(page)


def test_a_picture_of_the_collection_and_its_radius(app, gallery):
    with open_index(gallery) as engine:
        hits = engine.search_id(1, 4, radius=1.9)
    page = started(picture="1", radius="1.9", k="3")
    assert neighbours(page) == [hit.id for hit in hits[1:]]
    assert "More pictures lie within the greatest distance than are shown." in texts(page)
    page = started(picture="1", radius="0", k="3")
    assert neighbours(page) == []
    assert "More pictures lie within" not in texts(page)


def test_numbers_in_the_address_that_are_none(app):
    page = started(radius="far", diversity="7", views="perhaps")
    said = texts(page)
    assert "is not a number from 0 to 2: 2 is used" in said
    assert "is not from 0 to 1: 1 is used" in said
    assert "neither true nor false" in said
    assert "is not a number from 0 to 1: 0 is used" in texts(started(diversity="nan"))
