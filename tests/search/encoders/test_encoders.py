"""One contract for every encoder; the base class; the table of names."""

from __future__ import annotations

import importlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from search.config import BuildConfig
from search.encoders import FAMILIES, OLD_NAMES, encoder_folder, encoder_names, load_encoder
from search.encoders.base import unit_rows
from search.encoders.openvino_conversion import CONVERSION_FILES
from search.errors import EncoderError
from tests.conftest import draw
from tests.search.encoders.made import IMAGES, NAMES, made, make


@pytest.fixture(params=NAMES)
def encoder(request):
    return made(request.param)


@pytest.mark.thinned(4)
def test_returns_one_unit_row_per_picture(encoder):
    vectors = encoder.encode(IMAGES)
    assert vectors.shape == (len(IMAGES), encoder.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_returns_no_rows_for_no_pictures(encoder):
    for empty in (encoder.encode([]), encoder.encode_prepared(np.empty((0, 1, 1, 3), dtype=np.uint8))):
        assert empty.shape == (0, encoder.dim)
        assert empty.dtype == np.float32


@pytest.mark.thinned(3)
def test_a_single_picture_gets_the_same_vector_as_in_a_batch(encoder):
    together = encoder.encode(IMAGES)
    alone = np.concatenate([encoder.encode([image]) for image in IMAGES[:3]])
    np.testing.assert_allclose(alone, together[:3], rtol=0, atol=1e-6)


def test_rows_follow_the_order_of_the_pictures(encoder):
    backward = encoder.encode(IMAGES[::-1])
    np.testing.assert_allclose(backward[::-1], encoder.encode(IMAGES), rtol=0, atol=1e-6)


def test_identical_pictures_have_identical_vectors(encoder):
    vectors = encoder.encode([IMAGES[0], IMAGES[1], IMAGES[0].copy(), IMAGES[1].copy()])
    np.testing.assert_array_equal(vectors[:2], vectors[2:])


def test_different_pictures_have_different_vectors(encoder):
    vectors = encoder.encode(IMAGES[:3])
    distances = np.linalg.norm(vectors[:, None] - vectors, axis=2)
    assert distances[np.triu_indices(3, 1)].min() > 1e-2


def test_other_modes_are_converted(encoder):
    images = [IMAGES[0].convert(mode) for mode in ("L", "RGBA", "P", "CMYK", "1")]
    np.testing.assert_array_equal(encoder.encode(images), encoder.encode([image.convert("RGB") for image in images]))


def test_prepare_is_thread_safe(encoder):
    serial = [encoder.prepare(image) for image in IMAGES * 4]
    with ThreadPoolExecutor(8) as pool:
        for expected, found in zip(serial, pool.map(encoder.prepare, IMAGES * 4), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_prepares_at_its_input_size(encoder):
    prepared = encoder.prepare(IMAGES[0])
    assert max(prepared.shape) == encoder.input_size
    assert prepared.dtype == np.uint8


@pytest.mark.thinned(4)
def test_round_trip_through_a_folder(encoder, tmp_path, no_network):
    encoder.save(tmp_path)
    assert type(load_encoder(tmp_path, device="cpu", runtime="torch")) is type(encoder)
    again = load_encoder(tmp_path, device="cpu")
    assert (again.name, again.dim, again.input_size) == (encoder.name, encoder.dim, encoder.input_size)
    assert again.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(again.encode(IMAGES[:4]), encoder.encode(IMAGES[:4]))
    assert {path.name for path in tmp_path.iterdir()} <= {"encoder.json", "weights.safetensors", *CONVERSION_FILES}


def test_a_folder_may_be_a_string(tmp_path):
    made("color-layout").save(tmp_path)
    assert load_encoder(str(tmp_path)).fingerprint == made("color-layout").fingerprint


@pytest.mark.parametrize("name", NAMES)
def test_a_name_always_gives_the_same_encoder(name):
    assert make(name).fingerprint == made(name).fingerprint


def test_no_two_encoders_share_a_fingerprint():
    assert len({made(name).fingerprint for name in NAMES}) == len(NAMES)


@pytest.fixture
def no_network(monkeypatch):
    import socket

    def refuse(*_):
        raise AssertionError("an encoder in a folder went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


# The base class -------------------------------------------------------------------------------------------------------


def test_a_zero_row_becomes_a_unit_row():
    rows = unit_rows(np.array([[3, 4], [0, 0]], dtype=np.float32))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [1, 0]], atol=1e-7)


@pytest.mark.parametrize(("raw", "message"), [(np.zeros((1, 7)), "shape"), (np.full((1, 286), np.nan), "non-finite")])
def test_a_wrong_forward_is_caught(monkeypatch, raw, message):
    encoder = load_encoder("color-layout")
    monkeypatch.setattr(type(encoder), "forward", lambda self, batch: raw)
    with pytest.raises(EncoderError, match=message):
        encoder.encode([draw(1)])


# The table ------------------------------------------------------------------------------------------------------------


def test_names_start_with_the_default():
    assert encoder_names()[:5] == ("photo", "small", "signatures", "photo-large", "color-layout")


@pytest.mark.parametrize("name", ["resnet18", "", "color-layout:3", "checkpoint:x", "torchvision", "no/such/folder"])
def test_an_unknown_name_lists_the_known_ones(name):
    with pytest.raises(
        EncoderError, match="photo, small, signatures, photo-large, color-layout, torchvision:NAME, timm:NAME"
    ):
        load_encoder(name)


@pytest.mark.parametrize("name", ["torchvision:resnet1", "torchvision:", "timm:resnet1", "timm:hf-hub:owner/resnet18"])
def test_an_unknown_model_lists_similar_names(name):
    with pytest.raises(EncoderError, match=r"has no .*model.*Similar names"):
        load_encoder(name)


def test_an_unknown_timm_tag_is_an_error():
    with pytest.raises(EncoderError, match=r"cannot build 'test_resnet\.bogus'"):
        load_encoder("timm:test_resnet.bogus@random")


def test_a_folder_without_an_encoder_is_an_error(tmp_path):
    with pytest.raises(EncoderError, match=r"encoder\.json is missing"):
        load_encoder(tmp_path)


def test_a_family_that_is_loaded_from_folders_has_no_names():
    from search.encoders import family_class

    with pytest.raises(EncoderError, match="comes from a folder"):
        family_class("checkpoint").create("checkpoint")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_table_and_the_classes_agree(family):
    module, _, class_name = FAMILIES[family].partition(":")
    assert getattr(importlib.import_module(module), class_name).family == family


def test_the_built_in_encoder_ships_and_is_the_default():
    assert load_encoder(BuildConfig.default_encoder, device="cpu").name == "photo"


@pytest.mark.parametrize("old", sorted(OLD_NAMES))
def test_an_old_name_is_still_accepted(old, tmp_path, monkeypatch):
    encoder, same = load_encoder(old, device="cpu"), made(OLD_NAMES[old])
    assert (encoder.name, encoder.fingerprint) == (OLD_NAMES[old], same.fingerprint)
    (tmp_path / old).mkdir()
    monkeypatch.chdir(tmp_path)
    assert encoder_folder(old) is None
    assert encoder_folder(f"./{old}") == Path(old)
    assert old not in encoder_names()


def test_the_fingerprint_of_small_is_that_of_indexes_made_with_its_old_name():
    assert made("small").fingerprint == "d4447e0f4d635eab5dda8598ae3d052a"


def test_a_missing_built_in_encoder_is_reported(monkeypatch):
    monkeypatch.setattr("search.encoders.SHIPPED", ("lost", "small"))
    with pytest.raises(EncoderError, match=r"lost is missing from this installation.*another encoder \(small, color"):
        load_encoder("lost")


def test_the_table_imports_nothing_heavy():
    code = (
        "import sys, search.encoders\n"
        "assert not {'torch', 'numpy', 'PIL'} & set(sys.modules)\n"
        "search.encoders.load_encoder('color-layout')\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
    assert "torch" in FAMILIES["torchvision"]


def test_a_missing_timm_is_reported(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    monkeypatch.delitem(sys.modules, "search.encoders.timm_backbones", raising=False)
    with pytest.raises(EncoderError, match="pip install timm"):
        load_encoder("timm:test_resnet@random")
