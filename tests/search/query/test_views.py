"""Queries by the mean of several views of a picture."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from search import Crop, PictureError, QueryError, Text, open_index
from search.query.embedding import Embedder
from search.query.views import VIEWS, views_of
from tests.command_line import twinlens
from tests.conftest import draw
from tests.people import calibrate_by_hand


def slow_mean(engine, image):
    """The mean embedding of the four views, made by hand."""
    width, height = image.size
    left, top = int(0.05 * width), int(0.05 * height)
    middle = image.crop((left, top, int(np.ceil(0.95 * width)), int(np.ceil(0.95 * height))))
    flipped = [each.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for each in (image, middle)]
    mean = np.mean([engine.embed(each).astype(np.float64) for each in (image, middle, *flipped)], axis=0)
    return (mean / np.linalg.norm(mean)).astype(np.float32)


def nearest(engine, query, k):
    return [(hit.id, pytest.approx(hit.distance, abs=1e-5)) for hit in engine.search_vectors(query, k)[0]]


def pairs(hits):
    return [(hit.id, hit.distance) for hit in hits]


@pytest.mark.parametrize("size", [(40, 40), (37, 91), (1, 1), (2, 300)])
def test_the_views_are_the_picture_its_middle_and_both_mirrored(size):
    image = Image.effect_noise(size, 90).convert("RGB")
    views = views_of(image)
    assert len(views) == VIEWS
    assert views[0] is image
    assert all(np.array_equal(np.asarray(views[n])[:, ::-1], np.asarray(views[n + 2])) for n in (0, 1))
    assert all(0.9 * whole <= part <= 0.9 * whole + 2 for part, whole in zip(views[1].size, size, strict=True))


def test_hits_are_those_of_the_mean_embedding(index):
    with open_index(index) as engine:
        image = draw(3, (70, 50))
        expected = nearest(engine, slow_mean(engine, image), 4)
        assert pairs(engine.search(image, 4, views=True)) == expected
        assert pairs(engine.ask(image, 4, views=True).hits) == expected
        assert [pairs(hits) for hits in engine.search_many([image] * 20, 4, views=True)] == [expected] * 20
        assert pairs(engine.search_together([image], 4, views=True)) == expected
        part = Crop(0.5, 0, 1, 1)
        cropped = slow_mean(engine, part.of(image))
        assert pairs(engine.search(image, 4, views=True, crop=part)) == nearest(engine, cropped, 4)
        other = slow_mean(engine, draw(7))
        unlike = slow_mean(engine, image).astype(np.float64) - 0.5 * other
        unlike /= np.linalg.norm(unlike)
        found = engine.search(image, 4, views=True, without=[draw(7)])
        assert pairs(found) == nearest(engine, unlike.astype(np.float32), 4)
        options = {"where": "label = label1", "radius": 1.9, "diversity": 0.4, "collapse": True}
        found = engine.ask(image, 2, views=True, audit=True, **options)
        assert [hit.id for hit in found.hits] == [
            hit.id for hit in engine.search_vectors(slow_mean(engine, image), 2, **options)[0]
        ]
        assert found.audit.recall == 1


def test_a_mean_has_neither_a_probability_nor_a_strength(index):
    calibrate_by_hand(index, threshold=0.6)
    with open_index(index) as engine:
        path = engine.picture(1).path
        assert engine.search(path, 1)[0].probability is not None
        (hit,) = engine.search(path, 1, views=True)
        assert (hit.probability, hit.strength) == (None, None)
        for search in (engine.search, lambda path, **options: engine.search_many([path], **options)):
            with pytest.raises(QueryError, match=r"same-only compares single pictures.*views"):
                search(path, views=True, same_only=True)


def test_a_text_has_no_views(index):
    with open_index(index) as engine, pytest.raises(QueryError, match="views are of pictures"):
        engine.search(Text("a red square"), views=True)


def test_a_view_that_the_encoder_does_not_embed_is_left_out(index, monkeypatch):
    with open_index(index) as engine:
        image, prepare = draw(3, (70, 50)), engine.encoder.prepare_named

        def only_whole(picture, name):
            if picture.size != image.size:
                raise PictureError(name, "no face in it")
            return prepare(picture, name)

        monkeypatch.setattr(engine.encoder, "prepare_named", only_whole)
        flipped = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        mean = (engine.embed(image) + engine.embed(flipped)).astype(np.float64)
        query = (mean / np.linalg.norm(mean)).astype(np.float32)
        assert pairs(engine.search(image, 3, views=True)) == nearest(engine, query, 3)


def test_no_pictures_and_unreadable_ones(index):
    with open_index(index) as engine:
        assert engine.search_many([], views=True) == []
        assert isinstance(engine._embedder, Embedder)
        assert engine._embedder.embed([], views=True).shape == (0, engine.dim)
        with pytest.raises(PictureError):
            engine.search(b"no picture", views=True)


def test_the_command(index):
    with open_index(index) as engine:
        path = engine.picture(1).path
        hits = engine.search(path, 3, views=True)
    words = ("query", path, "--index", index, "-k", 3, "--views")
    assert json.loads(twinlens(*words, "--json").stdout)["hits"] == [hit.to_dict() for hit in hits]
    for other in (("--id", 1), ("--text", "red")):
        refused = twinlens("query", *other, "--index", index, "--views")
        assert refused.returncode == 2
        assert "--views" in refused.stderr
    assert twinlens(*words, "--same-only").returncode == 2
