"""Read the pictures of the rows of a .npy file: text with one path per line, CSV, or JSON lines."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from indexer.csv_table import open_csv
from indexer.exchange.npy_files import json_lines
from indexer.exchange.plain_text import read_plain_text
from indexer.exchange.rows import Places, Row
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_JSON = (".jsonl", ".ndjson", ".json")


def listed_rows(file: Path, places: Places) -> Iterator[Row]:
    """Read the list of pictures, in the order of their rows.

    A `.csv` has a header with the column path, and optionally label; a `.jsonl` file one object per line with these
    keys. In both a path may be encoded as by `indexer.exchange.plain_text`. Any other file is text: the bytes of a line
    are the path.

    Raises:
        DataError: the file cannot be read in the format of its suffix.
    """
    suffix = file.suffix.lower()
    read = _json if suffix in _JSON else _csv if suffix == ".csv" else _text
    for number, (path, label) in enumerate(read(file)):
        if label is not None and not isinstance(label, str):
            label = str(label)
        yield Row(places.absolute(path, number), label or None)


def _text(file: Path) -> Iterator[tuple[object, None]]:
    try:
        with file.open("rb") as stream:
            for line in stream:
                yield os.fsdecode(line.rstrip(b"\n").removesuffix(b"\r")), None
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from error


def _csv(file: Path) -> Iterator[tuple[object, object]]:
    with open_csv(file, ("path", "label")) as table:
        table.require("path")
        for _, row in table.named():
            yield _plain(row["path"]), _plain(row.get("label"))


def _json(file: Path) -> Iterator[tuple[object, object]]:
    for content in json_lines(file):
        yield _plain(content.get("path")), _plain(content.get("label"))


def _plain(value: object) -> object:
    return read_plain_text(value) if isinstance(value, str) else value
