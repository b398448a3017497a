"""The command `encoders`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indexer.cli.base import OptionError
from indexer.cli.options import DeviceOption, JsonOption
from search.config import QueryConfig
from search.text import megabytes, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.config import Device
    from search.encoders.menu import EncoderEntry

_UNFOLDED = 100_000
"""Width of a table that goes to a file or another program."""


def encoders(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="The encoders to show; all without any.")
    ] = None,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="Measure the speed of installed encoders on this machine, a few seconds each. One whose weights would "
            "be downloaded is measured only if it is named.",
        ),
    ] = False,
    device: DeviceOption = QueryConfig.device,
    as_json: JsonOption = False,
) -> None:
    """List the encoders: job, licence, size, dimension, speed, accuracy, and whether each is installed.

    R@1, copies and pictures/s are those of docs/results; an empty cell was not measured there. With --json, prints
    {"encoders": [...]}; "here" is the speed on this machine, null without --measure.
    """
    from search.encoders import available

    entries = {entry.name: entry for entry in available()}
    for name in names or []:
        if name not in entries:
            raise OptionError(f"there is no encoder {name!r} in the menu: there are {', '.join(entries)}")
    shown = [entry for name, entry in entries.items() if not names or name in names]
    here: dict[str, float] = {}
    if measure:
        here = _measured([each for each in shown if each.name in (names or []) or not each.download], device)
    if as_json:
        plain = [{**each.to_dict(), "here": here.get(each.name)} for each in shown]
        typer.echo(json.dumps({"encoders": plain}))
    else:
        _print(shown, here, measure=measure)


def _measured(entries: Sequence[EncoderEntry], device: Device) -> dict[str, float]:
    """Name -> pictures per second on this machine, of those that are installed and can be measured."""
    from indexer.cli.console import ConsoleProgress
    from indexer.evaluation.encoder_speed import pictures_per_second
    from search.encoders import load_encoder

    possible = [each.name for each in entries if each.installed and each.measurable]
    speeds: dict[str, float] = {}
    with ConsoleProgress() as progress:
        progress.begin("measure", len(possible))
        for name in possible:
            speeds[name] = pictures_per_second(load_encoder(name, device=device))
            progress.advance(1)
    return speeds


def _print(entries: Sequence[EncoderEntry], here: dict[str, float], *, measure: bool) -> None:
    from rich.console import Console

    from indexer.cli.rich_text import literal, literal_table

    console = Console()
    if not console.is_terminal:
        console.width = _UNFOLDED
    headings = ["name", "installed", "size", "dim", "pixels", "pictures/s", "R@1", "copies"]
    table = literal_table(*headings, *["here/s"] * measure)
    for entry in entries:
        name, _, _, *figures = cells_of(entry)
        here_cell = [_figure(here.get(name), ".0f")] * measure
        table.add_row(*map(literal, [name, "yes" if entry.installed else "no", *figures, *here_cell]))
    console.print(table)
    for entry in entries:
        typer.echo(one_line(f"{entry.name}: {entry.job}; {entry.licence}{_how(entry)}"))


def _how(entry: EncoderEntry) -> str:
    if not entry.installed:
        return f"; not installed: {entry.install}"
    return "; weights are downloaded when first used" if entry.download else ""


def cells_of(entry: EncoderEntry) -> list[str]:
    """The cells of an entry from its name on, without whether it is installed, which differs between machines."""
    return [
        entry.name,
        entry.job,
        entry.licence,
        megabytes(entry.size) if entry.size else _figure(entry.size, "d"),
        _figure(entry.dim, "d"),
        _figure(entry.input_size, "d"),
        _figure(entry.pictures_per_second, ".0f"),
        _figure(entry.recall_at_1, ".3f"),
        _figure(entry.copies_found, ".3f"),
    ]


def _figure(value: Any, form: str) -> str:
    return "" if value is None else format(value, form)
