"""The folder of a run: whether it can be used, and `run.json`, which identifies the run."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from indexer.training.checkpoints import STATE_FILE
from indexer.training.config import TrainConfig
from indexer.training.history import RUN_FILE
from indexer.training.pixels import CACHE_FOLDER, is_cached
from search.errors import DataError
from search.files.writing import ASIDE_NAME, is_folder, is_regular, write_file

if TYPE_CHECKING:
    from pathlib import Path

_FREE = frozenset({"device", "workers", "stop_after", "report"})
"""Settings that may change when a run is resumed."""
_BEGUN = re.compile(rf"writer\.(lock|json)|run\.json\.part|{ASIDE_NAME.pattern}")
"""Files that a run writes before `run.json`."""


def check_out(out: Path) -> None:
    """Check, before anything is written, that a folder is new, empty, or holds a run.

    Raises:
        DataError: a file, a broken link, or a folder that holds other files.
    """
    if not out.is_dir():
        if os.path.lexists(out):
            raise DataError(f"{out}: is a file or a broken link. Name a folder")
        return
    file = out / RUN_FILE
    if is_regular(file):
        if {"config", "data"} <= _read(file).keys():
            return
        raise DataError(f"{file}: was written by another program. Name a new folder, such as {out / 'encoder'}")
    if is_regular(out / "encoder.json"):
        raise DataError(f"{out}: holds an encoder that was not made by a training run. Choose another folder")
    if others := sorted(each.name for each in out.iterdir() if not _is_begun(each)):
        raise DataError(
            f"{out}: holds other files ({others[0]}) and no training run. A run needs a folder of its own. Name a new"
            f" folder, such as {out / 'encoder'}"
        )


def _is_begun(path: Path) -> bool:
    """Whether this is a file or folder that a run writes before `run.json`, such as its decoded pictures."""
    if path.name == CACHE_FOLDER and is_folder(path):
        return all(is_cached(each.name) for each in path.iterdir())
    return _BEGUN.fullmatch(path.name) is not None


def open_run(out: Path, config: TrainConfig, data: str, *, resume: bool) -> bool:
    """Start a run in a new folder, or check that the run in the folder is the same; return whether it is finished.

    A run that was stopped before its first saved state can be replaced by any other.

    Raises:
        DataError: the folder holds another run, or `resume` is false and it holds any run.
    """
    file = out / RUN_FILE
    current = {"config": settings(config), "data": data}
    if not (out / STATE_FILE).exists() and not _finished(file):
        write_run(out, config, data, finished=False)
        return False
    previous = _read(file)
    if not resume:
        raise DataError(f"{out}: holds a training run. Resume it, choose another folder, or delete this one")
    if names := _differing(current, previous):
        raise DataError(
            f"{out}: holds another training run (different {names}). Choose another folder, or delete this one"
        )
    return bool(previous.get("finished"))


def write_run(out: Path, config: TrainConfig, data: str, *, finished: bool) -> None:
    """Write `run.json` atomically."""
    content = {"finished": finished, "data": data, "config": settings(config)}
    write_file(out / RUN_FILE, json.dumps(content, indent=2) + "\n")


def settings(config: TrainConfig) -> dict[str, Any]:
    """Every setting that affects the result, as plain JSON values."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return {key: value for key, value in plain.items() if key not in _FREE}


def _finished(file: Path) -> bool:
    return file.is_file() and bool(_read(file).get("finished"))


def _read(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: cannot be read ({error}). Choose another folder, or delete this one") from error
    if not isinstance(content, dict):
        raise DataError(f"{file}: was written by another program. Choose another folder")
    return content


def _completed(stored: dict[str, Any]) -> dict[str, Any]:
    """Stored settings plus defaults for those that the version of that run did not have."""
    defaults = settings(TrainConfig())
    completed = {**defaults, **stored}
    if isinstance(completed["augment"], dict):
        completed["augment"] = {**defaults["augment"], **completed["augment"]}
    return completed


def _differing(current: dict[str, Any], previous: dict[str, Any]) -> str:
    if current["data"] != previous.get("data"):
        return "pictures"
    stored = _completed(previous.get("config", {}))
    return ", ".join(sorted(key for key, value in current["config"].items() if stored.get(key) != value))
