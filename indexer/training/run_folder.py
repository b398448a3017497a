"""What a run's folder says of it: `run.json`, which tells one run from another."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from indexer.training.checkpoints import STATE_FILE
from indexer.training.config import TrainConfig
from indexer.training.pixels import CACHE_FOLDER, is_cached
from search.errors import DataError
from search.files.writing import ASIDE_NAME, is_folder, is_regular, write_file

if TYPE_CHECKING:
    from pathlib import Path

RUN_FILE = "run.json"
_FREE = frozenset({"device", "workers", "stop_after", "report"})
"""Settings that may differ between a run and its resumption."""
_BEGUN = re.compile(rf"writer\.(lock|json)|run\.json\.part|{ASIDE_NAME.pattern}")
"""What a run has made before its `run.json`."""


def check_out(out: Path) -> None:
    """Refuse, before anything is written, a folder that is neither new, empty nor that of a run.

    Raises:
        DataError: a file, a link to nothing, or a folder that holds other files.
    """
    if not out.is_dir():
        if os.path.lexists(out):
            raise DataError(f"{out}: is a file, or a link to nothing. Name a folder")
        return
    file = out / RUN_FILE
    if is_regular(file):
        if {"config", "data"} <= _read(file).keys():
            return
        raise DataError(f"{file}: is of another program. Name a new folder, such as {out / 'encoder'}")
    if is_regular(out / "encoder.json"):
        raise DataError(f"{out}: holds an encoder that no training run of this kind left. Choose another folder")
    if others := sorted(each.name for each in out.iterdir() if not _is_begun(each)):
        raise DataError(
            f"{out}: holds other files ({others[0]}) and no training run, and a run has its folder for itself. Name a"
            f" new folder, such as {out / 'encoder'}"
        )


def _is_begun(path: Path) -> bool:
    """Whether a run has made this before its `run.json`, such as pictures that were decoded for it."""
    if path.name == CACHE_FOLDER and is_folder(path):
        return all(is_cached(each.name) for each in path.iterdir())
    return _BEGUN.fullmatch(path.name) is not None


def open_run(out: Path, config: TrainConfig, data: str, *, resume: bool) -> bool:
    """Begin a run in a new folder, or find the one to go on with; give whether it is finished already.

    A run that was stopped before its first saved state has nothing to lose, and gives way to any other.

    Raises:
        DataError: the folder holds another run, or any and `resume` is false.
    """
    file = out / RUN_FILE
    wanted = {"config": settings(config), "data": data}
    if not (out / STATE_FILE).exists() and not _finished(file):
        write_run(out, config, data, finished=False)
        return False
    found = _read(file)
    if not resume:
        raise DataError(f"{out}: holds a training run. Resume it, choose another folder, or delete this one")
    if odd := _differing(wanted, found):
        raise DataError(f"{out}: holds another training run ({odd} differ). Choose another folder, or delete this one")
    return bool(found.get("finished"))


def write_run(out: Path, config: TrainConfig, data: str, *, finished: bool) -> None:
    """Write `run.json`, whole."""
    content = {"finished": finished, "data": data, "config": settings(config)}
    write_file(out / RUN_FILE, json.dumps(content, indent=2) + "\n")


def settings(config: TrainConfig) -> dict[str, Any]:
    """Every setting that decides the outcome, as plain JSON values."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return {key: value for key, value in plain.items() if key not in _FREE}


def _finished(file: Path) -> bool:
    return file.is_file() and bool(_read(file).get("finished"))


def _read(file: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: cannot be read ({error}). Choose another folder, or delete this one") from error
    if not isinstance(found, dict):
        raise DataError(f"{file}: is of another program. Choose another folder")
    return found


def _completed(before: dict[str, Any]) -> dict[str, Any]:
    """Settings of a run with what they lack: one that its version did not know had its default."""
    defaults = settings(TrainConfig())
    completed = {**defaults, **before}
    if isinstance(completed["augment"], dict):
        completed["augment"] = {**defaults["augment"], **completed["augment"]}
    return completed


def _differing(wanted: dict[str, Any], found: dict[str, Any]) -> str:
    if wanted["data"] != found.get("data"):
        return "the pictures"
    before = _completed(found.get("config", {}))
    return ", ".join(sorted(key for key, value in wanted["config"].items() if before.get(key) != value))
