"""Write a report as files: JSON, CSV, the list of spare files, and the HTML page."""

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
"""Beginnings that a spreadsheet interprets as a formula: such cells get a leading apostrophe.
Source: OWASP, "CSV Injection"."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Output files of a report; `-` is standard output, None writes nothing."""

    json: Path | None = None
    csv: Path | None = None
    html: Path | None = None
    list: Path | None = None
    null: bool = False
    """End names in the list with a NUL byte instead of a line break."""

    def given(self) -> dict[str, Path]:
        """The outputs that are set, by name."""
        paths = {"json": self.json, "csv": self.csv, "html": self.html, "list": self.list}
        return {name: path for name, path in paths.items() if path is not None}

    @property
    def speaks(self) -> bool:
        """Whether one of the outputs is standard output."""
        return STDOUT in self.given().values()


def check_outputs(outputs: Outputs, index: Path) -> None:
    """Check, before any work, that the outputs can be written and overwrite no pictures.

    Raises:
        DataError: two outputs with one path, a folder, the name of a picture, or a path inside the index.
    """
    places = list(outputs.given().values())
    real = [path if path == STDOUT else Path(os.path.realpath(path)) for path in places]
    for path, place in zip(places, real, strict=True):
        if real.count(place) > 1:
            raise DataError(f"{path}: cannot hold two reports. Name another file")
        if path == STDOUT:
            continue
        if place.is_dir() or not place.parent.is_dir():
            raise DataError(f"{path}: is a folder, or its folder does not exist. Name a file")
        if place.suffix.lower() in PICTURE_SUFFIXES:
            raise DataError(f"{path}: has the name of a picture, which a report must not replace. Name another file")
        if place.is_relative_to(os.path.realpath(index)):
            raise DataError(f"{path}: is inside the index folder, which can hold no other files. Name another file")


def write_outputs(report: DuplicateReport, choices: Sequence[Choice], outputs: Outputs) -> list[Member]:
    """Write all outputs; no file is replaced before the last one is complete.

    Returns:
        Spare files that the list leaves out, because their names contain line breaks.

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
    """Write one JSON object: the figures, and `groups`, one per line, with members, the file to keep and spare files.

    `decisions` holds, by id, the values of the CSV column `decision`. `copy_of` maps the id of a spare file to the id
    of the file that it is a copy of.

    Bytes of names that are not UTF-8 are lone surrogates, as Python reads names (`os.fsencode` converts them back).
    """
    head = json.dumps({**report.to_dict(), "spare_count": sum(len(choice.spare) for choice in choices)}, indent=1)
    stream.write(head.removesuffix("\n}").encode() + b',\n "groups": [')
    for number, (group, choice) in enumerate(zip(report.groups, choices, strict=True)):
        content = {
            "exact": group.exact,
            "keep": None if choice.keep is None else choice.keep.id,
            "spare": [member.id for member in choice.spare],
            "copy_of": {str(spare): stays for spare, stays in choice.copy_of.items()},
            "decisions": {str(member.id): choice.word(member) for member in group.members},
            "members": [member.to_dict() for member in group.members],
        }
        stream.write((b",\n  " if number else b"\n  ") + json.dumps(content).encode())
    stream.write(b"\n ]\n}\n")


def write_csv(report: DuplicateReport, choices: Sequence[Choice], stream: IO[bytes]) -> None:
    """Write one row per member; `group` counts from 1, `metadata` is a JSON object.

    Names are written byte for byte, quoted if they contain line breaks.
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
