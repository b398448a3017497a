"""`open_clip:NAME`: models of open_clip, which embed pictures and texts in one space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from search.encoders.backbone_base import RANDOM, feature_dim, seeded
from search.encoders.budget import within_weights
from search.encoders.manifest import read_manifest
from search.encoders.open_clip_models import (
    LIBRARY,
    ClipModel,
    Towers,
    build_outline,
    build_tokenizer,
    build_towers,
    find_model,
    image_size,
    vocabulary,
)
from search.encoders.precision import full_float32
from search.encoders.preprocessing import Preprocessing
from search.encoders.torch_base import MAX_BATCH, TorchEncoder, resolve_device
from search.encoders.weights_file import WEIGHTS_FILE, read_weights
from search.errors import EncoderError, QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from search.config import Device
    from search.types import Floats

_LONGEST_TEXT = 2_000
"""Characters of a text at most: the tokenizer's time grows with the square of a word's length."""
_SPECIAL = 2
"""Tokens that mark the start and the end of a text."""


class OpenClipEncoder(TorchEncoder):
    """A CLIP model: an image tower, a text tower and the tokenizer of open_clip.

    Pictures are squashed to the square as for every other encoder, not cropped as open_clip does, with the size, mean
    and deviation of the model. Both towers are saved. Of the tokenizer, whose vocabulary is a file of open_clip, the
    checksum is saved, and compared when the encoder is loaded.
    """

    family: ClassVar[str] = "open_clip"

    def __init__(
        self,
        towers: Towers,
        config: dict[str, Any],
        *,
        name: str,
        preprocessing: Preprocessing,
        card: dict[str, Any] | None = None,
        device: Device = "auto",
    ) -> None:
        """Wrap towers that `build_towers(config)` can rebuild.

        `card` is not part of the fingerprint. `strength_text` in it is the place of cut-points for distances between
        texts and pictures, which are larger than those between two pictures.
        """
        self.card = dict(card or {})
        super().__init__(
            towers,
            name=name,
            dim=feature_dim(name, towers, preprocessing.input_size),
            preprocessing=preprocessing,
            architecture={"towers": config, "vocabulary": vocabulary()},
            device=device,
        )
        self._towers = towers
        self._tokenizer = build_tokenizer(config)
        self.longest_text: int = self._tokenizer.context_length - _SPECIAL
        """Tokens of a text at most; a common word is one token."""

    def encode_text(self, texts: Sequence[str]) -> Floats:
        """Embed texts as `(N, dim) float32` unit rows, in the space of the pictures.

        Raises:
            QueryError: a text is empty, or longer than `longest_text`.
            ForkError: the process was forked after this encoder was loaded.
        """
        self.require_own_process()
        for text in texts:
            self._check(text)
        chunks = (texts[start : start + MAX_BATCH] for start in range(0, len(texts), MAX_BATCH))
        with full_float32(self.device):
            parts = [self._embed_texts(list(chunk)) for chunk in chunks]
        raw: Floats = np.concatenate(parts) if parts else np.empty((0, self.dim), dtype=np.float32)
        return self.checked_rows(raw, len(texts))

    def _check(self, text: str) -> None:
        """Reject what the tokenizer would cut off: no part of a query is left out silently."""
        if len(text) > _LONGEST_TEXT:
            raise QueryError(f"the text has {len(text):,} characters: shorten it to {_LONGEST_TEXT:,} at most")
        tokens = len(self._tokenizer.encode(text))
        if tokens == 0:
            raise QueryError(f"the text {text!r:.60} has no words to search for")
        if tokens > self.longest_text:
            raise QueryError(
                f"the text {text!r:.60} has {tokens} tokens, and {self.name} reads {self.longest_text} at most: "
                "shorten it, or search with several texts together"
            )

    @torch.inference_mode()
    def _embed_texts(self, texts: list[str]) -> Floats:
        embedded: Floats = self._towers.text(self._tokenizer(texts).to(self.device)).float().cpu().numpy()
        return embedded

    def extra(self) -> dict[str, Any]:
        """Add the model card, which is not part of the fingerprint."""
        return {**super().extra(), "card": self.card}

    @classmethod
    def create(cls, name: str, device: Device = "auto") -> OpenClipEncoder:
        """Create `open_clip:MODEL` with pretrained weights, or `open_clip:MODEL@random`: see `find_model`.

        Raises:
            EncoderError: the model or its weights are unknown, cannot be downloaded, or cannot be read safely.
        """
        resolve_device(device)  # a missing device is reported before the download
        model_name = name.partition(":")[2]
        random = model_name.endswith(RANDOM)
        model = find_model(model_name.removesuffix(RANDOM))
        build_outline(model.config)  # a saved encoder is loaded by it, so it must not fail only then
        with seeded():
            towers = build_towers(model.config) if random else _fetch(name, model)
        weights = RANDOM if random else model.weights_name
        card = {"weights": weights, "library": LIBRARY}
        return cls(towers, model.config, name=name, preprocessing=model.preprocessing, card=card, device=device)

    @classmethod
    def load(cls, folder: Path, device: Device = "auto") -> OpenClipEncoder:
        """Rebuild saved towers with the weights and preprocessing in the folder, without network access.

        Raises:
            EncoderError: a file is missing or damaged, or the installed open_clip has another model or vocabulary.
        """
        manifest = read_manifest(folder)
        config = manifest.require("towers", dict)
        card = manifest.extra.get("card")
        if manifest.require("vocabulary", str) != vocabulary():
            raise EncoderError(
                f"{folder}: its tokenizer has another vocabulary than that of the installed {LIBRARY}: install the "
                f"version that it was made with ({(card or {}).get('library', 'unknown')}), or copy the folder again"
            )
        with within_weights(folder / WEIGHTS_FILE):
            outline = _outline(folder, config, manifest.input_size)
        weights = read_weights(folder, outline)  # which checks every shape before memory is taken
        towers = build_towers(config)
        towers.load_state_dict(weights)
        preprocessing = Preprocessing.from_json(manifest.input_size, manifest.preprocessing)
        encoder = cls(towers, config, name=manifest.name, preprocessing=preprocessing, card=card, device=device)
        manifest.verify(folder, encoder.fingerprint)
        return encoder


def _outline(folder: Path, config: dict[str, Any], input_size: int) -> Towers:
    try:
        outline = build_outline(config)
        if image_size(config) != input_size:
            raise EncoderError(f"damaged: the input size is {input_size}, and the model's is {image_size(config)}")
    except (EncoderError, TypeError) as error:
        raise EncoderError(f"{folder}: {error}") from error
    return outline


def _fetch(name: str, model: ClipModel) -> Towers:
    if model.weights is None:
        raise EncoderError(
            f"{name} has no pretrained weights: name a file of them (open_clip:MODEL/FILE), or use {name}{RANDOM}"
        )
    try:
        return model.fetch()
    except EncoderError:
        raise
    except Exception as error:  # model hubs raise the exceptions of whichever HTTP library they use
        raise EncoderError(
            f"the pretrained weights of {name} could not be downloaded ({type(error).__name__}: {error}). Try again "
            f"with a network connection, name a file (open_clip:MODEL/FILE) or a folder (open_clip:local-dir:FOLDER) "
            f"of weights, or {name}{RANDOM} for random weights"
        ) from error
