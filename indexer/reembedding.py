"""Embed the pictures and references of an index once more, from their files, with another encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.changes import is_same
from indexer.embed import content_hash, embed_files
from indexer.known_contents import KnownContents
from indexer.scan import FoundFile
from indexer.staging import Staging
from search.errors import DataError, PictureError
from search.images import decode, read_file

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.progress import Stages
    from indexer.staging import LookedAt
    from search.catalog import Catalog
    from search.config import BuildConfig
    from search.encoders.base import Encoder
    from search.records import PictureRecord, TemplateRecord
    from search.types import Floats

_SHOWN = 10


@dataclass(slots=True)
class Reembedded:
    """What another encoder made of an index, and what it could not read."""

    records: list[PictureRecord]
    """Of the pictures that were embedded, by ascending id."""
    vectors: Floats
    changed: dict[int, dict[str, Any]]
    """Id -> new content, size and time, of pictures whose files are not what was indexed."""
    missing: list[PictureRecord]
    reasons: dict[Path, str]
    templates: list[tuple[str, str, bytes]]
    """Identity, content and embedding of each reference picture."""
    missing_templates: list[TemplateRecord]
    embedded: int
    staging: Staging

    @property
    def ids(self) -> list[int]:
        """Of `records`."""
        return [record.id for record in self.records]

    def left_out(self) -> list[tuple[Path, str]]:
        """Files that could not be embedded, and why."""
        return sorted(self.reasons.items())


def reembed(catalog: Catalog, encoder: Encoder, config: BuildConfig, stages: Stages, *,
            drop_missing: bool) -> Reembedded:  # fmt: skip
    """Embed everything again; what was staged by a run that was killed is taken as it is.

    Raises:
        DataError: files that are gone or cannot be read, and they may not be dropped. What was embedded stays staged.
    """
    staging = Staging(catalog.folder, encoder.fingerprint)
    try:
        records, reasons = catalog.pictures(), {}
        found: list[FoundFile] = []
        for record in records:
            try:
                status = record.path.stat()
            except OSError as error:
                reasons[record.path] = error.strerror or "cannot be read"
            else:
                found.append(FoundFile(record.path, status.st_size, status.st_mtime_ns))
        staged = staging.looked_at()
        todo = [file for file in found if not is_same(staged.get(file.path), file)]
        with stages.stage("embed", len(todo)):
            embedded = embed_files(todo, encoder, staging, KnownContents(None, staging.sizes()),
                                   batch_size=config.batch_size, workers=config.workers, stages=stages)  # fmt: skip
        looked = staging.looked_at()
        reasons |= {file.path: reason for file in found if (reason := looked[file.path].reason) is not None}
        templates, missing_templates = _templates(catalog, encoder, reasons)
        if reasons and not drop_missing:
            raise DataError(_refusal(catalog, reasons))
        kept = [record for record in records if record.path not in reasons]
        return Reembedded(
            kept,
            _vectors(kept, looked, staging, encoder.dim),
            _changed(kept, looked, staging),
            [record for record in records if record.path in reasons],
            reasons,
            templates,
            missing_templates,
            embedded,
            staging,
        )
    except BaseException:
        staging.close()
        raise


def _vectors(kept: list[PictureRecord], looked: dict[Path, LookedAt], staging: Staging, dim: int) -> Floats:
    vectors = np.empty((len(kept), dim), dtype=np.float32)
    for row, record in enumerate(kept):
        vectors[row] = staging.vector(looked[record.path].content)
    return vectors


def _changed(kept: list[PictureRecord], looked: dict[Path, LookedAt], staging: Staging) -> dict[int, dict[str, Any]]:
    sizes, changed = staging.sizes(), {}
    for record in kept:
        look = looked[record.path]
        if (look.content, look.bytes, look.mtime_ns) != (record.content, record.bytes, record.mtime_ns):
            width, height = sizes[look.content]
            changed[record.id] = {"content": look.content, "bytes": look.bytes, "mtime_ns": look.mtime_ns,
                                  "width": width, "height": height}  # fmt: skip
    return changed


def _templates(
    catalog: Catalog, encoder: Encoder, reasons: dict[Path, str]
) -> tuple[list[tuple[str, str, bytes]], list[TemplateRecord]]:
    """Reference pictures embedded again; those that are gone, or are other pictures now, are added to the reasons."""
    again, missing = [], []
    for template in catalog.templates():
        try:
            data = read_file(template.path)
            if content_hash(data) != template.content:
                raise PictureError(str(template.path), "is not the picture any more that was enrolled")
            image = decode(data, name=str(template.path), target=encoder.input_size)
        except PictureError as error:
            reasons[template.path] = f"{error.reason} (reference of {template.identity})"
            missing.append(template)
        else:
            vector = encoder.encode([image])[0].astype("<f4").tobytes()
            again.append((template.identity, template.content, vector))
    return again, missing


def _refusal(catalog: Catalog, reasons: dict[Path, str]) -> str:
    shown = "; ".join(f"{path}: {reason}" for path, reason in sorted(reasons.items())[:_SHOWN])
    more = f"; and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
    return (
        f"{catalog.folder}: {len(reasons)} pictures cannot be embedded again ({shown}{more}). Bring them back and run "
        "the same command again, or leave them out: --drop-missing. The index is as it was"
    )
