"""The encoders that tests share; each is made once, because they are slow to make and do not change."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from search.encoders import load_encoder
from tests.conftest import draw
from tests.search.encoders.tiny_clip import write_tiny_clip

SPEC = {"kind": "resnet", "stem": 8, "widths": [8, 16], "depths": [1, 1], "dim": 24}
LITE = {"kind": "efficientnet_lite", "variant": "lite0", "pooled": ["mean", "gem"], "dim": 24}
CHECKPOINT = "checkpoint"
CLIP = "open_clip, tiny"
PROJECTED = {
    "checkpoint of torchvision": {
        "kind": "backbone",
        "name": "torchvision:resnet18",
        "dim": 24,
        "head": "mlp",
    },
    "checkpoint of timm": {"kind": "backbone", "name": "timm:test_resnet.r160_in1k", "dim": 24, "frozen": True},
    "checkpoint, EfficientNet-Lite": LITE,
    "checkpoint, combined": {
        "kind": "combined",
        "parts": [
            {"network": {**LITE, "dim": 9}, "size": 48, "dim": 9, "weight": 0.7},
            {"network": {**SPEC, "dim": 20}, "size": 24, "dim": 20, "weight": 0.3},
        ],
        "dim": 24,
    },
    "checkpoint, joined": {"kind": "joined", "learned": SPEC, "weights": [0.6, 0.2, 0.2], "dim": 24},
}
NAMES = (
    "color-layout",
    CHECKPOINT,
    *PROJECTED,
    "torchvision:resnet18@random",
    "torchvision:mobilenet_v3_small@random",
    "timm:test_resnet.r160_in1k@random",
    CLIP,
    "small",
    "photo",
    "signatures",
)
IMAGES = (
    draw(0),
    draw(1),
    draw(2, (200, 120)),
    Image.new("RGB", (40, 30), "grey"),
    Image.new("RGB", (1, 1), "blue"),
    draw(3, (900, 3)),
)
"""Three ordinary pictures, then extremes: flat, one pixel, very wide."""


def make(name):
    if name != "color-layout":
        import torch

        torch.set_num_threads(1)  # On shared cores, threads that wait for each other took twice the time.
    if name == CLIP:
        with TemporaryDirectory() as folder:
            return load_encoder(f"open_clip:local-dir:{write_tiny_clip(Path(folder) / 'tiny')}", device="cpu")
    if name == CHECKPOINT or name in PROJECTED:
        return checkpoint(name=name, spec=PROJECTED.get(name, SPEC))
    return load_encoder(name, device="cpu")


@cache
def made(name):
    return make(name)


def checkpoint(seed=3, *, name=CHECKPOINT, spec=SPEC, **options):
    import torch

    from search.encoders.checkpoint import CheckpointEncoder
    from search.encoders.networks import build_network

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(spec)
    return CheckpointEncoder(
        network, spec, name=name, input_size=48, dim=24, device="cpu", card={"data": "none"}, **options
    )


def edit(folder, **values):
    """Change keys of `encoder.json`; None removes one."""
    path = folder / "encoder.json"
    manifest = json.loads(path.read_text(encoding="utf-8")) | values
    path.write_text(json.dumps({key: value for key, value in manifest.items() if value is not None}), encoding="utf-8")
