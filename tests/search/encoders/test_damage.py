"""A saved encoder with changed files is refused with a message that names the problem."""

from __future__ import annotations

import pytest

from search.encoders import load_encoder
from search.errors import EncoderError
from tests.search.encoders.made import CHECKPOINT, NAMES, SPEC, edit, made


def edit_weights(folder, change):
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "weights.safetensors")
    change(tensors)
    save_file(tensors, folder / "weights.safetensors")


def flip_last_byte(folder):
    path = folder / "weights.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 0x01]))


def truncate(folder):
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def put(text):
    return lambda folder: (folder / "encoder.json").write_text(text, encoding="utf-8")


DAMAGES = {
    "flipped bit": (flip_last_byte, "damaged.*fingerprint"),
    "truncated": (truncate, "damaged.*weights.safetensors"),
    "emptied": (lambda folder: (folder / "weights.safetensors").write_bytes(b""), "damaged.*weights.safetensors"),
    "weights missing": (lambda folder: (folder / "weights.safetensors").unlink(), "weights.safetensors is missing"),
    "tensor missing": (lambda folder: edit_weights(folder, lambda t: t.popitem()), "does not fit"),
    "tensor added": (lambda folder: edit_weights(folder, lambda t: t.update(x=t["norm.bias"] + 1)), "not fit.*x"),
    "other shape": (lambda folder: edit(folder, network=SPEC | {"dim": 23}), "embedding"),
    "other dtype": (
        lambda folder: edit_weights(folder, lambda t: t.update({"embedding.bias": t["embedding.bias"].double()})),
        "float64",
    ),
    "other mean": (
        lambda folder: edit(folder, preprocessing={"resize": "squash-bilinear", "mean": [0, 0, 0], "std": [1, 1, 1]}),
        "damaged.*fingerprint",
    ),
    "other size": (lambda folder: edit(folder, input_size=64), "damaged.*fingerprint"),
    "other dim": (lambda folder: edit(folder, dim=25), "damaged.*fingerprint"),
    "not JSON": (put("{"), "cannot be read as JSON"),
    "not text": (lambda folder: (folder / "encoder.json").write_bytes(b"\xff\xfe\x00"), "cannot be read as JSON"),
    "a list": (put("[]"), "no 'family'"),
    "foreign": (put('{"model_type": "clip"}'), "no 'family'"),
    "newer format": (lambda folder: edit(folder, format=2), "format 2"),
    "unknown family": (lambda folder: edit(folder, family="clip"), "unknown family of encoders 'clip'"),
    "no dim": (lambda folder: edit(folder, dim=None), "'dim' must be of type int"),
    "true dim": (lambda folder: edit(folder, dim=True), "'dim' must be of type int"),
    "absurd dim": (lambda folder: edit(folder, dim=10**9), "'dim' is 1000000000"),
    "no network": (lambda folder: edit(folder, network=None), "needs 'network'"),
    "unknown network": (lambda folder: edit(folder, network={"kind": "x"}), "cannot build the network"),
    "odd network": (lambda folder: edit(folder, network=SPEC | {"x": 1}), "cannot build the network"),
    "other resize": (lambda folder: edit(folder, preprocessing={"resize": "crop"}), "'crop'"),
    "no mean": (lambda folder: edit(folder, preprocessing={"resize": "squash-bilinear"}), "mean and std"),
    "zero std": (
        lambda folder: edit(folder, preprocessing={"resize": "squash-bilinear", "mean": [0] * 3, "std": [1, 0, 1]}),
        "positive deviations",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_is_refused(damage, tmp_path):
    made(CHECKPOINT).save(tmp_path)
    apply, message = DAMAGES[damage]
    apply(tmp_path)
    with pytest.raises(EncoderError, match=message):
        load_encoder(tmp_path)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("name", NAMES)
def test_every_family_checks_its_fingerprint_and_its_keys(name, tmp_path):
    made(name).save(tmp_path)
    edit(tmp_path, fingerprint="0" * 32)
    with pytest.raises(EncoderError, match=r"damaged.*0000"):
        load_encoder(tmp_path)
    edit(tmp_path, preprocessing=None)
    with pytest.raises(EncoderError, match="preprocessing"):
        load_encoder(tmp_path)
