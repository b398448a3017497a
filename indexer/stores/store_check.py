"""Check an index, in a folder or in Milvus, for damage."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.health.check import NAMED_PICTURES, CheckReport, Finding
from indexer.health.check import inspect as inspect_folder
from search.encoders.foreign import is_foreign
from search.errors import TwinlensError
from search.recognition.identities import check_template
from search.recognition.stored import index_calibration
from search.store.address import is_uri
from search.store.milvus.layout import RECORD_FIELDS, VECTOR, record_of, vectors_of
from search.store.milvus.store import MilvusStore

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from indexer.health.check import Part
    from search.store.records import PictureRecord

_PAGE = 2_000
_UNIT = 1e-3


def check(index: str | os.PathLike[str]) -> list[str]:
    """List the damage of an index, one sentence per finding: see `inspect`."""
    return [f"{index}/{finding}" for finding in inspect(index).findings]


def inspect(index: str | os.PathLike[str], *, named: int = NAMED_PICTURES) -> CheckReport:
    """Check an index: see `indexer.health.check.inspect`.

    In Milvus: that its settings, its encoder and its identities are complete and belong together, and that every
    picture can be read and has a unit vector, and no path twice. Milvus keeps no checksums of its own that could be
    compared.

    Raises:
        StoreError: there is no index in Milvus, or its server does not answer.
        (and as `indexer.health.check.inspect`)
    """
    if not is_uri(index):
        return inspect_folder(index, named=named)
    with closing(MilvusStore(str(index), "cpu")) as store:
        report = CheckReport(store.address)
        report.findings += _parts(store)
        report.findings += _pictures(store, named)
        return report


def _parts(store: MilvusStore) -> Iterator[Finding]:
    """Damage of what belongs to the index as a whole."""

    def templates() -> None:
        for each in store.templates():
            check_template(each, int(store.settings["dim"]))

    def encoder() -> None:
        if not is_foreign(store.settings["fingerprint"]):
            for name in store.about.file_names():
                store.about.file(name)
            store.encoder_folder()

    checks: list[tuple[Part, Callable[[], object]]] = [
        ("encoder", encoder),
        ("records", templates),
        ("records", lambda: index_calibration(store.address, store.settings)),
    ]
    for part, check in checks:
        try:
            check()
        except TwinlensError as error:
            yield Finding(part, str(store.address), str(error))


def _pictures(store: MilvusStore, named: int) -> Iterator[Finding]:
    """Pictures whose vector is damaged, or whose path another picture has too."""
    paths: dict[Path, int] = {}
    damaged: list[PictureRecord] = []
    twice: list[PictureRecord] = []
    for page in store.connection.pages(store.collection, "", [*RECORD_FIELDS, VECTOR], _PAGE):
        lengths = np.linalg.norm(vectors_of(page, store.shown.dim), axis=1)
        for row, length in zip(page, lengths.tolist(), strict=True):
            record = record_of(row)
            if not abs(length - 1) < _UNIT:  # also for NaN
                damaged.append(record)
            if paths.setdefault(record.path, record.id) != record.id:
                twice.append(record)
    kinds: list[tuple[Part, str, list[PictureRecord]]] = [
        ("vectors", "vectors are not of unit length", damaged),
        ("records", "several pictures have the same path", twice),
    ]
    for part, problem, found in kinds:
        if found:
            shown = tuple(found if named < 0 else found[:named])
            yield Finding(part, str(store.address), problem, suffering=len(found), pictures=shown)
