"""`open_clip:NAME` against open_clip itself, with a tiny model in a local folder: both towers, files, and refusals."""

from __future__ import annotations

import json
import pickle
import sys
from copy import deepcopy

import numpy as np
import pytest

from search.encoders import embeds_text, load_encoder
from search.encoders.converted import conversion_problem
from search.encoders.text_encoder import TextEncoder
from search.errors import EncoderError, ForkError, QueryError
from tests.search.encoders.made import IMAGES, edit
from tests.search.encoders.tiny_clip import CONFIG, PREPROCESSING, write_tiny_clip

TEXTS = ["red bicycle in snow", "a cat", "Ein Hündchen — 猫 🐈", "A CAT", "x"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_clip(tmp_path_factory.mktemp("clip") / "tiny")


@pytest.fixture(scope="module")
def encoder(folder):
    return load_encoder(f"open_clip:local-dir:{folder}", device="cpu")


@pytest.fixture(scope="module")
def clip(folder):
    """The same model as open_clip loads it."""
    import open_clip

    return open_clip.create_model(f"local-dir:{folder}", require_pretrained=True).eval()


@pytest.fixture
def saved(encoder, tmp_path):
    (tmp_path / "saved").mkdir()
    encoder.save(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.fixture
def registered(folder, tmp_path, monkeypatch):
    """The name of the model in open_clip's table, with its weights under the tag `made`."""
    import open_clip
    from open_clip import factory, pretrained

    monkeypatch.setitem(factory._MODEL_CONFIGS, "tiny-clip", CONFIG)
    tag = {"file": str(folder / "open_clip_model.safetensors"), "quick_gelu": True, **PREPROCESSING}
    monkeypatch.setitem(pretrained._PRETRAINED, "tiny-clip", {"other": {"hf_hub": "none/none/"}, "laion2b_made": tag})
    assert "tiny-clip" in open_clip.list_models()
    return "tiny-clip"


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


# The towers -----------------------------------------------------------------------------------------------------------


def test_pictures_are_embedded_as_open_clip_embeds_the_squashed_ones(encoder, clip):
    import torch

    pixels = np.stack([encoder.prepare(image) for image in IMAGES]) / 255
    normalised = (pixels - PREPROCESSING["mean"]) / PREPROCESSING["std"]
    with torch.no_grad():
        expected = clip.encode_image(torch.from_numpy(normalised.transpose(0, 3, 1, 2)).float()).numpy()
    np.testing.assert_allclose(encoder.encode(IMAGES), unit(expected), atol=2e-6)


def test_texts_are_embedded_as_open_clip_embeds_them(encoder, clip, folder):
    import open_clip
    import torch

    with torch.no_grad():
        expected = clip.encode_text(open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS)).numpy()
    vectors = encoder.encode_text(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, unit(expected), atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(vectors[1], vectors[3])  # this model ignores case
    alone = np.concatenate([encoder.encode_text([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, vectors, atol=1e-6)
    assert encoder.encode_text([]).shape == (0, encoder.dim)


def test_more_texts_than_one_batch(encoder, monkeypatch):
    monkeypatch.setattr("search.encoders.open_clip_encoder.MAX_BATCH", 2)
    chunked = encoder.encode_text(TEXTS)
    monkeypatch.undo()
    np.testing.assert_allclose(chunked, encoder.encode_text(TEXTS), atol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no words"),
        (" \n\t", "no words"),
        ("\x00", "no words"),
        ("cat " * 15, "has 15 tokens, and open_clip:.* reads 14 at most"),
        ("x" * 2001, "2,001 characters"),
    ],
)
def test_a_text_that_would_not_be_read_is_refused(encoder, text, message):
    with pytest.raises(QueryError, match=message):
        encoder.encode_text(["a cat", text])


def test_the_longest_text_and_odd_letters_are_read(encoder):
    assert encoder.longest_text == 14
    rows = encoder.encode_text(["cat " * 14, "!!!", "\ud800 lone", "é" * 5, "e\u0301" * 5])
    assert np.isfinite(rows).all()


def test_a_forked_process_embeds_no_texts(encoder, monkeypatch):
    monkeypatch.setattr(encoder, "_fork", -1)
    with pytest.raises(ForkError, match="forked"):
        encoder.encode_text(["a cat"])


def test_an_encoder_with_a_text_tower_is_recognised(encoder, saved, tmp_path):
    assert isinstance(encoder, TextEncoder)
    assert embeds_text(saved)
    other = load_encoder("color-layout")
    assert not isinstance(other, TextEncoder)
    other.save(tmp_path)
    assert not embeds_text(tmp_path)


# Files ----------------------------------------------------------------------------------------------------------------


def test_a_saved_encoder_embeds_both_alike_without_the_model_and_the_network(saved, encoder, monkeypatch):
    import socket

    monkeypatch.setattr(socket.socket, "connect", None)
    monkeypatch.setattr("open_clip.load_checkpoint", None)
    again = load_encoder(saved, device="cpu")
    assert again.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(again.encode(IMAGES), encoder.encode(IMAGES))
    np.testing.assert_array_equal(again.encode_text(TEXTS), encoder.encode_text(TEXTS))
    assert again.card == {"weights": "open_clip_model.safetensors", "library": encoder.card["library"]}


def test_it_is_computed_by_torch_also_where_openvino_is_installed(saved, encoder, monkeypatch):
    monkeypatch.setattr("search.encoders.torch_base.available", lambda: True)
    monkeypatch.setattr("search.encoders.converted.available", lambda: True)
    monkeypatch.setattr("search.encoders.torch_base.convert", None)
    encoder.save(saved)
    assert sorted(file.name for file in saved.iterdir()) == ["encoder.json", "weights.safetensors"]
    assert conversion_problem(saved) is None, "a rebuild has nothing to convert"
    edit(saved, openvino={"version": "x", "architecture": ["towers", "vocabulary"], "files": {}})
    again = load_encoder(saved, device="cpu")
    assert isinstance(again, TextEncoder)
    np.testing.assert_array_equal(again.encode(IMAGES), encoder.encode(IMAGES))
    for name in (saved, encoder.name.replace("@random", "")):
        with pytest.raises(EncoderError, match="computed by torch, not in bfloat16: leave the precision out"):
            load_encoder(name, device="cpu", precision="bfloat16")


def test_other_weights_have_another_fingerprint(encoder, tmp_path):
    other = load_encoder(f"open_clip:local-dir:{write_tiny_clip(tmp_path / 'other', seed=6)}", device="cpu")
    assert other.fingerprint != encoder.fingerprint


def towers(**parts):
    """The configuration with some keys of its towers changed."""
    changed = deepcopy(CONFIG)
    for tower, values in parts.items():
        changed[tower] |= values
    return changed


def flip(folder, place):
    path = folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "image tower": (lambda f: flip(f, -1), "damaged.*fingerprint"),
    "text tower": (lambda f: flip(f, -1_000_000), "damaged.*fingerprint"),
    "truncated": (lambda f: (f / "weights.safetensors").write_bytes(b"x" * 99), "damaged.*weights.safetensors"),
    "missing": (lambda f: (f / "weights.safetensors").unlink(), "weights.safetensors is missing"),
    "vocabulary": (lambda f: edit(f, vocabulary="0" * 64), "vocabulary.*open_clip_torch"),
    "no vocabulary": (lambda f: edit(f, vocabulary=None), "needs 'vocabulary'"),
    "no towers": (lambda f: edit(f, towers=None), "needs 'towers'"),
    "empty towers": (lambda f: edit(f, towers={}), "needs 'vision_cfg' and 'text_cfg'"),
    "activation": (lambda f: edit(f, towers=CONFIG | {"quick_gelu": True}), "damaged.*fingerprint"),
    "unknown key": (lambda f: edit(f, towers=towers(text_cfg={"x": 1})), "cannot build.*'x'"),
    "no heads": (lambda f: edit(f, towers=towers(text_cfg={"heads": 0})), "cannot build"),
    "wider": (lambda f: edit(f, towers=towers(text_cfg={"width": 32})), "damaged.*needs"),
    "deeper": (lambda f: edit(f, towers=towers(text_cfg={"layers": 2})), "does not fit"),
    "a million layers": (lambda f: edit(f, towers=towers(text_cfg={"layers": 10**6})), "more (modules|tensors)"),
    "a huge layer": (lambda f: edit(f, towers=towers(text_cfg={"width": 2**20, "heads": 1})), "more numbers"),
    "a huge mask": (lambda f: edit(f, towers=towers(text_cfg={"context_length": 10**5})), "context length"),
    "a mask of text": (lambda f: edit(f, towers=towers(text_cfg={"context_length": "16"})), "context length"),
    "other size": (lambda f: edit(f, input_size=64), "damaged.*input size is 64"),
    "no size": (lambda f: edit(f, towers=towers(vision_cfg={"image_size": None})), "open_clip|image_size|NoneType"),
    "downloads": (lambda f: edit(f, towers=towers(text_cfg={"hf_tokenizer_name": "a/b"})), "Transformers"),
    "downloads a tower": (lambda f: edit(f, towers=towers(vision_cfg={"timm_model_name": "hf-hub:a/b"})), "no model"),
    "random tokens": (
        lambda f: edit(f, towers=towers(text_cfg={"tokenizer_kwargs": {"reduction_mask": "syntax"}})),
        "only 'clean'",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_hostile_folder_is_refused(damage, saved, monkeypatch):
    import socket

    monkeypatch.setattr(socket.socket, "connect", None)
    apply, message = DAMAGES[damage]
    apply(saved)
    with pytest.raises(EncoderError, match=message):
        load_encoder(saved, device="cpu")


# Names ----------------------------------------------------------------------------------------------------------------


def test_random_weights_are_reproducible_and_leave_the_random_state(registered):
    import torch

    torch.manual_seed(11)
    before = torch.get_rng_state()
    first = load_encoder(f"open_clip:{registered}@random", device="cpu")
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(12)
    again = load_encoder(f"open_clip:{registered}@random", device="cpu")
    assert again.fingerprint == first.fingerprint
    assert first.card["weights"] == "@random"
    np.testing.assert_array_equal(again.encode_text(TEXTS), first.encode_text(TEXTS))


def test_the_preset_clip_is_a_model_with_a_tag(folder, monkeypatch):
    from search.encoders import open_clip_models

    asked = []
    local = open_clip_models.find_model(f"local-dir:{folder}")
    monkeypatch.setattr("search.encoders.open_clip_encoder.find_model", lambda name: asked.append(name) or local)
    assert load_encoder("clip", device="cpu").name == "open_clip:MobileCLIP2-S0/dfndr2b"
    assert asked == ["MobileCLIP2-S0/dfndr2b"]


def test_weights_by_tag_by_default_and_by_file(registered, folder, encoder):
    by_tag = load_encoder(f"open_clip:{registered}/laion2b_made", device="cpu")
    default = load_encoder(f"open_clip:{registered}", device="cpu")
    by_file = load_encoder(f"open_clip:{registered}/{folder / 'open_clip_model.safetensors'}", device="cpu")
    assert default.fingerprint == by_tag.fingerprint
    assert default.card["weights"] == "laion2b_made"
    assert by_tag.architecture["towers"]["quick_gelu"] is True, "the weights were trained with this activation"
    assert by_tag.preprocessing == encoder.preprocessing
    np.testing.assert_array_equal(by_file.encode_text(TEXTS), encoder.encode_text(TEXTS))
    assert by_file.preprocessing.mean == (0.48145466, 0.4578275, 0.40821073), "that of CLIP, as a file names none"


def test_the_default_weights_of_known_models():
    from search.encoders.open_clip_models import find_model

    tags = {model: find_model(model).weights_name for model in ("ViT-B-32", "MobileCLIP2-S0", "RN50", "ViT-g-14")}
    expected = ("datacomp_xl_s13b_b90k", "dfndr2b", "openai", "laion2b_s34b_b88k")
    assert tuple(tags.values()) == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ViT-B-3", "has no model 'ViT-B-3'.*Similar names: ViT-B-32"),
        ("", "Similar names"),
        ("hf-hub:owner/model", "has no model"),
        ("ViT-B-32/nothing", "no pretrained weights 'nothing'.*openai"),
        ("ViT-S-32", "no pretrained weights.*ViT-S-32@random"),
        ("ViT-B-16-SigLIP", "Transformers"),
        ("roberta-ViT-B-32@random", "Transformers"),
        ("local-dir:/no/such/folder", "open_clip_config.json"),
    ],
)
def test_what_is_not_known_or_supported(name, message):
    with pytest.raises(EncoderError, match=message):
        load_encoder(f"open_clip:{name}", device="cpu")


def test_a_failed_download_is_reported_with_a_remedy(registered, monkeypatch):
    def offline(*_, **__):
        raise FileNotFoundError("no route")

    monkeypatch.setattr("open_clip.download_pretrained", offline)
    with pytest.raises(EncoderError, match=r"no route.*network connection.*local-dir:FOLDER.*tiny-clip/other@random"):
        load_encoder(f"open_clip:{registered}/other", device="cpu")


def test_weights_of_torch_save_are_read_if_they_are_only_tensors(folder, encoder, tmp_path):
    import torch
    from safetensors.torch import load_file

    (tmp_path / "open_clip_config.json").write_bytes((folder / "open_clip_config.json").read_bytes())
    tensors = load_file(folder / "open_clip_model.safetensors")
    torch.save(tensors, tmp_path / "model.bin")
    assert load_encoder(f"open_clip:local-dir:{tmp_path}", device="cpu").fingerprint == encoder.fingerprint

    class Payload:
        def __reduce__(self):
            return (tmp_path / "ran").touch, ()

    torch.save({"state_dict": tensors, "x": Payload()}, tmp_path / "model.bin")
    with pytest.raises(EncoderError, match=r"model\.bin cannot be used.*safetensors"):
        load_encoder(f"open_clip:local-dir:{tmp_path}", device="cpu")
    (tmp_path / "model.bin").write_bytes(pickle.dumps(Payload()))
    with pytest.raises(EncoderError, match=r"model\.bin cannot be used"):
        load_encoder(f"open_clip:local-dir:{tmp_path}", device="cpu")
    assert not (tmp_path / "ran").exists()
    (tmp_path / "model.bin").unlink()
    with pytest.raises(EncoderError, match="no pretrained weights"):
        load_encoder(f"open_clip:local-dir:{tmp_path}", device="cpu")


@pytest.mark.parametrize("text", ["{", "[]", '{"model_cfg": 3}', '{"model_cfg": {}}'])
def test_a_damaged_description_in_a_local_folder(text, tmp_path):
    (tmp_path / "open_clip_config.json").write_text(text)
    with pytest.raises(EncoderError, match=r"open_clip_config\.json"):
        load_encoder(f"open_clip:local-dir:{tmp_path}", device="cpu")


def test_weights_of_another_model_are_refused(folder, tmp_path):
    values = json.loads((folder / "open_clip_config.json").read_text())
    values["model_cfg"]["embed_dim"] = 25
    (tmp_path / "open_clip_config.json").write_text(json.dumps(values))
    (tmp_path / "weights.safetensors").write_bytes((folder / "open_clip_model.safetensors").read_bytes())
    with pytest.raises(EncoderError, match="size mismatch"):
        load_encoder(f"open_clip:local-dir:{tmp_path}", device="cpu")


def test_a_missing_open_clip_is_reported(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    for module in ("open_clip_models", "open_clip_encoder"):
        monkeypatch.delitem(sys.modules, f"search.encoders.{module}", raising=False)
    with pytest.raises(EncoderError, match=r"pip install \"twinlens\[clip\]\""):
        load_encoder("open_clip:ViT-B-32@random")
