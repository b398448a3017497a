"""Decide which of several machines embeds which file."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass

from search.errors import DataError

_FORM = re.compile(r"([1-9]\d{0,6})/([1-9]\d{0,6})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` shares of a collection; the first has the number 1.

    A file belongs to the share that the hash of its path relative to the folder of pictures chooses. Every machine
    lists the folder by itself, at its own time. A share of the sorted paths (every 8th file) would move all files that
    come after a new or a deleted one to other shares, so that some files would be embedded twice and others never. The
    hash of a path depends on no other file, and not on where the folder is mounted. Shares differ by chance: of a
    million files in 8 shards, by about 0.3 %.
    """

    number: int = 1
    count: int = 1

    @classmethod
    def read(cls, text: str) -> Shard:
        """Read `3/8`.

        Raises:
            DataError: it has another form, or the number is greater than the count.
        """
        found = _FORM.fullmatch(text.strip())
        if found is None or int(found[1]) > int(found[2]):
            raise DataError(f"{text!r:.50} is not a shard: write NUMBER/COUNT, such as 3/8 for the third of eight")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def takes(self, relative: str) -> bool:
        """Whether a file with this path, relative to the folder of pictures, belongs to the shard."""
        digest = hashlib.blake2b(os.fsencode(relative), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.number - 1
