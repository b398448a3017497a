"""Files and folders that a scan excludes: those that NAS systems and desktops make, and those that a user names."""

from __future__ import annotations

import os
import re
import unicodedata
from fnmatch import fnmatchcase, translate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

DEFAULT_EXCLUDES: tuple[str, ...] = (
    *("@eaDir", "@tmp", "#recycle", "#snapshot"),  # Synology
    *("@Recycle", "@Recently-Snapshot", ".@__thumb"),  # QNAP
    *("$RECYCLE.BIN", "RECYCLER", "System Volume Information", "Thumbs.db", "ehthumbs.db", "desktop.ini"),  # Windows
    *("__MACOSX", ".AppleDouble", ".DS_Store", "._*", ".Spotlight-V100", ".fseventsd", ".TemporaryItems"),  # macOS
    *(".Trash*", ".dtrash", ".thumbnails", "lost+found"),  # Linux desktops, digiKam, ext4
    *(".git", ".svn", ".hg", ".stversions"),
)
"""Names, compared without case, at any depth."""


class Excludes:
    """Patterns for one scanned folder; the last one that matches decides.

    A pattern without a slash is compared with the name of each file and folder, at any depth. One with a slash is
    compared with the path relative to the scanned folder, part by part: `*` stays within a part, `**` is any number of
    parts. Everything below an excluded folder is excluded too. A `!` before a pattern includes its matches again.
    """

    def __init__(self, root: str | os.PathLike[str], patterns: Iterable[str] = ()) -> None:
        """Apply the patterns of a user after those of DEFAULT_EXCLUDES."""
        self._root = os.path.join(os.fspath(root), "")  # noqa: PTH118
        self._default = re.compile("|".join(map(translate, DEFAULT_EXCLUDES)), re.IGNORECASE)
        self._rules = [_Rule(pattern, self._root) for pattern in patterns if pattern.strip("/!")]

    def covers(self, path: str) -> bool:
        """Whether a file or folder below the root is excluded by its own path; its parent folders are not checked."""
        parts = _parts(path.removeprefix(self._root))
        for rule in reversed(self._rules):
            if rule.matches(parts):
                return not rule.negated
        return self._default.match(parts[-1]) is not None

    def covers_below(self, path: Path) -> bool:
        """Whether a path below the root, or one of its parent folders, is excluded."""
        text = str(path)
        if not text.startswith(self._root):
            return False
        ends = [at for at in range(len(self._root), len(text)) if text[at] == os.sep] + [len(text)]
        return any(self.covers(text[:end]) for end in ends)


class _Rule:
    """One pattern given by a user."""

    def __init__(self, pattern: str, root: str) -> None:
        self.negated = pattern.startswith("!")
        pattern = pattern.removeprefix("!")
        relative = pattern.removeprefix(root)
        self._anchored = relative != pattern or "/" in relative.rstrip("/")
        self._parts = _parts(relative.strip("/"))

    def matches(self, parts: Sequence[str]) -> bool:
        if not self._anchored:
            return fnmatchcase(parts[-1], self._parts[0])
        return _match(parts, self._parts)


def _match(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a path matches part by part: `reached` holds how many parts of the pattern may be used up."""
    reached = _skipping({0}, pattern)
    for part in parts:
        used = {n + 1 for n in reached if n < len(pattern) and pattern[n] != "**" and fnmatchcase(part, pattern[n])}
        reached = _skipping(used | {n for n in reached if n < len(pattern) and pattern[n] == "**"}, pattern)
    return len(pattern) in reached


def _skipping(reached: set[int], pattern: Sequence[str]) -> set[int]:
    """Add the positions after each `**`, which may match no part."""
    for start in list(reached):
        place = start
        while place < len(pattern) and pattern[place] == "**":
            place += 1
            reached.add(place)
    return reached


def _parts(path: str) -> list[str]:
    """The parts of a path in Unicode NFC: macOS stores letters and their accents separately."""
    return (path if path.isascii() else unicodedata.normalize("NFC", path)).split("/")
