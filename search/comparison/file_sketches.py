"""Compare two files by the sketches of their first frames."""

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
class FileSketch:
    """What `sketch_file` reads of a file."""

    sketch: Sketch
    """Sketch of the first frame or page."""
    several: bool
    """Whether the file has more than one frame or page."""

    def may_show_same(self, other: FileSketch) -> bool:
        """Whether both may show the same thing: no difference in detail rules it out."""
        return shares_detail(self.sketch, other.sketch)


def sketch_file(path: Path) -> FileSketch | None:
    """Sketch the first frame of a file; None if the file is missing or cannot be read."""
    try:
        data = read_file(path)
        contents = read_contents(data)
        if contents.unlike is not None:
            return FileSketch(sketch_of([decode(data, name=str(path), target=SIDE // 2)]), contents.several)
        first = next(frames(data, contents, name=str(path), target=SIDE // 2), None)
        return None if first is None else FileSketch(sketch_of(first.grounds), contents.several)
    except PictureError:
        return None
