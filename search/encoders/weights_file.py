"""`weights.safetensors`: the state of one network, checked against the network that will take it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.torch import load_file, save

from search.errors import DamagedFileError, EncoderError
from search.files.reading import require_regular
from search.files.writing import write_file

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

WEIGHTS_FILE = "weights.safetensors"


def write_weights(folder: Path, network: nn.Module) -> None:
    """Write the network's state into an existing folder; a reader never sees half of it."""
    # Clones, because safetensors refuses two names that share memory (tied weights).
    tensors = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in network.state_dict().items()}
    write_file(folder / WEIGHTS_FILE, save(tensors))  # save_file's file nobody but its owner may read


def read_weights(folder: Path, network: nn.Module) -> dict[str, Tensor]:
    """Read the state that fits `network`.

    Raises:
        EncoderError: missing, damaged, or with tensors of other names, shapes or dtypes.
    """
    path = folder / WEIGHTS_FILE
    try:
        require_regular(path)
        found: dict[str, Tensor] = load_file(path)
    except (FileNotFoundError, NotADirectoryError):
        raise EncoderError(f"{path} is missing: copy the whole folder of the encoder again") from None
    except DamagedFileError as error:
        raise EncoderError(f"damaged: {error}") from None
    except (SafetensorError, OSError) as error:
        raise EncoderError(f"damaged: {path} cannot be read as safetensors: {error}") from error
    wanted = network.state_dict()
    if odd := sorted(found.keys() ^ wanted.keys()):
        listed = ", ".join(odd[:3]) + (f" and {len(odd) - 3} more" if len(odd) > 3 else "")
        raise EncoderError(f"damaged: {path} does not fit the network that encoder.json names: {listed}")
    for key, tensor in wanted.items():
        if found[key].shape != tensor.shape or found[key].dtype != tensor.dtype:
            raise EncoderError(
                f"damaged: {path}: {key} is {tuple(found[key].shape)} {found[key].dtype}, "
                f"the network that encoder.json names wants {tuple(tensor.shape)} {tensor.dtype}"
            )
    return found
