"""A warning where a command writes into the folder of pictures: what it writes would be indexed as a picture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from search.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable


def warn_inside_index_collection(index: Path, outputs: Iterable[Path | None]) -> None:
    """Warn of each output that lies inside a folder that `index` was built from; an index that cannot be read has none.

    Such an index is the command's own to complain about.
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
    """Warn of each output that lies inside one of the folders of pictures, by whatever link it is reached."""
    real = [Path(os.path.realpath(folder)) for folder in folders]
    for output in outputs:
        if output is None:
            continue
        for folder in real:
            if Path(os.path.realpath(output)).is_relative_to(folder):
                warning = (
                    f"warning: {output} lies inside the pictures of {folder}, and what is written there may be indexed"
                    " with them. Name another place"
                )
                typer.secho(one_line(warning), fg="yellow", err=True)
                break
