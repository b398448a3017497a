"""Encoders that name a network far larger than their weights: refused before anything is made for it."""

from __future__ import annotations

import json
import os
import resource
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from search.encoders import load_encoder
from search.encoders.budget import TooLargeError, within_weights
from search.errors import EncoderError
from tests.search.encoders.made import CHECKPOINT, SPEC, edit, made

ROOT = Path(__file__).parents[3]
HUGE = {
    "deep": SPEC | {"depths": [10**7, 1]},
    "wide": SPEC | {"widths": [30_000, 30_000]},
    "very wide": SPEC | {"widths": [10**9, 1]},
    "endless": SPEC | {"widths": [2**62, 1]},
    "grid": SPEC | {"grid": 50_000},
    "dim": SPEC | {"dim": 10**9},
    "layers": {"kind": "mlp", "size": 8, "widths": [1] * 100_000, "dim": 24},
    "pixels": {"kind": "mlp", "size": 60_000, "widths": [8], "dim": 24},
    "convolutions": {"kind": "cnn", "size": 2**40, "widths": [4] * 39, "hidden": [8], "dim": 24},
    "kernel": {"kind": "cnn", "size": 48, "widths": [4], "kernel": 60_001, "dim": 24},
    "nested": {
        "kind": "joined",
        "learned": {"kind": "joined", "learned": SPEC | {"depths": [10**7, 1]}, "weights": [1, 0, 0], "dim": 8},
        "weights": [1, 0, 0],
        "dim": 24,
    },
    "a backbone of 2.6 GB": {"kind": "backbone", "name": "torchvision:regnet_y_128gf", "dim": 24},
}
ODD = {
    "text": SPEC | {"widths": "abc"},
    "text in a list": SPEC | {"widths": ["8", 16]},
    "nothing": SPEC | {"stem": None},
    "half": SPEC | {"stem": 8.5},
    "negative": SPEC | {"dim": -1},
    "list as kind": {"kind": ["resnet"]},
    "number as name": {"kind": "backbone", "name": 7, "dim": 24},
    "no learned": {"kind": "joined", "learned": None, "weights": [1, 0, 0], "dim": 24},
    "weights of text": {"kind": "joined", "learned": SPEC, "weights": "abc", "dim": 24},
}
CHILD = """
import json, resource, sys, time
from search.encoders import load_encoder
from search.errors import EncoderError
import search.encoders.networks
for folder in sys.argv[1:]:
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        load_encoder(folder, device="cpu")
        said = None
    except EncoderError as error:
        said = str(error)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    print(json.dumps([said, grown, time.process_time() - begun]))
"""


def bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))


@pytest.fixture(scope="module")
def huge(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str | None, int, float]]:
    """What a process of its own said of each huge network, the MiB by which it grew, and its seconds."""
    folders = [tmp_path_factory.mktemp("huge") for _ in HUGE]
    for folder, spec in zip(folders, HUGE.values(), strict=True):
        made(CHECKPOINT).save(folder)
        edit(folder, network=spec)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, folders)],
        capture_output=True,
        text=True,
        timeout=600,
        env=environment,
        preexec_fn=bounded,
        check=True,
    )
    return dict(zip(HUGE, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.slow
@pytest.mark.thinned(12)
@pytest.mark.parametrize("what", HUGE)
def test_a_network_larger_than_its_weights(what: str, huge: dict[str, tuple[str | None, int, float]]) -> None:
    said, mebibytes, seconds = huge[what]
    assert said is not None
    assert "cannot build the network" in said
    assert "\n" not in said
    assert len(said) < 1200
    assert mebibytes < 700
    assert seconds < 20


@pytest.mark.parametrize("what", ODD)
def test_a_network_of_odd_values(what: str, tmp_path: Path) -> None:
    made(CHECKPOINT).save(tmp_path)
    edit(tmp_path, network=ODD[what])
    with pytest.raises(EncoderError) as caught:
        load_encoder(tmp_path, device="cpu")
    assert "\n" not in str(caught.value)


def header(folder: Path, change) -> None:
    """Write the header of the weights anew."""
    path = folder / "weights.safetensors"
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    found = json.loads(data[8 : 8 + length])
    text = json.dumps(change(found)).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found | {"x": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}},
        lambda found: found | {"x": {"dtype": "F32", "shape": ["many"], "data_offsets": [0, 4]}},
        lambda found: found | {"x": {"dtype": "F32", "shape": [-5], "data_offsets": [0, 4]}},
        lambda found: found | {"x": 7},
        lambda found: [],
        lambda found: 7,
    ],
)
def test_weights_whose_header_says_what_they_do_not_hold(change, tmp_path: Path) -> None:
    made(CHECKPOINT).save(tmp_path)
    header(tmp_path, change)
    with pytest.raises(EncoderError, match=r"damaged.*safetensors"):
        load_encoder(tmp_path, device="cpu")


def test_a_header_that_claims_to_be_endless(tmp_path: Path) -> None:
    made(CHECKPOINT).save(tmp_path)
    path = tmp_path / "weights.safetensors"
    path.write_bytes(struct.pack("<Q", 2**63) + path.read_bytes()[8:])
    with pytest.raises(EncoderError, match=r"damaged.*safetensors"):
        load_encoder(tmp_path, device="cpu")


@pytest.mark.parametrize("size", [4097, 65_536, 0, -1, "48", None, 1e9])
def test_sizes_of_pictures_that_would_fill_the_memory(size: object, tmp_path: Path) -> None:
    made(CHECKPOINT).save(tmp_path)
    edit(tmp_path, input_size=size)
    with pytest.raises(EncoderError, match="input_size"):
        load_encoder(tmp_path, device="cpu")


def test_a_network_for_pictures_of_another_size_is_one_error(tmp_path: Path) -> None:
    """Fingerprint and all: it loads, and cannot take what it is shown."""
    from search.encoders.checkpoint import CheckpointEncoder
    from search.encoders.networks import build_network
    from tests.conftest import draw

    spec = {"kind": "mlp", "size": 28, "widths": [8], "dim": 24}
    CheckpointEncoder(build_network(spec), spec, name="x", input_size=32, dim=24, device="cpu").save(tmp_path)
    encoder = load_encoder(tmp_path, device="cpu")
    with pytest.raises(EncoderError, match="cannot embed pictures of 32 pixels: this network takes pictures of 28x28"):
        encoder.encode([draw(1)])


def test_the_budget_counts_this_thread_alone_and_ends_with_its_block(tmp_path: Path) -> None:
    made(CHECKPOINT).save(tmp_path)
    built: list[nn.Module] = []

    def other() -> None:
        built.append(nn.Sequential(*(nn.Linear(1, 1) for _ in range(5_000))))

    with within_weights(tmp_path / "weights.safetensors"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        with pytest.raises(TooLargeError):
            nn.Sequential(*(nn.Linear(1, 1) for _ in range(5_000)))
        with pytest.raises(TooLargeError):
            nn.Linear(20_000, 20_000)
    assert len(built) == 1
    begun = time.process_time()
    assert nn.Linear(3, 4).weight.shape == torch.Size((4, 3))
    assert time.process_time() - begun < 1
