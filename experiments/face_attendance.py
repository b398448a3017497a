"""Measure attendance end to end: calibrate, enrol people, follow a camera for three days.

Each of the test people comes once a day, in random order, and is photographed three times within two minutes. Half of
them are enrolled with one reference picture each; the others are strangers. The log of `twinlens attend` is compared
with the actual visits.
"""

from __future__ import annotations

import csv
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from indexer.calibration.calibrate import calibrate
from indexer.calibration.config import CalibrateConfig
from indexer.people.attendance import attend
from indexer.people.enroll import enroll
from search.config import AttendConfig, EnrollConfig, IdentifyConfig
from search.errors import DataError, PictureError

if TYPE_CHECKING:
    from collections.abc import Sequence

DAYS, SHOTS = 3, 3
"""Nine pictures of each person are queries; a tenth is the reference."""
FIRST_DAY = datetime(2026, 1, 5, 8, tzinfo=UTC)
RESAMPLES = 100
"""The threshold does not depend on the number of resamples, only the stored intervals do."""
BETWEEN_PEOPLE, BETWEEN_SHOTS = timedelta(minutes=5), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Visit:
    """A person in front of the camera, from the first picture to the last."""

    person: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Attended:
    """Counts of one or more runs, which can be added."""

    visits: int = 0
    """Visits of enrolled people."""
    logged: int = 0
    """Visits of enrolled people that are logged under the right name."""
    strangers: int = 0
    """Visits of strangers."""
    admitted: int = 0
    """Visits of strangers that are logged under any name."""
    wrong: int = 0
    """Lines with the name of an enrolled person while another enrolled person was there."""

    def __add__(self, other: Attended) -> Attended:
        return Attended(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


def attended(
    encoder: str, people: dict[str, list[Path]], watched: Sequence[Path], *, max_false_accept: float | None, seed: int
) -> Attended:
    """Enrol a random half of the people, follow the camera, and count.

    Args:
        encoder: a name, or a folder that `twinlens train` wrote.
        people: the test people, with at least ten pictures of each.
        watched: pictures of other people for calibration, each in the folder of its person. None for an encoder that
            has a calibration of its own.
        max_false_accept: allowed share of strangers' pictures that are identified as somebody; defaults to that of
            `twinlens attend`.
        seed: random seed of the halves, the order of visits, and the references.
    """
    random = np.random.default_rng(seed)
    names = [str(name) for name in random.permutation(sorted(people))]
    enrolled = set(names[: len(names) // 2])
    pictures = {name: [people[name][place] for place in random.permutation(len(people[name]))] for name in names}
    with TemporaryDirectory() as scratch:
        files = ("faces.index", "camera", "log.csv", "watched.csv")
        index, camera, log, labels = (Path(scratch, name) for name in files)
        for name in sorted(enrolled):
            reference = enroll_first(index, name, pictures[name], encoder)
            pictures[name] = [reference, *(path for path in pictures[name] if path != reference)]
        if watched:
            write_labels(labels, watched)
            calibrate(index, labels=str(labels), config=CalibrateConfig(resamples=RESAMPLES, device="cpu"))
        visits = photograph({name: paths[1:] for name, paths in pictures.items()}, camera, random)
        identify = IdentifyConfig(max_false_accept=max_false_accept, force=True)
        attend(camera, index, log, AttendConfig(once=True, identify=identify), device="cpu")
        return counted(visits, read_log(log), enrolled)


def enroll_first(index: Path, name: str, pictures: Sequence[Path], encoder: str) -> Path:
    """Enroll a person with the first picture in which the encoder finds a face, and return it."""
    for picture in pictures:
        try:
            enroll(index, name, [picture], EnrollConfig(encoder=encoder, device="cpu", force=True))
        except PictureError:
            continue
        return picture
    raise DataError(f"{name}: no picture of this person can be enrolled")


def photograph(pictures: dict[str, list[Path]], camera: Path, random: np.random.Generator) -> list[Visit]:
    """Fill a camera's folder with copies whose modification time is the time of the visit, in random order of names."""
    camera.mkdir()
    visits, number = [], iter(random.permutation(DAYS * SHOTS * len(pictures)))
    for day in range(DAYS):
        moment = FIRST_DAY + timedelta(days=day)
        for person in random.permutation(sorted(pictures)):
            begins = moment
            for picture in pictures[str(person)][SHOTS * day : SHOTS * (day + 1)]:
                copied = Path(shutil.copyfile(picture, camera / f"{next(number):04}{picture.suffix}"))
                os.utime(copied, (moment.timestamp(), moment.timestamp()))
                ends, moment = moment, moment + BETWEEN_SHOTS
            visits.append(Visit(str(person), begins, ends))
            moment += BETWEEN_PEOPLE
    return visits


def write_labels(file: Path, pictures: Sequence[Path]) -> None:
    """Write the CSV for `twinlens calibrate --labels`; the label of a picture is the name of its folder."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("path", "label"), *((path.absolute(), path.parent.name) for path in pictures)])


def read_log(log: Path) -> list[tuple[datetime, str]]:
    """Read the lines of a log of visits: time and name."""
    with log.open(newline="", encoding="utf-8") as stream:
        return [(datetime.fromisoformat(row["time"]), row["name"]) for row in csv.DictReader(stream)]


def counted(visits: Sequence[Visit], lines: Sequence[tuple[datetime, str]], enrolled: set[str]) -> Attended:
    """Compare the lines of a log with the visits at their times."""
    named = [{name for moment, name in lines if visit.begins <= moment <= visit.ends} for visit in visits]
    known = [(visit, names) for visit, names in zip(visits, named, strict=True) if visit.person in enrolled]
    strange = [names for visit, names in zip(visits, named, strict=True) if visit.person not in enrolled]
    return Attended(
        visits=len(known),
        logged=sum(visit.person in names for visit, names in known),
        strangers=len(strange),
        admitted=sum(bool(names) for names in strange),
        wrong=sum(len(names - {visit.person}) for visit, names in known),
    )
