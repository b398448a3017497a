"""Resolve links in the folders of paths, with a cache: the paths of one file mostly share a few folders."""

from __future__ import annotations

import os
from pathlib import Path


class ResolvedPaths:
    """Resolves paths and caches the folders. Use one instance per file that is read, as links may change later."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def of(self, path: str | os.PathLike[str]) -> Path:
        """The path with all links in its folder resolved; a file that is itself a link is not resolved."""
        folder, name = os.path.split(os.fspath(path))
        real = self._folders.get(folder)
        if real is None:
            real = self._folders[folder] = os.path.realpath(folder)
        return Path(real, name)
