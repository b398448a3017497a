"""A report as files: JSON, CSV, the list of spare files, and the page."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from indexer.duplicates.html_page import write_page
from indexer.duplicates.keep import list_bytes
from search.errors import DataError
from search.files.writing import output_errors_named, output_file
from search.pictures.decode import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.duplicates.keep import Choice
    from indexer.duplicates.report import DuplicateReport, Member

COLUMNS = (
    "group",
    "id",
    "path",
    "label",
    "distance",
    "width",
    "height",
    "bytes",
    "match",
    "decision",
    "content",
    "metadata",
    "copy_of",
)
STDOUT = Path("-")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula: such cells get an apostrophe before them.
Source: OWASP, "CSV Injection"."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where a report goes; `-` is standard output, None nowhere."""

    json: Path | None = None
    csv: Path | None = None
    html: Path | None = None
    list: Path | None = None
    null: bool = False
    """Whether names in the list end with a NUL byte instead of a line break."""

    def given(self) -> dict[str, Path]:
        """Those that are wanted, by name."""
        named = {"json": self.json, "csv": self.csv, "html": self.html, "list": self.list}
        return {name: path for name, path in named.items() if path is not None}

    @property
    def speaks(self) -> bool:
        """Whether one of them is standard output."""
        return STDOUT in self.given().values()


def check_outputs(outputs: Outputs, index: Path) -> None:
    """Refuse, before any work, to write where no report belongs.

    Raises:
        DataError: two outputs in one place, a folder, a picture's name, or a place inside the index.
    """
    places = list(outputs.given().values())
    real = [path if path == STDOUT else Path(os.path.realpath(path)) for path in places]
    for path, place in zip(places, real, strict=True):
        if real.count(place) > 1:
            raise DataError(f"{path}: two reports cannot go to one place. Name another file")
        if path == STDOUT:
            continue
        if place.is_dir() or not place.parent.is_dir():
            raise DataError(f"{path}: is a folder, or is in none that exists. Name a file")
        if place.suffix.lower() in PICTURE_SUFFIXES:
            raise DataError(f"{path}: has the name of a picture, which a report must not replace. Name another file")
        if place.is_relative_to(os.path.realpath(index)):
            raise DataError(f"{path}: lies inside the index folder, which holds nothing else. Name another file")


def write_outputs(report: DuplicateReport, choices: Sequence[Choice], outputs: Outputs) -> list[Member]:
    """Write all that is wanted, whole: no file is replaced before the last is complete.

    Returns:
        Spare files that the list leaves out, as their names hold line breaks.

    Raises:
        DataError: a file cannot be written.
    """
    left_out: list[Member] = []
    with ExitStack() as opened:
        streams = {name: _open(opened, path) for name, path in outputs.given().items()}
        for name, stream in streams.items():
            with output_errors_named(outputs.given()[name]):
                if name == "list":
                    data, left_out = list_bytes(choices, null=outputs.null)
                    stream.write(data)
                else:
                    _WRITERS[name](report, choices, stream)
                stream.flush()
    return left_out


def write_json(report: DuplicateReport, choices: Sequence[Choice], stream: IO[bytes]) -> None:
    """One object: the figures, and `groups`, one a line, each with its members, which to keep and which are spare.

    `decisions` says by id what the CSV says in a column; `copy_of` names, by the id of a spare file, the file that it
    is a copy of.

    Bytes of names that are no UTF-8 stand as lone surrogates, as Python reads names (`os.fsencode` takes them back).
    """
    head = json.dumps({**report.to_dict(), "spare_count": sum(len(choice.spare) for choice in choices)}, indent=1)
    stream.write(head.removesuffix("\n}").encode() + b',\n "groups": [')
    for number, (group, choice) in enumerate(zip(report.groups, choices, strict=True)):
        told = {
            "exact": group.exact,
            "keep": None if choice.keep is None else choice.keep.id,
            "spare": [member.id for member in choice.spare],
            "copy_of": {str(spare): stays for spare, stays in choice.copy_of.items()},
            "decisions": {str(member.id): choice.word(member) for member in group.members},
            "members": [member.to_dict() for member in group.members],
        }
        stream.write((b",\n  " if number else b"\n  ") + json.dumps(told).encode())
    stream.write(b"\n ]\n}\n")


def write_csv(report: DuplicateReport, choices: Sequence[Choice], stream: IO[bytes]) -> None:
    """One row a member; `group` counts from 1, metadata is an object of JSON.

    Names are written byte for byte, quoted where they hold line breaks.
    """
    stream.write(_row(COLUMNS))
    for number, (group, choice) in enumerate(zip(report.groups, choices, strict=True), 1):
        for member in group.members:
            cells = {
                **member.to_dict(),
                "group": number,
                "decision": choice.word(member),
                "copy_of": choice.copy_of.get(member.id, ""),
            }
            cells["distance"] = f"{member.distance:.6f}"
            cells["metadata"] = json.dumps(cells["metadata"]) if member.metadata else ""
            cells["path"], cells["label"] = _harmless(str(member.path)), _harmless(member.label or "")
            stream.write(_row([cells[column] for column in COLUMNS]))


def _row(cells: Sequence[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _open(opened: ExitStack, path: Path) -> IO[bytes]:
    return sys.stdout.buffer if path == STDOUT else opened.enter_context(output_file(path))


_WRITERS = {"json": write_json, "csv": write_csv, "html": write_page}
