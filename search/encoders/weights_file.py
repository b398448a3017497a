"""Read and write `weights.safetensors`, the state of one network, and check that it fits the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safetensors import SafetensorError

from search.errors import DamagedFileError, EncoderError
from search.files.reading import require_regular
from search.files.writing import write_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn

WEIGHTS_FILE = "weights.safetensors"


def write_weights(folder: Path, network: nn.Module) -> None:
    """Write the network's state into an existing folder atomically."""
    write_tensors(folder / WEIGHTS_FILE, network.state_dict())


def write_tensors(path: Path, state: Mapping[str, Tensor]) -> None:
    """Write a file of tensors atomically."""
    from safetensors.torch import save  # here, because the name of the file is needed where torch is not imported

    # Cloned because safetensors rejects two names that share memory (tied weights).
    tensors = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in state.items()}
    write_file(path, save(tensors))  # save_file would create a file that only its owner can read


def read_weights(folder: Path, network: nn.Module, borrowed: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """Read the state of `network`; what the file does not hold is taken from `borrowed`.

    If there is something to borrow, the file is of an encoder that ships: its tensors may be in half precision, which
    is converted to the network's.

    Raises:
        EncoderError: the file is missing or damaged, or its tensors have other names, shapes or dtypes.
    """
    path = folder / WEIGHTS_FILE
    tensors = {**(borrowed or {}), **read_tensors(path)}
    expected = network.state_dict()
    if borrowed is not None:
        tensors = {key: _widened(each, expected.get(key)) for key, each in tensors.items()}
    if mismatched := sorted(tensors.keys() ^ expected.keys()):
        listed = ", ".join(mismatched[:3]) + (f" and {len(mismatched) - 3} more" if len(mismatched) > 3 else "")
        raise EncoderError(f"damaged: {path} does not fit the network in encoder.json: {listed}")
    for key, tensor in expected.items():
        if tensors[key].shape != tensor.shape or tensors[key].dtype != tensor.dtype:
            raise EncoderError(
                f"damaged: {path}: {key} is {tuple(tensors[key].shape)} {tensors[key].dtype}, "
                f"but the network in encoder.json needs {tuple(tensor.shape)} {tensor.dtype}"
            )
    return tensors


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read all tensors of a file.

    Raises:
        EncoderError: it is missing or damaged.
    """
    from safetensors.torch import load_file

    try:
        require_regular(path)
        tensors: dict[str, Tensor] = load_file(path)
    except (FileNotFoundError, NotADirectoryError):
        raise EncoderError(f"{path} is missing: copy the entire folder of the encoder again") from None
    except DamagedFileError as error:
        raise EncoderError(f"damaged: {error}") from None
    except (SafetensorError, OSError) as error:
        raise EncoderError(f"damaged: {path} cannot be read as safetensors: {error}") from error
    return tensors


def _widened(tensor: Tensor, expected: Tensor | None) -> Tensor:
    half = tensor.dtype.itemsize == 2 and tensor.is_floating_point()
    return tensor.to(expected.dtype) if half and expected is not None and expected.is_floating_point() else tensor
