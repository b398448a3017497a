"""A CLIP model of open_clip with random weights, small enough for tests, in a local folder as open_clip writes one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

CONFIG: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
PREPROCESSING = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]}


def write_tiny_clip(folder: Path, *, seed: int = 5, config: dict[str, Any] = CONFIG) -> Path:
    """Write the model into a new folder, and return that: `open_clip:local-dir:FOLDER`."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        clip = open_clip.CLIP(**config)
        for weight in clip.parameters():  # small initial weights would place all texts at nearly one point
            if weight.dim() > 1:
                torch.nn.init.normal_(weight, std=weight[0].numel() ** -0.5)
    folder.mkdir()
    save_file(clip.state_dict(), folder / "open_clip_model.safetensors")
    values = {"model_cfg": config, "preprocess_cfg": PREPROCESSING}
    (folder / "open_clip_config.json").write_text(json.dumps(values), encoding="utf-8")
    return folder
