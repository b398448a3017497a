"""Short names and colours of classes for figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexer.plots.style import CLASS_COLORS, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST = 28
"""Characters."""


def short_names(labels: Iterable[str | None]) -> dict[str, str]:
    """Name each class by the last folder of its label if that is unique, else by the complete label."""
    distinct = sorted({label for label in labels if label is not None})
    ends = [label.rstrip("/").rsplit("/", 1)[-1] for label in distinct]
    return {
        label: shortened(end if ends.count(end) == 1 else label, _MOST)
        for label, end in zip(distinct, ends, strict=True)
    }


def class_colors(labels: Iterable[str | None]) -> dict[str, str]:
    """One colour per class; empty for a single class, or for more classes than there are distinct colours."""
    distinct = sorted({label for label in labels if label is not None})
    return dict(zip(distinct, CLASS_COLORS, strict=False)) if 1 < len(distinct) <= len(CLASS_COLORS) else {}
