"""The command `info`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from indexer.cli.options import JsonOption, StoreArgument
from search.text import counted, megabytes, one_line, short

if TYPE_CHECKING:
    from search.filters.columns import ColumnInfo
    from search.types import IndexInfo, SegmentInfo


def info(index: StoreArgument, as_json: JsonOption = False) -> None:
    """Show what an index holds: pictures, encoder, structure, measured recall and size."""
    from search.engine import open_index
    from search.large_imports import without_torch

    with without_torch(), open_index(index, device="cpu") as engine:
        about = engine.info()
    typer.echo(json.dumps(about.to_dict(), indent=2) if as_json else _text(about))


def _text(about: IndexInfo) -> str:
    lines = [
        f"index     {about.path}",
        f"images    {about.images} ({counted(about.labels, 'label')})",
        f"encoder   {about.encoder} ({about.dim} dimensions, fingerprint {about.fingerprint}){_foreign_text(about)}",
        f"size      {megabytes(about.size)}" if about.size else f"kind      {about.kind}",
        f"built     {about.created}, last changed {about.updated}",
    ]
    lines += _precision_lines(about)
    lines += _decoder_lines(about)
    for segment in about.segments:
        settings = ", ".join(f"{key}={value}" for key, value in segment.parameters.items())
        details = f"{_recall_text(segment)}; {settings}" if settings else _recall_text(segment)
        lines.append(f"segment {segment.id}  {segment.live} of {segment.rows} rows live, {segment.kind} ({details})")
        lines += _cost_lines(segment)
    lines += _calibration_lines(about.calibration)
    lines += [f"column    {_column_text(column)}" for column in about.columns]
    return "\n".join(map(one_line, lines))


def _recall_text(segment: SegmentInfo) -> str:
    if segment.recall is None:
        return "exact"
    if segment.tuning is None or segment.tuning.recall is None:  # built by an older version
        return f"recall@10 measured {segment.recall:.3f}"
    return f"recall@10 {segment.tuning.recall}"


def _cost_lines(segment: SegmentInfo) -> list[str]:
    """What was measured when the segment was built, and why its kind was chosen."""
    if (tuning := segment.tuning) is None:
        return []
    costs = []
    if tuning.query_ms is not None:
        costs.append(f"{tuning.query_ms:.2f} ms per query")
    if tuning.memory is not None:
        costs.append(f"{megabytes(tuning.memory)} in memory")
    if tuning.build_seconds is not None:
        costs.append(f"built in {tuning.build_seconds:.1f} s")
    filters = ""
    if tuning.exact_rows is not None:
        filters = f"filters that leave up to {tuning.exact_rows:,} rows are answered exactly"
    texts = [", ".join(costs), filters, tuning.reason and f"chosen: {tuning.reason}"]
    return [f"          {text}" for text in texts if text]


def _precision_lines(about: IndexInfo) -> list[str]:
    if about.precision != "bfloat16":
        return []
    from search.encoders.openvino_runtime import why_float32

    reason = why_float32()
    return ["precision bfloat16" if reason is None else f"precision bfloat16, but float32 here: {reason}"]


def _decoder_lines(about: IndexInfo) -> list[str]:
    from search.encoders.foreign import is_foreign
    from search.pictures.decoder_revision import DECODER

    if about.decoder >= DECODER or not about.images or is_foreign(about.fingerprint):
        return []
    return [
        "decoder   of an earlier version, which decodes colours, depths and transparency of some pictures otherwise;",
        "          twinlens rebuild --encoder embeds them again (docs/pictures.md, Versions)",
    ]


def _foreign_text(about: IndexInfo) -> str:
    from search.encoders.foreign import is_foreign

    return "; the vectors were made elsewhere, pictures cannot be queries" if is_foreign(about.fingerprint) else ""


def _column_text(column: ColumnInfo) -> str:
    plain = column.to_dict()
    if column.count == 0:
        values = ""
    elif "values" in plain:
        values = ": " + ", ".join(short(value) for value in plain["values"])
    else:
        values = f": {plain['min']} to {plain['max']}"
    return f"{column.name} ({column.type}), {counted(column.count, 'picture')}{values}"


def _calibration_lines(calibration: dict[str, Any] | None) -> list[str]:
    if calibration is None:
        return ["same?     not calibrated; see twinlens calibrate --help"]
    rates = ", ".join(f"{name.upper()} {calibration[name]['value']:.4f}" for name in ("far", "frr", "eer"))
    return [
        f"same?     at distance {calibration['threshold']:.4f} or less, chosen by {calibration['rule']}: {rates}",
        f"          calibrated on {calibration['data']}, {calibration['subjects']} subjects, {calibration['created']}",
        *(f"caution   {caution}" for caution in calibration["cautions"]),
    ]
