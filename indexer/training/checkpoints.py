"""Save the state of a run in one file, so that a killed run can resume.

Tensors are named `network.*`, `objective.*` and `optimizer.<parameter>.<moment>`; everything else is JSON in the
metadata of the file. One file, because two could disagree after a crash; safetensors, because a pickle can run code.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from search.errors import DataError
from search.files.writing import replacing

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import Tensor, nn

STATE_FILE = "resume.safetensors"
BEST_FILE = "best.safetensors"


def save_state(
    folder: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer, notes: dict[str, Any]
) -> None:
    """Write to a temporary file, fsync, rename: a kill at any moment leaves the old state or the new one."""
    tensors = {
        f"{prefix}.{name}": tensor.detach().cpu().contiguous().clone()
        for prefix, module in modules.items()
        for name, tensor in module.state_dict().items()
    }
    for number, moments in optimizer.state_dict()["state"].items():
        for name, tensor in moments.items():
            tensors[f"optimizer.{number}.{name}"] = tensor.detach().cpu().contiguous().clone()
    _write(folder / STATE_FILE, tensors, {"notes": json.dumps(notes)})


def save_best(folder: Path, network: nn.Module) -> None:
    """Save the weights of the best evaluation so far."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in network.state_dict().items()}
    _write(folder / BEST_FILE, tensors, {})


def load_best(folder: Path, network: nn.Module) -> None:
    """Load the weights of the best evaluation into a network on the CPU."""
    network.load_state_dict(load_file(folder / BEST_FILE))


def _write(file: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    with replacing(file) as aside:
        save_file(tensors, aside, metadata=metadata)


def load_state(folder: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer) -> dict[str, Any] | None:
    """Restore a saved state and return its notes, or None if there is no saved state.

    Raises:
        DataError: the file is damaged, or belongs to another network.
    """
    file = folder / STATE_FILE
    if not file.is_file():
        return None
    try:
        tensors, notes = _read(file)
        for prefix, module in modules.items():
            module.load_state_dict(_below(tensors, prefix))
        _load_optimizer(optimizer, _below(tensors, "optimizer"))
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        raise DataError(f"{file}: cannot resume the run from this file ({error}). Delete it to begin again") from error
    return notes


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with safe_open(file, framework="pt") as opened:
        notes: dict[str, Any] = json.loads(opened.metadata()["notes"])
        return {key: opened.get_tensor(key) for key in opened.keys()}, notes  # noqa: SIM118 - not a mapping


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{prefix}."): tensor for key, tensor in tensors.items() if key.startswith(f"{prefix}.")}


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, name = key.split(".", 1)
        state.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
