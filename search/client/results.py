"""From the JSON of a service back to the results of the engine."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from search.crop import Crop
from search.explanation.heat_maps import Explanation, Heat
from search.filters.columns import ColumnInfo
from search.pictures.quality import Quality
from search.query.collection_map import CollectionMap
from search.recognition.calibration import ErrorRate, Verification
from search.recognition.identities import Candidate, Identification, Identity, OpenSetThreshold
from search.store.records import PictureRecord
from search.tuned import Tuning
from search.types import STAGES, Answer, Audit, Hit, IndexInfo, SegmentAudit, SegmentInfo, Timing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search.filters.columns import ColumnType, MetadataValue


def value_of(value: Any, kind: str | None) -> MetadataValue:
    """A value of metadata; `kind` is `date` or `datetime` for one that JSON holds as text."""
    if kind == "datetime":
        return datetime.fromisoformat(value)
    result: MetadataValue = date.fromisoformat(value) if kind == "date" else value
    return result


def metadata_of(plain: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, MetadataValue]:
    """Column -> value."""
    return {name: value_of(value, types.get(name)) for name, value in plain.items()}


def hit_of(plain: Mapping[str, Any], types: Mapping[str, str]) -> Hit:
    """A hit with its copies."""
    copies = plain.get("copies")
    return Hit(
        plain["id"],
        Path(plain["path"]),
        plain["label"],
        plain["distance"],
        plain["probability"],
        metadata_of(plain["metadata"], types),
        None if copies is None else tuple(hit_of(each, types) for each in copies),
        plain["strength"],
    )


def hits_of(plain: Mapping[str, Any], types: Mapping[str, str]) -> list[Hit]:
    """The hits of one query."""
    return [hit_of(each, types) for each in plain["hits"]]


def answer_of(plain: Mapping[str, Any]) -> Answer:
    """The answer to one query."""
    audit = plain["audit"]
    return Answer(
        hits_of(plain, plain["types"]),
        Timing(**plain["timing"]),
        plain["weak"],
        None if audit is None else _audit_of(audit),
        plain["cut_off"],
    )


def _audit_of(plain: Mapping[str, Any]) -> Audit:
    segments = [
        SegmentAudit(
            **{name: each[name] for name in ("segment", "kind", "exact", "allowed", "candidates")},
            structure=each["structure_ms"] / 1e3,
            rerank=each["rerank_ms"] / 1e3,
        )
        for each in plain["segments"]
    ]
    computed = ("structure", "rerank")  # from those of the segments
    stages = {name: plain["milliseconds"][name] / 1e3 for name in STAGES if name not in computed}
    return Audit(plain["k"], plain["recall"], **stages, segments=segments)


def verification_of(plain: Mapping[str, Any]) -> Verification:
    """The result of a verification."""
    rates = {name: None if plain[name] is None else ErrorRate.from_dict(plain[name]) for name in ("far", "frr")}
    return Verification(**{**plain, **rates, "cautions": tuple(plain["cautions"])})


def explanation_of(plain: Mapping[str, Any]) -> Explanation:
    """Why two pictures are similar."""
    heats = (
        Heat(np.array(each["values"], dtype=np.float32), tuple(each["area"]))
        for each in (plain["heat"]["a"], plain["heat"]["b"])
    )
    return Explanation(plain["distance"], *heats)


def identification_of(plain: Mapping[str, Any]) -> Identification:
    """The result of an identification."""
    quality = plain["quality"]
    return Identification(
        plain["name"],
        tuple(Candidate(**each) for each in plain["candidates"]),
        OpenSetThreshold(plain["threshold"], plain["false_accept"]),
        None if quality is None else Quality(**{**quality, "problems": tuple(quality["problems"])}),
        plain["refused"],
        None if plain["box"] is None else Crop(*plain["box"]),
        tuple(identification_of(each) for each in plain["others"]),
    )


def identity_of(plain: Mapping[str, Any]) -> Identity:
    """An enrolled identity."""
    return Identity(plain["name"], tuple(map(Path, plain["templates"])), plain["created"])


def record_of(plain: Mapping[str, Any]) -> PictureRecord:
    """The record of a picture."""
    values = {field.name: plain[field.name] for field in fields(PictureRecord)}
    return PictureRecord(**{**values, "path": Path(plain["path"])})


def map_of(plain: Mapping[str, Any]) -> CollectionMap:
    """The kept map."""
    return CollectionMap(
        np.array(plain["ids"], dtype=np.int64),
        np.array(plain["positions"], dtype=np.float32).reshape(-1, 2),
        np.array(plain["clusters"], dtype=np.int32),
        tuple(plain["names"]),
        np.array(plain["placed"], dtype=bool),
        plain["removed"],
        plain["method"],
        plain["created"],
    )


def info_of(plain: Mapping[str, Any]) -> IndexInfo:
    """The properties of an index."""
    names = {field.name for field in fields(IndexInfo)}
    values = {name: value for name, value in plain.items() if name in names}
    segments = tuple(
        SegmentInfo(**{**each, "tuning": None if each["tuning"] is None else Tuning.of_dict(each["tuning"])})
        for each in plain["segment_list"]
    )
    columns = tuple(_column_of(each) for each in plain["columns"])
    return IndexInfo(**{**values, "path": Path(plain["path"]), "segments": segments, "columns": columns})


def _column_of(plain: Mapping[str, Any]) -> ColumnInfo:
    kind: ColumnType = plain["type"]
    ends = {name: None if plain.get(name) is None else value_of(plain[name], kind) for name in ("min", "max")}
    return ColumnInfo(plain["name"], kind, plain["count"], **ends, values=tuple(plain.get("values", ())))
