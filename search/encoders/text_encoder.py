"""The interface of encoders that embed texts in the same space as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.types import Floats


@runtime_checkable
class TextEncoder(Protocol):
    """An encoder with a text tower: `isinstance(encoder, TextEncoder)` says whether it has one."""

    def encode_text(self, texts: Sequence[str]) -> Floats:
        """Embed texts as `(N, dim) float32` unit rows.

        Raises:
            QueryError: a text is empty, or longer than the encoder reads.
        """
        ...
