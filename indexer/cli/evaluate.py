"""The command `evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import indexer
from indexer.cli.base import end_with_skipped
from indexer.cli.options import DeviceOption, ExcludeOption, JsonOption, patterns
from indexer.evaluation.config import EvaluateConfig
from search.text import printable

if TYPE_CHECKING:
    from rich.table import Table

    from indexer import Evaluation
    from indexer.evaluation.robustness import Robustness


def evaluate(
    target: Annotated[
        Path, typer.Argument(help="An index of labelled pictures; with --encoder, a folder of pictures.")
    ],
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Measure this encoder on a folder of pictures, without an index: photo, small, color-layout, "
            "torchvision:NAME, timm:NAME, open_clip:NAME, or a folder that train wrote."
        ),
    ] = EvaluateConfig.encoder,
    labels: Annotated[
        str,
        typer.Option(
            help="For a folder of pictures: folder (the path of a picture's folder below it), or a CSV with the "
            "columns path and label."
        ),
    ] = EvaluateConfig.labels,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="For a folder of pictures: only the classes that match, such as 'val/*'. May be repeated.",
        ),
    ] = None,
    exclude: ExcludeOption = None,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Also query with altered pictures (crop, flip, turn, JPEG, ...).")
    ] = EvaluateConfig.robustness,
    queries: Annotated[
        int, typer.Option(help="Largest number of pictures that --robustness alters.", min=1)
    ] = EvaluateConfig.queries,
    card: Annotated[
        bool, typer.Option("--card", help="Write the figures into the model card in the --encoder folder.")
    ] = False,
    device: DeviceOption = EvaluateConfig.device,
    as_json: JsonOption = False,
) -> None:
    """Measure retrieval by label: R@1, R@5, R@10, mAP@R and NMI, with each picture as a query among all others.

    Each figure comes with a 95 % confidence interval, by bootstrap over classes. Exit code 3 if pictures were skipped.
    """
    _check_combination(encoder, labels, include, exclude, card=card)
    from indexer.cli.console import ConsoleProgress
    from indexer.evaluation.figures import write_measured

    config = EvaluateConfig(
        encoder=encoder,
        labels=labels,
        include=tuple(include or ()),
        exclude=patterns(exclude) or (),
        robustness=robustness,
        queries=queries,
        device=device,
    )
    with ConsoleProgress() as progress:
        result = indexer.evaluate(target, config, progress=progress)
    if card and encoder is not None:
        write_measured(Path(encoder), result.collection, result.figures())
    if as_json:
        typer.echo(json.dumps(result.to_dict()))
    else:
        _show(result)
    end_with_skipped(result.skipped, rest="--json lists them all", as_json=as_json)


def _check_combination(
    encoder: str | None, labels: str, include: list[str] | None, exclude: list[str] | None, *, card: bool
) -> None:
    given = {
        "--labels": labels != "folder",
        "--include": bool(include),
        "--exclude": bool(exclude),
        "--card": card,
    }
    for option, is_given in given.items():
        if is_given and encoder is None:
            raise typer.BadParameter("needs --encoder and a folder of pictures", param_hint=option)
    if card and encoder is not None and not Path(encoder, "encoder.json").is_file():
        raise typer.BadParameter(f"{encoder} is not a folder that train wrote: it has no card", param_hint="--card")


def _show(result: Evaluation) -> None:
    from rich.console import Console

    from indexer.cli.rich_text import literal, literal_table

    left = result.pictures - result.queries
    alone = f" ({left} without another of the same label)" if left else ""
    typer.echo(
        printable(
            f"{result.collection}: {result.pictures} pictures, {result.classes} classes, "
            f"{result.queries} queries{alone}, encoder {result.encoder}"
        )
    )
    table = literal_table("", "figure", "95 % interval")
    figures = {
        **{f"R@{k}": figure for k, figure in result.recall_at.items()},
        "mAP@R": result.map_at_r,
        "NMI": result.nmi,
    }
    for name, figure in figures.items():
        bounds = "none: a single class" if figure.interval is None else "{:.4f} to {:.4f}".format(*figure.interval)
        table.add_row(*map(literal, (name, f"{figure.value:.4f}", bounds)))
    console = Console()
    console.print(table)
    if result.robustness is not None:
        console.print(_robustness_table(result.robustness))
        if result.robustness.copies_found is not None:
            typer.echo(f"everyday copies found first, mean of six: {result.robustness.copies_found:.3f}")


def _robustness_table(result: Robustness) -> Table:
    from indexer.cli.rich_text import literal, literal_table

    table = literal_table(
        "altered",
        "strength",
        "R@1",
        "fall",
        "copies found",
        title_justify="left",
        title=literal(f"{result.queries} pictures altered"),
    )
    plain = result.recall_at_1
    table.add_row(*map(literal, ("not at all", "", _shown(plain), "", "")))
    for row in result.rows:
        fall = None if plain is None or row.recall_at_1 is None else plain - row.recall_at_1
        cells = (row.kind, row.strength, _shown(row.recall_at_1), _shown(fall), _shown(row.copies_found))
        table.add_row(*map(literal, cells))
    return table


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
