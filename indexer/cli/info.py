"""The command `info`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indexer.cli.options import JsonOption
from search.text import megabytes, one_line, short

if TYPE_CHECKING:
    from search.filters.columns import ColumnInfo
    from search.types import IndexInfo


def info(
    index: Annotated[Path, typer.Argument(help="The index folder.")],
    as_json: JsonOption = False,
) -> None:
    """Tell what an index holds: pictures, encoder, structure, measured recall, size."""
    from search.engine import open_index
    from search.large_imports import without_torch

    with without_torch(), open_index(index, device="cpu") as engine:
        found = engine.info()
    typer.echo(json.dumps(info_dict(found), indent=2) if as_json else _info_text(found))


def info_dict(found: IndexInfo) -> dict[str, Any]:
    """An `IndexInfo` as plain values: `segments` is their number, `segment_list` what each is."""
    plain = asdict(found)
    plain["segment_list"] = plain.pop("segments")
    columns = [column.to_dict() for column in found.columns]
    return {**plain, "path": str(found.path), "segments": len(found.segments), "columns": columns}


def _info_text(found: IndexInfo) -> str:
    lines = [
        f"index     {found.path}",
        f"images    {found.images} ({found.labels} labels)",
        f"encoder   {found.encoder} ({found.dim} dimensions, fingerprint {found.fingerprint}){_foreign_text(found)}",
        f"size      {megabytes(found.size)}",
        f"built     {found.created}, last changed {found.updated}",
    ]
    lines += _decoder_lines(found)
    for segment in found.segments:
        recall = "exact" if segment.recall is None else f"recall@10 measured {segment.recall:.3f}"
        settings = ", ".join(f"{key}={value}" for key, value in segment.parameters.items())
        about = f"{recall}; {settings}" if settings else recall
        lines.append(f"segment {segment.id}  {segment.live} of {segment.rows} rows live, {segment.kind} ({about})")
    lines += _calibration_lines(found.calibration)
    lines += [f"column    {_column_text(column)}" for column in found.columns]
    return "\n".join(map(one_line, lines))


def _decoder_lines(found: IndexInfo) -> list[str]:
    from search.encoders.foreign import is_foreign
    from search.pictures.decoder_revision import DECODER

    if found.decoder >= DECODER or not found.images or is_foreign(found.fingerprint):
        return []
    return [
        "decoder   of an earlier version: colours, depths and transparency of some pictures count otherwise now;",
        "          twinlens rebuild with --encoder embeds them again (docs/pictures.md, Versions)",
    ]


def _foreign_text(found: IndexInfo) -> str:
    from search.encoders.foreign import is_foreign

    return "; the vectors were made elsewhere, pictures cannot be queried" if is_foreign(found.fingerprint) else ""


def _column_text(column: ColumnInfo) -> str:
    told = column.to_dict()
    if column.count == 0:
        values = ""
    elif "values" in told:
        values = ": " + ", ".join(short(value) for value in told["values"])
    else:
        values = f": {told['min']} to {told['max']}"
    return f"{column.name} ({column.type}), {column.count} pictures{values}"


def _calibration_lines(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return ["same?     not calibrated: see twinlens calibrate --help"]
    rates = ", ".join(f"{name.upper()} {found[name]['value']:.4f}" for name in ("far", "frr", "eer"))
    return [
        f"same?     at distance {found['threshold']:.4f} or less, chosen by {found['rule']}: {rates}",
        f"          calibrated on {found['data']}, {found['subjects']} subjects, {found['created']}",
    ]
