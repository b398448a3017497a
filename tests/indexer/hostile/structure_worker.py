"""Load mutated structures and search them, in a process that may die of one of them.

Each line of standard input is `[path of a structure, path of its vectors, kind, parameters]` as JSON; each line of
standard output is what came of it: `refused`, `answered`, or `error` with what should not have been raised.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from search.errors import DamagedFileError
from search.indexes import index_class


def look(path: str, vectors: str, kind: str, parameters: dict[str, int]) -> str:
    rows = np.load(vectors, mmap_mode="r")
    try:
        index = index_class(kind).load(Path(path), rows, **parameters)
        for allowed in (None, np.arange(len(rows)) % 3 == 0):
            index.search(rows[:: max(1, len(rows) // 20)], min(40, len(rows)), allowed)
    except DamagedFileError as error:
        return "refused" if "\n" not in str(error) else f"error: several lines: {error}"
    except BaseException as error:
        return f"error: {error!r}"
    return "answered"


def main() -> None:
    for line in sys.stdin:
        sys.stdout.write(json.dumps(look(*json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
