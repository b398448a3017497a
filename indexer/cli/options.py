"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search.config import MOST_AT_ONCE, MOST_WORKERS, Device

MOST_SECONDS = 10_000_000.0
"""About four months: of more, some systems cannot wait."""


def known_kind(kind: str) -> str:
    """Refuse a kind that there is not as a wrong option."""
    from search.indexes import AUTO, KINDS

    if kind not in (AUTO, *KINDS):
        raise typer.BadParameter(f"there is no index kind {kind!r}: known are {', '.join((AUTO, *KINDS))}")
    return kind


IndexOption = Annotated[Path, typer.Option("--index", "-i", help="The index folder.")]


DeviceOption = Annotated[Device, typer.Option(help="Where to compute: auto takes a GPU where there is one.")]


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Only pictures with, for example, label=shoe, or \"taken >= 2024-01-01 and camera glob 'Canon*'\"; "
        "several must all hold."
    ),
]
EncoderOption = Annotated[
    str | None,
    typer.Option(
        help="builtin, color-layout, torchvision:NAME, timm:NAME, or a folder that train wrote."
        "  [default: that of the index; builtin for a new one]",
        show_default=False,
    ),
]
KindOption = Annotated[str, typer.Option(help="auto, flat, hnsw, ivf, ivfpq or hnswlib.", callback=known_kind)]
RecallOption = Annotated[float, typer.Option(help="Recall@10 that an approximate kind is tuned for.", min=0.0, max=1.0)]
LabelsOption = Annotated[
    str | None,
    typer.Option(
        help="Source of the labels: folder (the path of a picture's folder below PICTURES), none, or a CSV with the "
        "columns path and label."
        "  [default: the source that the index remembers; folder for a new one]",
        show_default=False,
    ),
]
BatchSizeOption = Annotated[int, typer.Option(help="Pictures embedded at once.", min=1, max=MOST_AT_ONCE)]
WorkersOption = Annotated[
    int,
    typer.Option(
        help="Threads that read and decode.  [default: one per core, at most 8]",
        show_default=False,
        min=1,
        max=MOST_WORKERS,
    ),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="GLOB",
        help="Leave out files and folders of this name, such as 'raw' or '*.tif', or at this path, such as 'raw/**'; "
        "!NAME takes one in again. May be repeated. @eaDir, #recycle, lost+found and the like are always left out.",
    ),
]
AllowMissingOption = Annotated[
    bool, typer.Option("--allow-missing", help="Remove pictures whose whole folder is missing or empty.")
]
RehashOption = Annotated[
    bool,
    typer.Option("--rehash", help="Read every file again, also those that look unchanged. Embeds only what is new."),
]


def patterns(exclude: list[str] | None) -> tuple[str, ...] | None:
    """The patterns that were given; an empty one gives none, and None was given where the option was not."""
    return None if exclude is None else tuple(each for each in exclude if each)
