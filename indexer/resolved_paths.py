"""Paths with the links of their folders resolved, each folder once: rows of one file mostly lie in a few folders."""

from __future__ import annotations

import os
from pathlib import Path


class ResolvedPaths:
    """Resolves paths while one file is read; links may change until the next one is."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def of(self, path: str | os.PathLike[str]) -> Path:
        """The path by which a picture is found without links; a file that is a link keeps its own name."""
        folder, name = os.path.split(os.fspath(path))
        real = self._folders.get(folder)
        if real is None:
            real = self._folders[folder] = os.path.realpath(folder)
        return Path(real, name)
