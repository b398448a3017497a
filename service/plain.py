"""Results of the engine as plain values for JSON; floats keep all their digits."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from search.filters.columns import json_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from search.engine import SearchEngine
    from search.query.collection_map import CollectionMap
    from search.store.records import PictureRecord
    from search.types import Answer, Hit


def answer_plain(answer: Answer) -> dict[str, Any]:
    """The answer to one query; times are in seconds."""
    return {
        "hits": [hit.to_dict() for hit in answer.hits],
        "weak": answer.weak,
        "cut_off": answer.cut_off,
        "timing": asdict(answer.timing),
        "audit": None if answer.audit is None else answer.audit.to_dict(),
        "types": date_types(_metadata_of(answer.hits)),
    }


def hits_plain(lists: list[list[Hit]]) -> dict[str, Any]:
    """Lists of hits, one per query."""
    everything = [values for hits in lists for values in _metadata_of(hits)]
    answers = [{"hits": [hit.to_dict() for hit in hits]} for hits in lists]
    return {"answers": answers, "types": date_types(everything)}


def date_types(rows: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Column -> `date` or `datetime`, of the columns whose values are written as text in JSON."""
    types: dict[str, str] = {}
    for values in rows:
        for name, value in values.items():
            if isinstance(value, date):
                types[name] = "datetime" if isinstance(value, datetime) else "date"
    return types


def _metadata_of(hits: Iterable[Hit]) -> list[dict[str, Any]]:
    return [each.metadata for hit in hits for each in (hit, *(hit.copies or ()))]


def record_plain(record: PictureRecord) -> dict[str, Any]:
    """The record of a picture."""
    return {**asdict(record), "path": str(record.path)}


def metadata_plain(values: dict[str, Any]) -> dict[str, Any]:
    """The values of a picture by column."""
    return {name: json_value(value) for name, value in values.items()}


def engine_plain(engine: SearchEngine) -> dict[str, Any]:
    """The properties of an index: what `twinlens info --json` prints, and what only the engine says."""
    from search.errors import TwinlensError

    try:
        embeds_text = engine.embeds_text
    except TwinlensError:  # of a damaged encoder, which a query reports
        embeds_text = False
    calibration, cut_points = engine.calibration, engine.cut_points
    return {
        **engine.info().to_dict(),
        "generation": engine.catalog.generation(),
        "embeds_text": embeds_text,
        "full_calibration": None if calibration is None else calibration.to_dict(),
        "cut_points": None if cut_points is None else cut_points.edges,
    }


def map_plain(kept: CollectionMap) -> dict[str, Any]:
    """The kept map."""
    return {
        "ids": kept.ids.tolist(),
        "positions": kept.positions.tolist(),
        "clusters": kept.clusters.tolist(),
        "names": list(kept.names),
        "placed": kept.placed.tolist(),
        "removed": kept.removed,
        "method": kept.method,
        "created": kept.created,
    }
