"""The page of `benchmarks.feedback`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexer.metrics.bootstrap import Figure, mean_figure
from search.config import QueryConfig

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Measured:
    """The next hits of the queries of one collection."""

    title: str
    pictures: int
    classes: NDArray[np.int64]
    """`(Q,)` the label of each query."""
    before: NDArray[np.bool_]
    """`(Q, k)` whether each of the next k hits has the label of the query, without feedback."""
    after: NDArray[np.bool_]
    """The same with feedback."""

    @property
    def gain(self) -> float:
        """Rise of the mean precision."""
        return float(self.after.mean() - self.before.mean())

    def row(self) -> str:
        """Precision and R@10, without and with feedback, and their differences with intervals, as a row of a table."""
        cells = [self.title, f"{len(self.classes)} of {self.pictures}"]
        for of in (np.mean, np.any):
            before, after = (of(hits, axis=1).astype(np.float64) for hits in (self.before, self.after))
            cells += [f"{before.mean():.3f}", f"{after.mean():.3f}", _signed(mean_figure(after - before, self.classes))]
        return f"| {' | '.join(cells)} |"


def page(
    command: str,
    minutes: float,
    encoder: str,
    twin: str,
    reported: Sequence[Measured],
    everyday: Mapping[tuple[float, float], float],
    users: Mapping[tuple[int, int], Mapping[float, float]],
) -> str:
    """The page: figures of the reported collections, and the comparison of weights."""
    own = " " if twin == encoder else f" The varied sets were embedded by `{twin}`, which was trained without them.\n"
    liked, disliked = QueryConfig.liked_weight, QueryConfig.disliked_weight
    dislikes = next(iter(users.values()))
    likes = sorted({weight for weight, _ in everyday})
    by_user = [
        f"| {_user(like, dislike)} | {_cells([of[weight] for weight in dislikes])} |"
        for (like, dislike), of in users.items()
    ]
    by_like = [f"| liked {like:g} | {_cells([everyday[like, weight] for weight in dislikes])} |" for like in likes]
    head = f"{' | '.join(f'disliked {weight:g}' for weight in dislikes)} |\n|---|{'---:|' * len(dislikes)}"
    rows = "\n".join(each.row() for each in reported)
    return f"""# What liked and disliked hits are worth

Hits that a user liked or disliked move the query ([relevance feedback](../search.md#relevance-feedback)). This page
measures what the next hits gain. Every picture is a query for all others of its collection. A simulated user looks at
the first 10 hits, likes up to 3 that have the label of the query and dislikes up to 3 that have not, the nearest first.
The next 10 hits are then judged, among the pictures that were not seen: liked pictures do not count (the residual
collection of Chang, Cirillo and Razon, 1971). Without feedback, they are hits 11 to 20. Queries with no further picture
of their label are left out.

    {command}

Encoder `{encoder}`.{own}Measured in {minutes:.0f} minutes on two cores that were shared with other work.

## Held-out classes

Precision: the share of the next 10 hits with the label of the query. R@10: the share of queries with at least one such
hit. Intervals are 95 %, by bootstrap over labels.

| collection | queries | precision | with feedback | difference | R@10 | with feedback | difference |
|---|---|---:|---:|---|---:|---:|---|
{rows}

## Weights

The weights in use are those of Salton and Buckley (1990): {liked:g} for the liked pictures, and {disliked:g} for
the disliked ones. They were compared with others on other classes than those above: the rise of the precision, the mean
over three collections.

| 3 liked, 3 disliked | {head}
{chr(10).join(by_like)}

With {liked:g} for the liked pictures, by what the user rates:

| user | {head}
{chr(10).join(by_user)}

A large weight of disliked pictures helps users who rate many hits, and harms those who only dislike one: the query then
moves away from pictures of its own kind too.
"""


def _user(likes: int, dislikes: int) -> str:
    return ", ".join(f"{verb} up to {most}" for verb, most in (("likes", likes), ("dislikes", dislikes)) if most)


def _cells(values: Sequence[float]) -> str:
    return " | ".join(f"{value:+.3f}" for value in values)


def _signed(figure: Figure) -> str:
    bounds = "" if figure.interval is None else " ({:+.3f} to {:+.3f})".format(*figure.interval)
    return f"{figure.value:+.3f}{bounds}"
