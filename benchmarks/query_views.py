"""Whether a query by several views of a picture finds more: `python -m benchmarks.query_views --out PAGE`.

Every query is compared with all other pictures of its collection, which are embedded as they are. Collections whose
pictures the encoder was trained on are left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.held_out import COLLECTIONS, pictures_of, trained_on
from indexer.metrics.bootstrap import mean_figure
from indexer.training.data import evenly
from search.config import DecodeConfig
from search.encoders import load_encoder
from search.pictures.decode import load_picture
from search.query.views import VIEWS, mean_of_views, views_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    from search.encoders.base import Encoder
    from search.types import Floats

_AT_ONCE = 64
WAYS: dict[str, tuple[int, ...]] = {
    "with the middle": (0, 1),
    "with the mirrored picture": (0, 2),
    f"all {VIEWS} views (`--views`)": tuple(range(VIEWS)),
}
"""Which views a query is the mean of, by their places in `views_of`."""
HEAD = ("encoder", "collection", "queries", "gallery", "plain R@1", *WAYS)


def read(paths: Sequence[Path], encoder: Encoder) -> list[Image]:
    """Decode pictures as a query does."""
    return [load_picture(path, target=encoder.input_size, config=DecodeConfig()) for path in paths]


def embed(images: Sequence[Image], encoder: Encoder) -> Floats:
    """Embed pictures, some at a time."""
    parts = [encoder.encode(images[start : start + _AT_ONCE]) for start in range(0, len(images), _AT_ONCE)]
    return np.concatenate(parts)


def first_is_right(
    queries: Floats, vectors: Floats, labels: NDArray[np.int64], own: Sequence[int]
) -> NDArray[np.bool_]:
    """Whether the nearest picture of each query, other than itself, has its label."""
    cosines = queries @ vectors.T
    cosines[np.arange(len(own)), own] = -np.inf
    right: NDArray[np.bool_] = labels[cosines.argmax(axis=1)] == labels[list(own)]
    return right


def measure(name: str, datasets: Path, queries: int, gallery: int, titles: Sequence[str]) -> list[list[str]]:
    """One row of the table for each collection that an encoder was not trained on."""
    encoder = load_encoder(name, device="cpu")
    config = getattr(encoder, "card", {}).get("config")
    rows = []
    for collection in COLLECTIONS:
        split = pictures_of(collection, datasets, gallery)
        paths = list(split.paths)
        if collection.title not in titles or not paths or trained_on(collection, paths, datasets, config):
            continue
        labels = split.classes
        asked = evenly(split, queries)
        own = [paths.index(path) for path in asked.paths]
        images = read(paths, encoder)
        vectors = embed(images, encoder)
        views = np.stack([embed([views_of(images[place])[view] for place in own], encoder) for view in range(VIEWS)])
        plain = first_is_right(vectors[own], vectors, labels, own)
        cells = [f"`{name}`", collection.title, f"{len(own):,}", f"{len(paths):,}"]
        cells.append(str(mean_figure(plain.astype(np.float64), labels[own])))
        for chosen in WAYS.values():
            mean = np.stack([mean_of_views(each) for each in views[list(chosen)].swapaxes(0, 1)])
            right = first_is_right(mean, vectors, labels, own)
            gained = mean_figure(right.astype(np.float64) - plain, labels[own])
            cells.append(f"{gained.value:+.3f} ({gained.low or 0:+.3f} to {gained.high or 0:+.3f})")
        rows.append(cells)
        print(f"| {' | '.join(cells)} |", flush=True)
    return rows


def page(rows: Sequence[Sequence[str]]) -> str:
    """The page in Markdown."""
    table = [f"| {' | '.join(cells)} |" for cells in (HEAD, ["---", "---", *["---:"] * (len(HEAD) - 2)], *rows)]
    text = [
        "# Queries by several views",
        "",
        "Written by `python -m benchmarks.query_views`. Each query picture is compared with all other pictures of its "
        "collection, which the encoder was not trained on. *Plain R@1* is the share of queries whose nearest picture "
        "has the same label. The other columns are the change of that share when the query is the mean embedding of "
        "several views, on the same queries. In parentheses: 95 % intervals of resampled labels. An interval that "
        "contains 0 shows no difference.",
        "",
        *table,
        "",
        "Several views cost as many times the forward pass of a query. They are off by default.",
        "",
    ]
    return "\n".join(text)


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=Path, default=Path(".cache/datasets"))
    parser.add_argument("--encoders", nargs="+", default=["small", "photo"])
    parser.add_argument("--queries", type=int, default=350)
    parser.add_argument("--gallery", type=int, default=700)
    parser.add_argument("--collections", nargs="+", default=[each.title for each in COLLECTIONS[:4]])
    parser.add_argument("--out", type=Path, help="the page to write; without it, the rows are only printed")
    given = parser.parse_args()
    rows = [
        row
        for name in given.encoders
        for row in measure(name, given.datasets, given.queries, given.gallery, given.collections)
    ]
    if given.out is not None:
        given.out.write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
