"""Which parts of a picture make it similar to another: hide one part after the other, and embed the rest.

Source: Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, with the cosine similarity
to another picture in place of the score of a class. What is hidden is replaced by a blurred copy of the picture rather
than by grey, as in Fong and Vedaldi, "Interpretable explanations of black boxes by meaningful perturbation", ICCV 2017:
a grey square is a new object on a white ground, and lowers the similarity by itself. It needs nothing of an encoder but
its vectors. The exact decomposition of pooled features (Stylianou et al., WACV 2019) was rejected: the default encoder
projects several networks, of which one pools by a power mean and one knows colours, and OpenVINO shows no inner maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from search.types import Floats

    Pixels = NDArray[np.uint8]
    """`(H, W, 3)`, RGB."""

WINDOWS = 100
"""About so many windows of a picture: each is one picture for the encoder."""
WIDTH = 3.2
"""Side of a window, in cells: a tenth of the picture is hidden at once. With much less, no single window hides a thing;
with much more, the map cannot say where it is."""
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells that cover a picture; around the centre of each lies a window, which overlaps its neighbours."""

    rows: int
    columns: int

    @classmethod
    def of(cls, width: int, height: int, most: int = WINDOWS) -> Grid:
        """The rows and columns of a picture of any shape: about `most` square cells, none smaller than a pixel."""
        side = max(1.0, (width * height / most) ** 0.5)
        columns = min(max(1, round(width / side)), most)
        rows = min(max(1, round(height / side)), most)
        return cls(rows, columns)

    def mask(self, row: int, column: int, width: int, height: int) -> Floats:
        """How much of each pixel a window hides, `(height, width) float32` from 0 to 1.

        A window is hidden entirely but for its edge, where it fades over one cell: a sharp edge is a shape that the
        encoder would see.
        """
        return np.outer(_hidden(row, self.rows, height), _hidden(column, self.columns, width))


def occlusion(pixels: Pixels, embed: Callable[[list[Pixels]], Floats], target: Floats) -> Floats:
    """Hide every window of a picture in turn, and measure the fall of its similarity to another.

    Args:
        pixels: the picture.
        embed: returns the embeddings of pictures of its size, `(N, D)` unit rows.
        target: `(D,)`, the embedding of the other picture, a unit vector.

    Returns:
        `(rows, columns) float32`: for the cells of `Grid.of`, how much the cosine similarity to the other picture falls
        when the window around the cell is hidden; averaged with the neighbouring windows, by the weights 1, 2, 1 along
        both sides, because one window can fall upon a detail by chance. Above 0, the part makes the pictures similar;
        below 0, they would be more similar without it.
    """
    height, width, _ = pixels.shape
    grid = Grid.of(width, height)
    (shown,) = embed([pixels]) @ target
    similarities = [embed(batch) @ target for batch in _batches(_hiding(pixels, grid))]
    falls = (shown - np.concatenate(similarities)).astype(np.float32)
    return _smooth(_smooth(falls.reshape(grid.rows, grid.columns)).T).T


def _smooth(rows: Floats) -> Floats:
    """Average each row with its neighbours; the first and the last have themselves as one."""
    padded = np.pad(rows, ((1, 1), (0, 0)), mode="edge")
    return (padded[:-2] + 2 * rows + padded[2:]) / 4


def _hiding(pixels: Pixels, grid: Grid) -> Iterator[Pixels]:
    """The picture with each window hidden, row by row."""
    height, width, _ = pixels.shape
    plain = blurred(pixels, WIDTH / 2 * max(height / grid.rows, width / grid.columns)).astype(np.float32)
    for row in range(grid.rows):
        for column in range(grid.columns):
            mask = grid.mask(row, column, width, height)
            above, left = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            part = slice(above[0], above[-1] + 1), slice(left[0], left[-1] + 1)
            hidden, share = pixels.copy(), mask[part][..., None]
            hidden[part] = np.rint(pixels[part] * (1 - share) + plain[part] * share).astype(np.uint8)
            yield hidden


def blurred(pixels: Pixels, radius: float) -> Pixels:
    """A copy without detail: blurred by a Gaussian of this standard deviation in pixels."""
    from PIL import Image, ImageFilter

    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def _hidden(place: int, count: int, pixels: int) -> Floats:
    """How much of each pixel of a side the window around a cell hides, `(pixels,)`."""
    cells = (np.arange(pixels, dtype=np.float32) + 0.5) * count / pixels
    return np.clip(WIDTH / 2 - np.abs(cells - place - 0.5) + 0.5, 0, 1)


def _batches(pictures: Iterator[Pixels]) -> Iterator[list[Pixels]]:
    batch: list[Pixels] = []
    for each in pictures:
        batch.append(each)
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
