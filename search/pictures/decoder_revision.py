"""The revision of the decoder that embedded the pictures of an index.

Revision 1, which is assumed for indexes that record none, ignored colour profiles, treated 65,535 as white in every
16-bit file, and laid all transparent pictures over white.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DECODER = 2
"""Incremented when a change in decoding alters the vectors of some pictures."""
_SETTING = "decoder"


def decoder_setting() -> dict[str, int]:
    """The setting to store in an index whose pictures were all embedded by this decoder."""
    return {_SETTING: DECODER}


def decoder_of(settings: Mapping[str, Any]) -> int:
    """The revision that embedded all or most pictures of an index."""
    revision = settings.get(_SETTING, 1)
    return revision if isinstance(revision, int) else 1


def is_outdated(settings: Mapping[str, Any]) -> bool:
    """Whether an index has pictures from an earlier decoder, and an encoder to embed them again."""
    return settings.get("encoder_folder") is not None and decoder_of(settings) < DECODER
