"""Attendance: identify each picture that arrives in a folder, or each face in it, and log one row per visit.

The state is kept in three files, so that a killed run can continue: the log of visits, the log of unknown pictures, and
a journal of every picture that was read. A picture is logged before it is journalled; if a run was killed in between,
the picture is recognised by its path and time in the logs.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

from filelock import FileLock, Timeout

from indexer.people.csv_log import CsvLog, escape_controls
from indexer.pipeline.lock import check_lock_file
from indexer.pipeline.scan import scan
from search.config import AttendConfig, QueryConfig
from search.engine import open_index
from search.errors import DataError, IndexFolderError, PictureError
from search.pictures.exif import taken_at
from search.recognition.identities import Decider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from indexer.pipeline.scan import FoundFile
    from search.config import Device
    from search.crop import Crop
    from search.engine import SearchEngine
    from search.recognition.identities import Identification

VISITS = ("time", "name", "distance", "probability", "picture")
UNKNOWN = ("time", "reason", "nearest", "distance", "picture")
JOURNAL = ("picture", "bytes", "mtime_ns", "time", "name")

_Version = tuple[str, int, int]
"""Path, bytes and modification time: a file that is written again is another picture."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Result for one picture, or for one of the faces in it."""

    picture: Path
    time: str
    """ISO 8601, UTC: from the EXIF, or the modification time of the file without EXIF."""
    name: str | None
    """None for a stranger, or for a picture that could not be identified."""
    said: str
    """The result in words."""
    new_visit: bool = False
    box: Crop | None = None
    """Where the face is in the picture; None if the encoder embeds whole pictures."""


class Visits:
    """Visits of each person as periods of time, which grow with each sighting."""

    def __init__(self, minutes: float) -> None:
        """A sighting within `minutes` of a visit extends it."""
        self.gap = timedelta(minutes=minutes)
        self._periods: dict[str, list[tuple[datetime, datetime]]] = {}

    def add_sighting(self, name: str, moment: datetime) -> bool:
        """Record a sighting; return whether it begins a new visit."""
        periods = self._periods.setdefault(name, [])
        overlapping = [(a, b) for a, b in periods if a - self.gap <= moment <= b + self.gap]
        for period in overlapping:
            periods.remove(period)
        periods.append((min([moment, *(a for a, _ in overlapping)]), max([moment, *(b for _, b in overlapping)])))
        return not overlapping


class Attendance:
    """Watches a folder: each call of `look` identifies the pictures that are new since the last one."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        index: str | os.PathLike[str],
        log: str | os.PathLike[str],
        config: AttendConfig | None = None,
        *,
        device: Device = QueryConfig.device,
    ) -> None:
        """Open the index and the logs, and read the state of earlier runs.

        Raises:
            QueryError: no identity is enrolled, or there is neither a calibration nor a threshold to decide by.
            DataError: the folder does not exist; or a log is in use by another run, is another kind of file, or was
                altered and cannot be read.
        """
        self.folder, self.index, self.log = Path(folder), Path(index), Path(log)
        if self.log.is_symlink():  # its companion logs belong beside the real file
            self.log = Path(os.path.realpath(self.log))
        self.config = config or AttendConfig()
        self.device: Device = device
        scan(self.folder)
        self.engine = self._checked(open_index(self.index, device=self.device))
        with ExitStack() as opened:
            opened.callback(self._close_engine)
            opened.enter_context(_only_writer(self.log))
            self._read_logs()
            self._opened_here = opened.pop_all()

    def _close_engine(self) -> None:
        self.engine.close()

    def _read_logs(self) -> None:
        """Open the logs and read the state from them."""
        unknown = self.config.unknown or unknown_log(self.log)
        self._visits = CsvLog(self.log, VISITS)
        self._unknown = CsvLog(unknown, UNKNOWN)
        self._journal = CsvLog(self.log.with_suffix(f".seen{self.log.suffix}"), JOURNAL)
        self._periods = Visits(self.config.visit_minutes)
        self._waiting: set[_Version] = set()
        self._done: set[_Version] = set()
        self._logged = {_logged_face(row) for log in (self._visits, self._unknown) for row in log.rows()}
        for row in self._visits.rows():
            self._periods.add_sighting(row["name"], _logged_moment(self._visits, row))
        for row in self._journal.rows():
            self._done.add(_logged_version(self._journal, row))
            if row["name"]:
                self._periods.add_sighting(row["name"], _logged_moment(self._journal, row))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened_here.close()

    def look(self, *, settled: bool = False) -> list[Seen]:
        """Identify new pictures, oldest first; the faces of one picture by size.

        A file is identified once it is unchanged since the previous call, so that a camera can finish writing; with
        `settled`, all files are identified at once. Identities enrolled since the last call are included.

        Raises:
            DataError: the folder can no longer be listed.
        """
        newest = self.engine.refresh()
        if newest is not self.engine:
            before, self.engine = self.engine, self._checked(newest)
            before.close()
        files = {version: file for file in scan(self.folder) if (version := _version(file)) not in self._done}
        ready = [file for version, file in files.items() if settled or version in self._waiting]
        self._waiting = set(files)
        dated = sorted(((_moment(file), file) for file in ready), key=lambda each: (each[0], os.fsencode(each[1].path)))
        return [seen for moment, file in dated for seen in self._identify(file, moment)]

    def _checked(self, engine: SearchEngine) -> SearchEngine:
        """Return the engine if it can identify pictures; otherwise close it and raise."""
        try:
            Decider(engine.folder, engine.gallery, engine.calibration, self.config.identify)
        except BaseException:
            engine.close()
            raise
        return engine

    def _identify(self, file: FoundFile, moment: datetime) -> list[Seen]:
        """Identify each face of a picture, log it unless a killed run already did, and journal the picture."""
        now = moment.isoformat()
        try:
            identified = self.engine.identify(file.path, self.config.identify)
        except PictureError as error:
            self._log_unknown(file.path, now, error.reason)
            seen = [Seen(file.path, now, None, error.reason)]
        else:
            seen = [self._log_identified(file.path, each, moment) for each in identified.everyone]
        picture, size, changed = version = _version(file)
        names = list(dict.fromkeys(each.name for each in seen if each.name)) or [""]
        read = {"picture": picture, "bytes": str(size), "mtime_ns": str(changed), "time": now}
        self._journal.add_together([{**read, "name": name} for name in names])
        self._done.add(version)
        return seen

    def _log_identified(self, path: Path, identified: Identification, moment: datetime) -> Seen:
        now, nearest, box = moment.isoformat(), identified.nearest, identified.box
        distance = f"{nearest.distance:.4f}"
        if identified.name is None:
            poor = identified.refused and f"poor quality: {identified.refused}"
            self._log_unknown(path, now, poor or "unknown", nearest.name, distance)
            return Seen(path, now, None, poor or f"unknown (nearest: {nearest.name}, {distance})", box=box)
        begins = self._periods.add_sighting(identified.name, moment)
        picture = escape_controls(str(path))
        if begins and (picture, now, identified.name, distance) not in self._logged:
            chance = "" if nearest.probability is None else f"{nearest.probability:.4f}"
            self._visits.add(time=now, name=identified.name, distance=distance, probability=chance, picture=picture)
        said = f"{identified.name} ({distance})" if begins else f"{identified.name} ({distance}), same visit"
        return Seen(path, now, identified.name, said, new_visit=begins, box=box)

    def _log_unknown(self, path: Path, now: str, reason: str, nearest: str = "", distance: str = "") -> None:
        picture = escape_controls(str(path))
        if (picture, now, nearest, distance) not in self._logged:
            self._unknown.add(time=now, reason=reason, nearest=nearest, distance=distance, picture=picture)


def attend(
    folder: str | os.PathLike[str],
    index: str | os.PathLike[str],
    log: str | os.PathLike[str],
    config: AttendConfig | None = None,
    *,
    device: Device = QueryConfig.device,
    report: Callable[[Seen], None] | None = None,
) -> None:
    """Watch a folder until interrupted, or process it once with `config.once`; see `Attendance`.

    `report` is called with each result.
    """
    config = config or AttendConfig()
    with Attendance(folder, index, log, config, device=device) as attendance:
        while True:
            for seen in attendance.look(settled=config.once):
                if report is not None:
                    report(seen)
            if config.once:
                return
            time.sleep(config.interval)


def unknown_log(log: Path) -> Path:
    """The log of strangers and unusable pictures that belongs to a log of visits, unless another is named."""
    return log.with_suffix(f".unknown{log.suffix}")


@contextmanager
def _only_writer(log: Path) -> Iterator[None]:
    """Lock the log, so that a second run, such as the next one of a schedule, does not log the same pictures."""
    lock = FileLock(log.with_name(f"{log.name}.lock"))
    try:
        check_lock_file(Path(lock.lock_file))
        log.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise DataError(f"{log}: another twinlens attend is writing it. Stop that one, or name another log") from None
    except OSError as error:
        raise DataError(f"{log}: cannot be used as a log ({error.strerror})") from error
    except IndexFolderError as error:
        raise DataError(str(error)) from error
    try:
        yield
    finally:
        lock.release()


def _moment(file: FoundFile) -> datetime:
    changed = datetime.fromtimestamp(file.mtime_ns / 1e9, UTC)
    return (taken_at(file.path) or changed).replace(microsecond=0)


def _logged_moment(log: CsvLog, row: dict[str, str]) -> datetime:
    """Time of a row; raises DataError if it is invalid, as when a spreadsheet changed the format of times."""
    try:
        moment = datetime.fromisoformat(row["time"])
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise _altered(log, "time", row["time"], "a time such as 2026-01-31T09:00:00+00:00")
    return moment


def _logged_face(row: dict[str, str]) -> tuple[str, str, str, str]:
    """What identifies a face in both logs: picture, time, nearest name and distance."""
    return (row["picture"], row["time"], row.get("name", row.get("nearest", "")), row["distance"])


def _logged_version(log: CsvLog, row: dict[str, str]) -> _Version:
    try:
        return (row["picture"], int(row["bytes"]), int(row["mtime_ns"]))
    except ValueError:
        cells = f"{row['bytes']} and {row['mtime_ns']}"
        raise _altered(log, "bytes and mtime_ns", cells, "two whole numbers") from None


def _altered(log: CsvLog, column: str, value: str, expected: str) -> DataError:
    return DataError(
        f"{log.file}: was altered: {column} is {value!r} instead of {expected}. Correct it, or name another log"
    )


def _version(file: FoundFile) -> _Version:
    return (escape_controls(str(file.path)), file.bytes, file.mtime_ns)
