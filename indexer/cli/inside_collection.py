"""A warning if a command writes into the folder of pictures, where its output would be indexed as a picture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.cli.base import warn

if TYPE_CHECKING:
    from collections.abc import Iterable


def warn_inside_index_collection(index: Path, outputs: Iterable[Path | None]) -> None:
    """Warn about each output inside a folder that `index` was built from.

    Says nothing about an index that cannot be read: the command itself reports that.
    """
    from search.errors import TwinlensError
    from search.store.catalog import Catalog

    try:
        catalog = Catalog.read(index, verify=False)
    except TwinlensError:
        return
    try:
        roots = catalog.settings().get("roots", [])
    except TwinlensError:
        return
    finally:
        catalog.close()
    warn_inside_collection([Path(root) for root in roots], outputs)


def warn_inside_collection(folders: Iterable[Path], outputs: Iterable[Path | None]) -> None:
    """Warn about each output inside one of the folders of pictures, links resolved."""
    real = [Path(os.path.realpath(folder)) for folder in folders]
    for output in outputs:
        if output is None:
            continue
        for folder in real:
            if Path(os.path.realpath(output)).is_relative_to(folder):
                warn(f"{output} lies inside the pictures of {folder}, and may be indexed with them. Name another place")
                break
