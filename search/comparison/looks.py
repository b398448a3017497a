"""A file looked at again: its sketch, to see whether it shows what another shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.comparison.shared_detail import SIDE, Sketch, shares_detail, sketch_of
from search.errors import PictureError
from search.pictures.contents import read_contents
from search.pictures.decode import decode
from search.pictures.frames import frames
from search.pictures.source import read_file

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen of a file at a glance."""

    sketch: Sketch
    """Of its first frame or page."""
    several: bool
    """Whether it has more of them."""

    def may_show(self, other: Look) -> bool:
        """Whether nothing says that both show different things."""
        return shares_detail(self.sketch, other.sketch)


def look_at(path: Path) -> Look | None:
    """Look at a file; None where it is gone or cannot be read."""
    try:
        data = read_file(path)
        contents = read_contents(data)
        if contents.unlike is not None:
            return Look(sketch_of([decode(data, name=str(path), target=SIDE // 2)]), contents.several)
        first = next(frames(data, contents, name=str(path), target=SIDE // 2), None)
        return None if first is None else Look(sketch_of(first.grounds), contents.several)
    except PictureError:
        return None
