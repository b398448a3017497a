"""Read what training runs wrote, finished or running, without disturbing them. Needs no torch."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from indexer.pipeline.lock import is_held
from indexer.training.history import HISTORY_FILE, RUN_FILE, HistoryRow
from indexer.training.report import REPORT_FOLDER
from search.errors import DamagedFileError, DataError
from search.files.reading import open_regular

if TYPE_CHECKING:
    from pathlib import Path

FIGURES = ("gallery.png", "distances.png", "map.png", "curves.png")
"""What the report of a finished run holds, at most."""
_LONGEST = 16 * 2**20
"""Most bytes that are read of one file."""
_MOST_RUNS = 500


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One training run."""

    folder: Path
    finished: bool
    writing: bool
    """Whether a process has the run open."""
    config: dict[str, Any]
    history: tuple[HistoryRow, ...]
    problems: tuple[str, ...]
    """What could not be read."""

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def state(self) -> str:
        """`finished`, `running` or `stopped`."""
        return "finished" if self.finished else "running" if self.writing else "stopped"


def find_runs(folder: Path) -> list[RunRecord]:
    """The runs in a folder and in its subfolders, by name; the folder itself may be a run.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        below = sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror}). Name a folder with training runs") from error
    return [read_run(each) for each in [folder, *below] if _is_run(each)][:_MOST_RUNS]


def read_run(folder: Path) -> RunRecord:
    """Read one run; files that are damaged or half-written are named in its `problems`."""
    problems: list[str] = []
    settings = _settings(folder / RUN_FILE, problems)
    config = settings.get("config")
    return RunRecord(
        folder=folder,
        finished=settings.get("finished") is True,
        writing=is_held(folder),
        config=config if isinstance(config, dict) else {},
        history=tuple(_history(folder / HISTORY_FILE, problems)),
        problems=tuple(problems),
    )


def read_figure(folder: Path, name: str) -> bytes | None:
    """A figure of the report of a run; None if there is none."""
    return _read(folder / REPORT_FOLDER / name, []) if name in FIGURES else None


def _is_run(folder: Path) -> bool:
    return any(os.path.lexists(folder / name) for name in (RUN_FILE, HISTORY_FILE))


def _settings(file: Path, problems: list[str]) -> dict[str, Any]:
    data = _read(file, problems)
    if data is None:
        return {}
    try:
        settings = json.loads(data)
    except (ValueError, RecursionError) as error:
        problems.append(f"{file}: is damaged ({error})")
        return {}
    if isinstance(settings, dict):
        return settings
    problems.append(f"{file}: was written by another program")
    return {}


def _history(file: Path, problems: list[str]) -> list[HistoryRow]:
    """The rows of a history in order; those that cannot be read are counted as a problem."""
    data = _read(file, problems)
    if data is None:
        return []
    rows, damaged = [], 0
    try:
        table = csv.DictReader(io.StringIO(data.decode("utf-8", "replace"), newline=""))
        if not {"step", "loss"} <= set(table.fieldnames or ()):
            problems.append(f"{file}: has no columns step and loss, so it is not the history of a run")
            return []
        for cells in table:
            row = _row(cells)
            if row is None:
                damaged += 1
            else:
                rows.append(row)
    except csv.Error as error:
        problems.append(f"{file}: is damaged ({error})")
    if damaged:
        problems.append(f"{file}: {damaged} of its rows are damaged, and left out")
    return sorted(rows, key=lambda row: row.step)


def _row(cells: dict[str, Any]) -> HistoryRow | None:
    values: dict[str, float | None] = {}
    for field in fields(HistoryRow):
        text = cells.get(field.name)
        try:
            value = float(text) if text else None
        except (TypeError, ValueError):
            return None
        values[field.name] = value if value is None or math.isfinite(value) else None
    step, loss = values.pop("step"), values.pop("loss")
    if step is None or loss is None or step < 0:
        return None
    known = {name: 0.0 if value is None and name in _NUMBERS else value for name, value in values.items()}
    return HistoryRow(step=int(step), loss=loss, **known)  # type: ignore[arg-type]


_NUMBERS = ("minutes", "learning_rate", "spread")
"""Columns that always have a value."""


def _read(file: Path, problems: list[str]) -> bytes | None:
    """The bytes of a file; None if there is none, or if it is no file that a run writes."""
    try:
        with open_regular(file) as stream:
            data = stream.read(_LONGEST + 1)
    except FileNotFoundError:
        return None
    except (OSError, DamagedFileError) as error:
        problems.append(f"{file}: cannot be read ({error})")
        return None
    if len(data) > _LONGEST:
        problems.append(f"{file}: is larger than any that a run writes")
        return None
    return data
