"""Which pictures make a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class BatchesByClass:
    """P x K batches: P classes, K views of each, `repeats` of which show a picture that is there already.

    A batch follows from `(seed, step)` alone, so that a resumed run draws what it would have drawn. The samplers of
    pytorch-metric-learning carry their state from batch to batch, and know no second views.
    """

    def __init__(
        self,
        classes: NDArray[np.int64],
        *,
        classes_per_batch: int,
        views_per_class: int,
        repeats: int,
        seed: int,
    ) -> None:
        """Take the class `(N,)` of each picture; a class of one picture is never drawn.

        Raises:
            DataError: fewer than two classes of at least two pictures.
        """
        if views_per_class < 2 or not 0 <= repeats <= views_per_class // 2:
            raise DataError(
                f"views_per_class {views_per_class} with repeats {repeats}: "
                "a batch needs at least 2 views of a class, at most half of them repeats"
            )
        order = np.argsort(classes, kind="stable")
        bounds = np.flatnonzero(np.diff(classes[order])) + 1
        self._rows = [rows for rows in np.split(order, bounds) if len(rows) > 1]
        if len(self._rows) < 2:
            raise DataError("training needs at least 2 classes of at least 2 pictures each")
        self.classes_per_batch = min(classes_per_batch, len(self._rows))
        self.views_per_class = views_per_class
        self.repeats = repeats
        self.seed = seed

    def batch(self, step: int) -> NDArray[np.int64]:
        """Rows of the pictures of one batch `(P * K,)`, class by class; a row that stands twice is one picture
        in two views.
        """
        generator = np.random.default_rng((self.seed, step))
        chosen = generator.choice(len(self._rows), self.classes_per_batch, replace=False)
        return np.concatenate([self._of_class(self._rows[number], generator) for number in chosen])

    def _of_class(self, rows: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
        fresh = self.views_per_class - self.repeats
        if len(rows) < fresh:
            return np.resize(generator.permutation(rows), self.views_per_class)
        drawn = generator.choice(rows, fresh, replace=False)
        return np.concatenate([drawn, drawn[: self.repeats]])
