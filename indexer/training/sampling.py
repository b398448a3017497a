"""Choose the pictures of each batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from indexer.training.config import TrainConfig


class Sampler(Protocol):
    """Chooses the pictures of a batch from the step alone, so that a resumed run continues with the same batches.

    The samplers of pytorch-metric-learning keep state between batches, and do not support second views of a picture.
    """

    def batch(self, step: int) -> NDArray[np.int64]:
        """Rows of the pictures of one batch `(B,)`; a repeated row means two views of one picture."""
        ...


def make_sampler(config: TrainConfig, classes: NDArray[np.int64], names: Sequence[str] = ()) -> Sampler:
    """Make the sampler for `config.sampling`, from the class `(N,)` of each picture and the names of the classes.

    If `config.labelled` is false, each picture comes once per epoch, in two views that form the positive pair;
    `p-x-k` and `random` are then the same.

    Raises:
        DataError: too few classes or pictures, a batch that is too small, or random triplets without labels.
    """
    views = config.classes_per_batch * config.views_per_class
    if not config.labelled:
        if config.sampling == "random-triplets":
            raise DataError("sampling random-triplets: draws by class, but labelled is false. Use p-x-k or random")
        return RandomBatches(len(classes), size=views // 2, views=2, seed=config.seed)
    if config.sampling == "random":
        _check_two_classes(classes)
        return RandomBatches(len(classes), size=views, seed=config.seed)
    if config.sampling == "random-triplets":
        return RandomTriplets(classes, triplets=views // 3, seed=config.seed)
    return BatchesByClass(
        classes,
        classes_per_batch=config.classes_per_batch,
        views_per_class=config.views_per_class,
        repeats=config.repeats,
        by_size=config.class_draw == "by-size",
        folders=[name.rpartition("/")[0] for name in names] if config.class_draw == "by-folder" else None,
        classes_per_folder=config.classes_per_folder,
        seed=config.seed,
    )


class BatchesByClass:
    """P x K batches: P classes, K views of each, `repeats` of which are second views of a picture in the batch."""

    def __init__(
        self,
        classes: NDArray[np.int64],
        *,
        classes_per_batch: int,
        views_per_class: int,
        repeats: int,
        seed: int,
        by_size: bool = False,
        folders: Sequence[str] | None = None,
        classes_per_folder: int = 8,
        folder_power: float = 1.0,
    ) -> None:
        """Take the class `(N,)` of each picture; a class with a single picture is never drawn.

        `by_size` draws classes in proportion to their pictures instead of evenly. With `folders`, one per class, the
        classes of a batch are drawn folder by folder, at most `classes_per_folder` from each. Folders are drawn in
        proportion to their classes to the power of `folder_power`: by 1 all classes come about equally often, by 0 all
        folders.

        Raises:
            DataError: fewer than two classes of at least two pictures.
        """
        if views_per_class < 2 or not 0 <= repeats <= views_per_class // 2:
            raise DataError(
                f"views_per_class {views_per_class} with repeats {repeats}: "
                "a batch needs at least 2 views per class, at most half of them repeats"
            )
        order = np.argsort(classes, kind="stable")
        bounds = np.flatnonzero(np.diff(classes[order])) + 1
        self._rows = [rows for rows in np.split(order, bounds) if len(rows) > 1]
        if len(self._rows) < 2:
            raise DataError("training needs at least 2 classes of at least 2 pictures each")
        self._folders = None if folders is None else _members([folders[classes[rows[0]]] for rows in self._rows])
        most = sum(min(len(each), classes_per_folder) for each in self._folders) if self._folders else len(self._rows)
        self.classes_per_batch = min(classes_per_batch, most)
        self.classes_per_folder = classes_per_folder
        self._power = folder_power
        self.views_per_class = views_per_class
        self.repeats = repeats
        self.seed = seed
        sizes = np.array([len(rows) for rows in self._rows], dtype=np.float64)
        self._chances = sizes / sizes.sum() if by_size else None

    def batch(self, step: int) -> NDArray[np.int64]:
        """Rows of the pictures of one batch `(P * K,)`, class by class; a repeated row means two views."""
        generator = np.random.default_rng((self.seed, step))
        chosen = (
            generator.choice(len(self._rows), self.classes_per_batch, replace=False, p=self._chances)
            if self._folders is None
            else self._by_folder(self._folders, generator)
        )
        return np.concatenate([self._of_class(self._rows[number], generator) for number in chosen])

    def _by_folder(self, folders: list[NDArray[np.int64]], generator: np.random.Generator) -> NDArray[np.int64]:
        """Draw folders by their numbers of classes, then classes from each."""
        sizes = np.array([len(each) for each in folders], dtype=np.float64) ** self._power
        order = generator.choice(len(folders), len(folders), replace=False, p=sizes / sizes.sum())
        chosen = [generator.permutation(folders[number])[: self.classes_per_folder] for number in order]
        return np.concatenate(chosen)[: self.classes_per_batch]

    def _of_class(self, rows: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
        fresh = self.views_per_class - self.repeats
        if len(rows) < fresh:
            return np.resize(generator.permutation(rows), self.views_per_class)
        drawn = generator.choice(rows, fresh, replace=False)
        return np.concatenate([drawn, drawn[: self.repeats]])


class RandomBatches:
    """Every picture once per epoch, in a new random order each time.

    A batch that reaches the end of an epoch continues with the next epoch, so that all batches have the same size and
    no picture is left out. Such a batch may contain a picture twice.
    """

    def __init__(self, pictures: int, *, size: int, views: int = 1, seed: int) -> None:
        """Draw `size` pictures per batch, each in `views` views.

        Raises:
            DataError: fewer than two pictures, in all or in a batch.
        """
        if min(pictures, size) < 2:
            raise DataError(
                f"{pictures} pictures in batches of {size}: training needs at least 2 pictures, and 2 in a batch"
            )
        self.pictures = pictures
        self.size = size
        self.views = views
        self.seed = seed
        self._shuffled: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, dtype=np.int64))

    def batch(self, step: int) -> NDArray[np.int64]:
        """Rows of one batch `(size * views,)`, the views of a picture next to each other."""
        position, end = step * self.size, (step + 1) * self.size
        parts = []
        while position < end:
            epoch, start = divmod(position, self.pictures)
            part = self._order(epoch)[start : start + end - position]
            parts.append(part)
            position += len(part)
        return np.repeat(np.concatenate(parts), self.views)

    def _order(self, epoch: int) -> NDArray[np.int64]:
        """The order of an epoch, a function of its number alone; cached, because many batches need the same one."""
        if self._shuffled[0] != epoch:
            self._shuffled = (epoch, np.random.default_rng((self.seed, epoch)).permutation(self.pictures))
        return self._shuffled[1]


class RandomTriplets:
    """Uniformly random anchors, each with a uniformly random positive and negative."""

    def __init__(self, classes: NDArray[np.int64], *, triplets: int, seed: int) -> None:
        """Take the class `(N,)` of each picture; a picture alone in its class can only be a negative.

        Raises:
            DataError: no class with two pictures, only one class, or a batch too small for a triplet.
        """
        _check_two_classes(classes)
        if triplets < 1:
            raise DataError(
                "sampling random-triplets: a batch of fewer than 3 views has no triplet. Use larger batches"
            )
        self.triplets = triplets
        self.seed = seed
        self._order = np.argsort(classes, kind="stable")
        _, starts, counts = np.unique(classes[self._order], return_index=True, return_counts=True)
        self._starts, self._counts = np.repeat(starts, counts), np.repeat(counts, counts)
        self._anchors = np.flatnonzero(self._counts > 1)
        if len(self._anchors) == 0:
            raise DataError("training needs a class of at least 2 pictures: no picture has a positive")

    def batch(self, step: int) -> NDArray[np.int64]:
        """Rows of one batch `(3 * triplets,)`: anchor, positive, negative, and so on."""
        generator = np.random.default_rng((self.seed, step))
        # Positions among the pictures sorted by class, where each class is one run: `count` positions from `start` on.
        anchors = generator.choice(self._anchors, self.triplets)
        starts, counts = self._starts[anchors], self._counts[anchors]
        positives = starts + (anchors - starts + generator.integers(1, counts)) % counts
        others = generator.integers(0, len(self._order) - counts)
        negatives = others + np.where(others >= starts, counts, 0)
        rows: NDArray[np.int64] = self._order[np.stack([anchors, positives, negatives], axis=1).ravel()]
        return rows


def _members(folders: Sequence[str]) -> list[NDArray[np.int64]]:
    """The classes of each folder."""
    _, numbers = np.unique(np.array(folders), return_inverse=True)
    return [np.flatnonzero(numbers == number) for number in range(int(numbers.max()) + 1)]


def _check_two_classes(classes: NDArray[np.int64]) -> None:
    if len(classes) == 0 or (classes == classes[0]).all():
        raise DataError("training needs at least 2 classes, but all pictures have the same one")
