"""Options that several commands of the indexer have."""

from __future__ import annotations

from typing import Annotated

import typer

from search.config import MOST_AT_ONCE, MOST_WORKERS

MOST_SECONDS = 10_000_000.0
"""About four months: of more, some systems cannot wait."""

EncoderOption = Annotated[
    str | None,
    typer.Option(
        help="builtin, color-layout, torchvision:NAME, timm:NAME, or a folder that train wrote."
        "  [default: that of the index; builtin for a new one]",
        show_default=False,
    ),
]
KindOption = Annotated[str, typer.Option(help="auto, flat, hnsw, ivf, ivfpq or hnswlib.")]
RecallOption = Annotated[float, typer.Option(help="Recall@10 that an approximate kind is tuned for.", min=0.0, max=1.0)]
LabelsOption = Annotated[
    str | None,
    typer.Option(
        help="Source of the labels: folder, none, or a CSV with the columns path and label."
        "  [default: the source that the index remembers; folder for a new one]",
        show_default=False,
    ),
]
BatchSizeOption = Annotated[int, typer.Option(help="Pictures embedded at once.", min=1, max=MOST_AT_ONCE)]
WorkersOption = Annotated[int, typer.Option(help="Threads that read and decode.", min=1, max=MOST_WORKERS)]
