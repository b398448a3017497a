"""What a job does: one line of JSON on the standard input of its process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from search.config import BuildConfig
from search.errors import DataError

Verb = Literal["build", "add", "sync", "rebuild", "check"]
WITH_PICTURES = frozenset({"build", "add", "sync"})
"""Verbs that read a folder of pictures."""


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job, as plain values; see `BuildConfig` for the options."""

    verb: Verb
    index: str
    """Absolute path of the index folder."""
    pictures: str = ""
    """Absolute path of the folder or file to read; empty for verbs that read none."""
    encoder: str | None = None
    kind: str = BuildConfig.kind
    recall: float = BuildConfig.recall
    memory: int | None = None
    labels: str | None = None
    batch_size: int = BuildConfig.batch_size

    def __post_init__(self) -> None:
        """Check types and paths.

        Raises:
            DataError: the verb is unknown, a value has another type, or a path is missing or not absolute.
        """
        if self.verb not in get_args(Verb):
            raise DataError(f"there is no job {self.verb!r}. Choose one of {', '.join(get_args(Verb))}")
        for name, kinds in _TYPES.items():
            value = getattr(self, name)
            if not isinstance(value, kinds) or isinstance(value, bool):
                raise DataError(f"the {name} of a job cannot be {value!r}")
        _check_path("index", self.index)
        if self.verb in WITH_PICTURES:
            _check_path("folder of pictures", self.pictures)

    @property
    def config(self) -> BuildConfig:
        """The options as the library takes them."""
        return BuildConfig(
            encoder=self.encoder,
            kind=self.kind,
            recall=self.recall,
            memory=self.memory,
            labels=self.labels,
            batch_size=self.batch_size,
        )

    def to_line(self) -> bytes:
        """One line of ASCII; bytes of a path that are not UTF-8 survive as escapes."""
        return json.dumps(asdict(self)).encode("ascii") + b"\n"

    @classmethod
    def of_line(cls, line: bytes) -> JobRequest:
        """Read what `to_line` gave.

        Raises:
            DataError: it is something else.
        """
        try:
            plain: Any = json.loads(line)
            return cls(**{str(key): value for key, value in plain.items()})
        except (ValueError, AttributeError, TypeError) as error:
            raise DataError(f"this is not the request of a job ({error}); it needs {', '.join(_NAMES)}") from None


_NAMES = [field.name for field in fields(JobRequest)]
_TYPES: dict[str, tuple[type, ...]] = {
    "index": (str,),
    "pictures": (str,),
    "encoder": (str, type(None)),
    "kind": (str,),
    "recall": (float, int),
    "memory": (int, type(None)),
    "labels": (str, type(None)),
    "batch_size": (int,),
}


def typed_path(text: str) -> str:
    """The path that a visitor typed, with `~` replaced by the home folder.

    Raises:
        DataError: it is empty or relative, or no path: a relative one would start at the folder of the server.
    """
    try:
        path = str(Path(text.strip()).expanduser()) if text.strip() else ""
    except RuntimeError as error:  # no such user, or no home
        raise DataError(f"{text.strip()}: {error}. Give the full path") from None
    _check_path("folder", path)
    return path


def _check_path(what: str, path: str) -> None:
    if not path:
        raise DataError(f"the path of the {what} is missing. Give its full path, such as /home/me/pictures")
    if "\0" in path:
        raise DataError(f"the path of the {what} contains a null character, which no path can")
    if not Path(path).is_absolute():
        raise DataError(f"{path}: this path is relative. Give the full path, such as /home/me/pictures")
