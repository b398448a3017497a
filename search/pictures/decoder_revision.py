"""Which decoder embedded the pictures of an index.

Revision 1, of indexes that name none, ignored colour profiles, took white to be 65,535 in every file of 16 bits, and
laid all transparent pictures over white.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DECODER = 2
"""Raised whenever a change of decoding alters the vectors of some pictures."""
_SETTING = "decoder"


def decoder_setting() -> dict[str, int]:
    """What an index notes whose pictures are all embedded by this decoder."""
    return {_SETTING: DECODER}


def decoder_of(settings: Mapping[str, Any]) -> int:
    """The decoder of all or most pictures of an index."""
    revision = settings.get(_SETTING, 1)
    return revision if isinstance(revision, int) else 1


def is_outdated(settings: Mapping[str, Any]) -> bool:
    """Whether pictures of an index may have been embedded by an earlier decoder, and can be embedded again."""
    return settings.get("encoder_folder") is not None and decoder_of(settings) < DECODER
