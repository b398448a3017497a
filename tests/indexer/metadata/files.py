"""Files of metadata, and what an index knows of them."""

import csv
import json
from pathlib import Path
from typing import Any

from search import open_index


def write_csv(file: Path, *rows: list[Any]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)
    return file


def write_lines(file: Path, *rows: Any) -> Path:
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return file


def told(index: Path) -> dict[str, dict[str, Any]]:
    """Name of a picture's file -> its metadata."""
    with open_index(index) as engine:
        records = engine.pictures()
        known = engine.metadata([record.id for record in records])
        return {record.path.name: known[record.id] for record in records if known.get(record.id)}


def types(index: Path) -> dict[str, str]:
    with open_index(index) as engine:
        return {name: kind for name, kind in engine.columns().items() if name not in ("taken", "camera")}
