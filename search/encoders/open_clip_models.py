"""The models of open_clip: find one by name, build its two towers, fetch its weights. Only this module imports it."""

from __future__ import annotations

import difflib
import hashlib
import json
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from search.encoders.preprocessing import Preprocessing
from search.errors import DamagedFileError, EncoderError
from search.files.reading import open_regular
from search.text import reason_of

try:
    import open_clip
    import timm
    from open_clip import tokenizer as _tokenizer
except ModuleNotFoundError as missing:
    raise EncoderError(
        'open_clip is not installed, and open_clip:NAME needs it: pip install "twinlens[clip]"'
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Sequence

LOCAL = "local-dir:"
CONFIG_FILE = "open_clip_config.json"
LIBRARY = f"open_clip_torch {open_clip.__version__}"
_WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth")
"""Files of weights in a local folder, in the order of preference."""
_LONGEST_CONFIG = 2**20
_LONGEST_CONTEXT = 4096
"""Most tokens of a text. A causal mask, which is not among the weights, grows with the square of it."""
_UNFIT = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RuntimeError, AssertionError)


@dataclass(frozen=True, slots=True)
class ClipModel:
    """A model that open_clip can build; its weights are not fetched yet."""

    config: dict[str, Any]
    """Both towers and the tokenizer: `model_cfg` in an `open_clip_config.json`."""
    preprocessing: Preprocessing
    weights: Path | dict[str, Any] | None
    """A file, or what open_clip knows about a tag; None if the model has no pretrained weights."""
    weights_name: str = ""
    """The tag, or the name of the file."""

    def fetch(self) -> Towers:
        """Build the towers with their weights, which open_clip downloads or reads from its cache.

        Raises:
            EncoderError: the weights do not fit, or are pickled objects other than tensors.
            Exception: any other exception means that they cannot be downloaded.
        """
        path = self.weights if isinstance(self.weights, Path) else Path(open_clip.download_pretrained(self.weights))
        towers = build_towers(self.config)
        try:
            # With `weights_only`, torch reads only tensors and runs no code from the file.
            open_clip.load_checkpoint(towers.clip, str(path), strict=True, weights_only=True)
        except Exception as error:  # safetensors, pickle, zipfile and torch each have their own
            raise EncoderError(
                f"{path} cannot be used as weights of this model ({reason_of(error)}). Only safetensors, and files of "
                f"torch.save that hold nothing but tensors, are read; convert others to safetensors"
            ) from error
        return towers


class Towers(nn.Module):
    """The image tower and the text tower of a CLIP model; as a network it is the image tower."""

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.clip = clip

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embed `(B, 3, S, S)` pictures as `(B, dim)`."""
        embedded: torch.Tensor = self.clip.encode_image(pixels)
        return embedded

    def text(self, tokens: torch.Tensor) -> torch.Tensor:
        """Embed `(B, context)` tokens as `(B, dim)`."""
        embedded: torch.Tensor = self.clip.encode_text(tokens)
        return embedded


def find_model(name: str) -> ClipModel:
    """Find `MODEL`, `MODEL/TAG`, `MODEL/FILE` or `local-dir:FOLDER`, without network access.

    Raises:
        EncoderError: open_clip does not know the model, it has no such weights, or its tokenizer is not supported.
    """
    if name.startswith(LOCAL):
        return _in_folder(Path(name.removeprefix(LOCAL)))
    model, _, pretrained = name.partition("/")
    known = open_clip.list_models()
    if model not in known:
        similar = difflib.get_close_matches(model, known, n=5, cutoff=0.4) or ["ViT-B-32", "MobileCLIP2-S0"]
        raise EncoderError(f"{LIBRARY} has no model {model!r}. Similar names: {', '.join(similar)}")
    config, tags = open_clip.get_model_config(model), open_clip.list_pretrained_tags_by_model(model)
    tag = pretrained or _default_tag(tags)
    known_weights = open_clip.get_pretrained_cfg(model, tag)
    if tag and not known_weights and not Path(tag).is_file():
        raise EncoderError(f"{model} has no pretrained weights {tag!r}: use a file, or {', '.join(tags) or '@random'}")
    if known_weights.get("quick_gelu"):
        config["quick_gelu"] = True  # the activation that these weights were trained with
    weights = known_weights or (Path(tag) if tag else None)
    return ClipModel(config, _preprocessing(config, known_weights), weights, weights_name=Path(tag).name)


def _default_tag(tags: Sequence[str]) -> str:
    """The weights of the largest open data set, the last trained of them; else the first that are listed."""
    for data in ("datacomp_xl", "laion2b"):
        if trained := [tag for tag in tags if tag.startswith(data)]:
            return trained[-1]
    return tags[0] if tags else ""


def _in_folder(folder: Path) -> ClipModel:
    path = folder / CONFIG_FILE
    try:
        with open_regular(path) as stream:
            values = json.loads(stream.read(_LONGEST_CONFIG))
        config, preprocess = values["model_cfg"], values.get("preprocess_cfg", {})
        preprocessing = _preprocessing(config, preprocess)
    except (OSError, *_UNFIT, DamagedFileError) as error:
        raise EncoderError(f"{path} cannot be used as the description of a model: {reason_of(error)}") from error
    weights = next((file for pattern in _WEIGHTS for file in sorted(folder.glob(pattern))), None)
    return ClipModel(config, preprocessing, weights, weights_name="" if weights is None else weights.name)


def _preprocessing(config: dict[str, Any], values: dict[str, Any]) -> Preprocessing:
    mean = values.get("mean", open_clip.OPENAI_DATASET_MEAN)
    return Preprocessing.of(image_size(config), mean, values.get("std", open_clip.OPENAI_DATASET_STD))


def image_size(config: dict[str, Any]) -> int:
    """Side in pixels of the pictures that the image tower takes; raises EncoderError if they are not square."""
    size = config["vision_cfg"].get("image_size", open_clip.CLIPVisionCfg.image_size)
    sides = {size} if isinstance(size, int) else set(size)
    if len(sides) != 1:
        raise EncoderError(f"pictures of {size!r:.60} pixels are not square, which is not supported: use another model")
    return int(sides.pop())


def build_towers(config: dict[str, Any]) -> Towers:
    """Build both towers with random weights, without network access.

    Raises:
        EncoderError: the installed open_clip cannot build them, or their tokenizer is not supported.
    """
    check_config(config)
    towers = deepcopy(config)
    try:
        custom = towers.pop("custom_text", False)
        kind = open_clip.CoCa if "multimodal_cfg" in towers else open_clip.CustomTextCLIP if custom else open_clip.CLIP
        if (backbone := towers["vision_cfg"].get("timm_model_name")) is not None:
            towers["vision_cfg"]["timm_model_pretrained"] = False
            if not timm.is_model(backbone):  # `hf-hub:OWNER/MODEL` is downloaded
                raise ValueError(f"timm {timm.__version__} has no model {backbone!r}")
        return Towers(kind(**towers))
    except _UNFIT as error:
        raise EncoderError(f"{LIBRARY} cannot build this model: {reason_of(error)}") from error


def build_outline(config: dict[str, Any]) -> Towers:
    """Build both towers without memory for their weights (torch's device `meta`); raises as `build_towers`."""
    with torch.device("meta"):
        return build_towers(config)


def check_config(config: dict[str, Any]) -> None:
    """Check that a model can be rebuilt without the network, and that its masks fit in memory.

    Raises:
        EncoderError: it needs files of Hugging Face Transformers, or the configuration is invalid.
    """
    text = config.get("text_cfg")
    if not isinstance(text, dict) or not isinstance(config.get("vision_cfg"), dict):
        raise EncoderError("damaged: the model's description needs 'vision_cfg' and 'text_cfg'")
    if text.get("hf_model_name") or text.get("hf_tokenizer_name"):
        raise EncoderError(
            "the tokenizer of this model is a download of Hugging Face Transformers. This is not supported, as an index"
            " could not carry it. Use a model with CLIP's own tokenizer, such as ViT-B-32 or MobileCLIP2-S0"
        )
    length = text.get("context_length", 1)
    if not isinstance(length, int) or not 1 <= length <= _LONGEST_CONTEXT:
        raise EncoderError(f"damaged: the model's context length is {length!r:.60}, not in 1..{_LONGEST_CONTEXT}")
    options = text.get("tokenizer_kwargs") or {}
    if (
        not isinstance(options, dict)
        or not options.keys() <= {"clean"}
        or options.get("clean", "lower") not in ("lower", "canonicalize", "whitespace")
    ):
        raise EncoderError(f"the options {options!r:.200} of this model's tokenizer are not supported: only 'clean' is")


def build_tokenizer(config: dict[str, Any]) -> Any:
    """CLIP's tokenizer, with the context length and the cleaning that a model needs."""
    text = config["text_cfg"]
    length = text.get("context_length", open_clip.CLIPTextCfg.context_length)
    return open_clip.SimpleTokenizer(context_length=length, **(text.get("tokenizer_kwargs") or {}))


@cache
def vocabulary() -> str:
    """SHA-256 of the vocabulary of CLIP's tokenizer, a file in the package."""
    return hashlib.sha256(Path(_tokenizer.default_bpe()).read_bytes()).hexdigest()
