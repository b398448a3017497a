"""Identification: who or what a picture shows, from one or more reference pictures, or that it is unknown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from search.config import IdentifyConfig
from search.counts import check_count
from search.distance import distances
from search.errors import IndexFolderError, QueryError
from search.recognition.calibration import lowest_rate, pairs_for, reference_distance

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from search.config import References
    from search.crop import Crop
    from search.pictures.quality import Quality
    from search.recognition.calibration import Calibration
    from search.store.records import TemplateRecord
    from search.types import Floats

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Identity:
    """An enrolled person or thing."""

    name: str
    templates: tuple[Path, ...]
    """Paths of its reference pictures at the time of enrolment."""
    created: str
    """ISO 8601, UTC."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"name": self.name, "templates": [str(path) for path in self.templates], "created": self.created}


@dataclass(frozen=True, slots=True)
class Candidate:
    """An identity, its distance to a picture, and the calibrated probability of a match."""

    name: str
    distance: float
    probability: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"name": self.name, "distance": self.distance, "probability": self.probability}


@dataclass(frozen=True, slots=True)
class OpenSetThreshold:
    """The distance up to which the nearest identity is accepted."""

    distance: float
    false_accept: float | None
    """Share of strangers that are accepted at this threshold; None if the threshold was given by the caller."""


@dataclass(frozen=True, slots=True)
class Identification:
    """Result of identifying a picture, or one of the faces in it."""

    name: str | None
    """None if unknown: no enrolled identity is near enough, or the picture was `refused`."""
    candidates: tuple[Candidate, ...]
    """The nearest identities, nearest first, whether accepted or not."""
    threshold: OpenSetThreshold
    quality: Quality | None = field(default=None)
    refused: str = ""
    """Why the face was not identified although it was found: its quality is poor and it is not forced."""
    box: Crop | None = None
    """Where the face is in the picture; None if the encoder embeds whole pictures."""
    others: tuple[Identification, ...] = ()
    """Results for the other faces of the picture, the largest first. This one is for the largest face of all."""

    @property
    def nearest(self) -> Candidate:
        """The nearest identity."""
        return self.candidates[0]

    @property
    def everyone(self) -> tuple[Identification, ...]:
        """The results for all faces of the picture, the largest first: this one and the `others`."""
        return (self, *self.others)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "name": self.name,
            "distance": self.nearest.distance,
            "probability": self.nearest.probability,
            "threshold": self.threshold.distance,
            "false_accept": self.threshold.false_accept,
            "candidates": [each.to_dict() for each in self.candidates],
            "quality": None if self.quality is None else self.quality.to_dict(),
            "refused": self.refused,
            "box": None if self.box is None else self.box.ends,
            "others": [each.to_dict() for each in self.others],
        }


class Gallery:
    """All enrolled identities, with the embeddings of their reference pictures."""

    def __init__(self, templates: Sequence[TemplateRecord], dim: int) -> None:
        """Take templates sorted by identity.

        Raises:
            IndexFolderError: the embedding of a template is not a unit vector of length `dim`.
        """
        for each in templates:
            check_template(each, dim)
        rows = [np.frombuffer(each.vector, dtype="<f4") for each in templates]
        self.vectors: Floats = np.array(rows, dtype=np.float32).reshape(len(rows), dim)
        self.rows: dict[str, list[int]] = {}
        for row, each in enumerate(templates):
            self.rows.setdefault(each.identity, []).append(row)
        self.names = sorted(self.rows)
        self._templates = templates

    def __len__(self) -> int:
        """Number of identities, not of reference pictures."""
        return len(self.names)

    def identities(self) -> list[Identity]:
        """All identities, by name."""
        identities = []
        for name in self.names:
            templates = [self._templates[row] for row in self.rows[name]]
            identities.append(
                Identity(name, tuple(each.path for each in templates), min(each.created for each in templates))
            )
        return identities

    def comparisons(self, references: References) -> int:
        """Number of distances compared: one per reference picture, or one per identity for their mean."""
        return len(self.vectors) if references == "best" else len(self.names)

    def candidates(self, vector: Floats, references: References, calibration: Calibration | None) -> list[Candidate]:
        """Rank all identities by their distance to an embedding `(dim,)`; ties by name."""
        apart = self._distances(vector, references)
        chances = [None] * len(apart) if calibration is None else calibration.probability(apart).tolist()
        candidates = map(Candidate, self.names, apart, chances)
        return sorted(candidates, key=lambda each: (each.distance, each.name))

    def _distances(self, vector: Floats, references: References) -> list[float]:
        """Distance to each identity, in the order of `names`; for `best` with one pass over the matrix."""
        if references != "best":
            return [reference_distance(vector, self.vectors[self.rows[name]], references) for name in self.names]
        each = distances(self.vectors, vector).tolist()
        return [min(each[row] for row in self.rows[name]) for name in self.names]


class Decider:
    """Decides which identity of a gallery an embedding shows; raises at once if no decision is possible."""

    def __init__(
        self, folder: Path | str, gallery: Gallery, calibration: Calibration | None, config: IdentifyConfig
    ) -> None:
        """Choose the threshold.

        Raises:
            QueryError: no identity is enrolled, or there is neither a calibration nor a threshold to decide by.
        """
        if len(gallery) == 0:
            raise QueryError(
                f"{folder}: no identity is enrolled. Begin with twinlens enroll NAME PICTURE --index {folder}"
            )
        check_count("k", config.k)
        self.gallery = gallery
        self.calibration = calibration
        self.config = config
        self.threshold = self._threshold(folder)

    def decide(self, vector: Floats, quality: Quality | None = None, box: Crop | None = None) -> Identification:
        """Identify an embedding `(dim,)`: the nearest identity if it is near enough and the quality good, else unknown.

        Args:
            vector: unit length, made by the encoder of the gallery.
            quality: of the part of the picture that was embedded; None is good.
            box: where that part is.
        """
        ranked = self.gallery.candidates(vector, self.config.references, self.calibration)
        refused = "" if quality is None or self.config.force else "; ".join(quality.problems)
        name = ranked[0].name if not refused and ranked[0].distance <= self.threshold.distance else None
        return Identification(name, tuple(ranked[: self.config.k]), self.threshold, quality, refused, box)

    def _threshold(self, folder: Path | str) -> OpenSetThreshold:
        given = self.config.threshold
        if given is not None:
            if not 0 <= given <= 2:
                raise QueryError(f"a threshold is a distance from 0 to 2, not {given}")
            return OpenSetThreshold(given, None)
        if self.calibration is None:
            raise QueryError(
                f"{folder}: is not calibrated, so there is no threshold for strangers. Run twinlens calibrate "
                f"{folder} with labelled pictures, or give a threshold"
            )
        comparisons = self.gallery.comparisons(self.config.references)
        return open_set_threshold(self.calibration, comparisons, self.config.max_false_accept)


def open_set_threshold(
    calibration: Calibration, comparisons: int, max_false_accept: float | None = IdentifyConfig.max_false_accept
) -> OpenSetThreshold:
    """Find the distance at which at most a given share of strangers is accepted as an enrolled identity.

    A stranger is compared with every identity. If each of n comparisons is wrong with probability f, independently,
    then 1 - (1 - f)^n of the strangers are accepted; so f must be 1 - (1 - r)^(1/n) for a share of r. In practice the
    comparisons of one stranger are correlated, which makes the share smaller. The threshold is never looser than that
    of verification.
    Source: Grother and Phillips, "Models of large population recognition performance", CVPR 2004 (the binomial model).

    Args:
        calibration: of the encoder that made the embeddings.
        comparisons: how many reference embeddings a picture is compared with.
        max_false_accept: share of strangers, r. Defaults to the false accept rate at the threshold of the calibration,
            or the lowest rate that can be measured on its pairs.

    Raises:
        QueryError: not a share between 0 and 1, or one too low for the number of pairs of the calibration.
    """
    least = lowest_rate(calibration.different_pairs)
    if least >= 1:
        raise QueryError(
            f"{calibration.different_pairs} different pairs are too few for a threshold for strangers."
            " Calibrate with more"
        )
    if max_false_accept is None:
        rate = max(_each(max(calibration.far.value, least), comparisons), least)
    elif not 0 < max_false_accept < 1:
        raise QueryError(f"max_false_accept is a share of strangers between 0 and 1, not {max_false_accept}")
    elif _each(max_false_accept, comparisons) < least:
        raise QueryError(
            f"at most {max_false_accept:g} of strangers among {comparisons} reference pictures needs a calibration on "
            f"{pairs_for(_each(max_false_accept, comparisons)):.0f} different pairs, and this one has "
            f"{calibration.different_pairs}. Calibrate with more pictures, or allow {_any(least, comparisons):.2g}"
        )
    else:
        rate = _each(max_false_accept, comparisons)
    distance = min(calibration.threshold, calibration.threshold_at(rate * (1 + _ROUNDING)))
    return OpenSetThreshold(distance, _any(calibration.far_at(distance), comparisons))


def check_template(template: TemplateRecord, dim: int) -> None:
    """Raise IndexFolderError unless a template holds a unit vector of `dim` numbers."""
    vector = np.frombuffer(template.vector, dtype="<f4") if len(template.vector) % 4 == 0 else np.empty(0)
    if len(vector) != dim or not abs(float(np.linalg.norm(vector)) - 1.0) < 1e-3:
        raise IndexFolderError(
            f"the embedding of {template.path}, a reference picture of {template.identity!r}, is damaged. Run twinlens "
            f"unenroll and enroll for this name again"
        )


def _each(share: float, comparisons: int) -> float:
    return 1.0 - float((1.0 - share) ** (1.0 / comparisons))


def _any(rate: float, comparisons: int) -> float:
    return 1.0 - float((1.0 - rate) ** comparisons)
