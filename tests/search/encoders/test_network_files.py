"""Encoders with a network: input, fingerprint, batches, devices, precision."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from search.encoders import load_encoder
from search.errors import UnsupportedError
from tests.search.encoders.made import CHECKPOINT, IMAGES, NAMES, SPEC, checkpoint, edit, made


def reference(encoder, images):
    """The same vectors one picture at a time, in plain NCHW, by the formula."""
    import torch

    mean, std = np.array(encoder.preprocessing.mean), np.array(encoder.preprocessing.std)
    rows = []
    for image in images:
        pixels = np.asarray(image.resize((encoder.input_size,) * 2, Image.Resampling.BILINEAR)) / 255
        planes = ((pixels - mean) / std).transpose(2, 0, 1)[None].astype(np.float32)
        with torch.no_grad():
            row = encoder.network(torch.from_numpy(planes.copy()))[0].numpy()
        rows.append(row / np.sqrt((row**2).sum()))
    return np.stack(rows)


@pytest.mark.thinned(4)
@pytest.mark.parametrize("name", NAMES[1:])
def test_a_network_gets_the_input_that_the_manifest_describes(name):
    some = (*IMAGES[:2], *IMAGES[3:5])  # None is so large that PIL reduces it in two steps.
    np.testing.assert_allclose(made(name).encode(some), reference(made(name), some), atol=2e-5)


def test_the_fingerprint_is_the_documented_hash():
    encoder = made(CHECKPOINT)
    identity = {
        "family": "checkpoint",
        "dim": 24,
        "input_size": 48,
        "preprocessing": {
            "resize": "squash-bilinear",
            "mean": list(encoder.preprocessing.mean),
            "std": list(encoder.preprocessing.std),
        },
        "architecture": {"network": SPEC},
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode())
    state = encoder.network.state_dict()
    for key in sorted(state):
        digest.update(f"\n{key} {state[key].dtype} {tuple(state[key].shape)}\n".encode())
        digest.update(state[key].contiguous().numpy().tobytes())
    assert encoder.fingerprint == digest.hexdigest()[:32]


def test_the_fingerprint_depends_on_weights_and_preprocessing_but_not_on_the_card(tmp_path):
    same = made(CHECKPOINT).fingerprint
    assert checkpoint(seed=4).fingerprint != same
    assert checkpoint(mean=(0.5, 0.5, 0.5)).fingerprint != same
    made(CHECKPOINT).save(tmp_path)
    edit(tmp_path, card={"data": "other"}, name="renamed")
    renamed = load_encoder(tmp_path, device="cpu")
    assert (renamed.fingerprint, renamed.name, renamed.card) == (same, "renamed", {"data": "other"})


def test_a_large_batch_is_split(monkeypatch):
    whole = made(CHECKPOINT).encode(IMAGES)
    encoder, sizes = checkpoint(), []
    encoder.runtime = "torch"
    embed = encoder._embed
    monkeypatch.setattr("search.encoders.parallel_parts.PART", 4)
    monkeypatch.setattr(encoder, "_embed", lambda batch: (sizes.append(len(batch)), embed(batch))[1])
    np.testing.assert_allclose(encoder.encode(IMAGES), whole, atol=1e-6)
    assert sorted(sizes) == [2, 4]


def test_read_only_arrays_are_accepted():
    batch = np.stack([made(CHECKPOINT).prepare(image) for image in IMAGES[:3]])
    batch.flags.writeable = False
    assert made(CHECKPOINT).encode_prepared(batch).shape == (3, 24)


def test_a_network_in_training_mode_is_put_in_evaluation_mode():
    assert not any(module.training for module in made(CHECKPOINT).network.modules())


@pytest.mark.parametrize("rows", [1, 15, 16, 33])
def test_a_steady_layer_computes_the_same(rows):
    import torch

    from search.encoders.steady import SteadyLinear, with_steady_rows

    plain = torch.nn.Linear(40, 12)
    features = torch.randn(rows, 40)
    steady = with_steady_rows(torch.nn.Sequential(plain))
    assert isinstance(steady[0], SteadyLinear)
    assert steady[0].weight is plain.weight
    torch.testing.assert_close(steady(features), plain(features))
    assert isinstance(with_steady_rows(plain), SteadyLinear)


def test_cuda_is_refused_without_a_gpu(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UnsupportedError, match="no GPU"):
        load_encoder("torchvision:resnet18@random", device="cuda")


def test_tf32_is_off_until_the_last_thread_leaves():
    import torch

    from search.encoders.precision import _switches, full_float32

    before = _switches()
    gpu = torch.device("cuda")
    with full_float32(gpu):
        with full_float32(gpu):
            pass
        inside = _switches()
    assert set(inside) <= {"ieee", False}
    assert _switches() == before


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["torchvision:resnet18@random", "torchvision:mobilenet_v3_small@random"])
def test_gpu_and_cpu_agree(name):
    np.testing.assert_allclose(load_encoder(name, device="cuda").encode(IMAGES), made(name).encode(IMAGES), atol=1e-4)
