"""Classes as a reader is shown them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexer.plots.style import CLASS_COLORS, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST = 28
"""Characters."""


def short_names(labels: Iterable[str | None]) -> dict[str, str]:
    """Name every class by the last folder of its label where no other class ends so, and by all of it otherwise."""
    distinct = sorted({label for label in labels if label is not None})
    ends = [label.rstrip("/").rsplit("/", 1)[-1] for label in distinct]
    return {
        label: shortened(end if ends.count(end) == 1 else label, _MOST)
        for label, end in zip(distinct, ends, strict=True)
    }


def class_colors(labels: Iterable[str | None]) -> dict[str, str]:
    """A colour a class; none at all where there is a single class, or more than can be told apart."""
    distinct = sorted({label for label in labels if label is not None})
    return dict(zip(distinct, CLASS_COLORS, strict=False)) if 1 < len(distinct) <= len(CLASS_COLORS) else {}
