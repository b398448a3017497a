"""Embed the reference pictures of identities with another encoder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.pipeline.content_hash import content_hash
from search.encoders.regions import RegionEncoder
from search.errors import PictureError
from search.pictures.decode import read_file
from search.recognition.parts import reference_part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexer.pipeline.progress import Stages
    from search.encoders.base import Encoder
    from search.store.catalog import Catalog
    from search.store.records import TemplateRecord


@dataclass(slots=True)
class Templates:
    """Reference pictures with their new embeddings, and those that could not be read: (path, reason)."""

    embedded: list[TemplateRecord] = field(default_factory=list)
    lost: list[tuple[Path, str]] = field(default_factory=list)
    lost_templates: list[TemplateRecord] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    """Identities that lost all their reference pictures."""

    def notes(self) -> list[str]:
        """Notes for the report."""
        notes = [f"{len(self.embedded)} reference pictures were embedded again"] if self.embedded else []
        if self.lost:
            notes.append(f"{len(self.lost)} reference pictures were removed")
        if self.forgotten:
            notes.append(f"no longer enrolled: {', '.join(self.forgotten)}")
        return notes


def embed_templates(catalog: Catalog, encoder: Encoder, stages: Stages) -> Templates:
    """Embed every reference picture, from its file or from a picture of the index with the same content."""
    result, templates = Templates(), catalog.identities.templates()
    if templates:
        with stages.stage("embed reference pictures", len(templates)):
            for template in templates:
                _embed(catalog, encoder, template, result)
                stages.progress.advance(1)
    left = {template.identity for template in result.embedded}
    result.forgotten = sorted({template.identity for template in templates} - left)
    return result


def _embed(catalog: Catalog, encoder: Encoder, template: TemplateRecord, result: Templates) -> None:
    reason, box = "", template.box
    for path in _places(catalog, template):
        try:
            data = read_file(path)
            if content_hash(data) != template.content:
                reason = reason or "was changed since it was enrolled"
                continue
            part = reference_part(encoder, data, str(path), box)
        except PictureError as error:
            reason = reason or error.reason
            continue
        vector = encoder.encode_prepared(part.prepared[None])[0].astype("<f4").tobytes()
        result.embedded.append(replace(template, vector=vector))
        return
    if box is None and not isinstance(encoder, RegionEncoder):
        # A retained one returns with the vector of a picture of the index: that of its largest face, or of all of it.
        result.lost_templates.append(template)
    result.lost.append((template.path, f"{reason} (reference picture of {template.identity})"))


def _places(catalog: Catalog, template: TemplateRecord) -> Iterator[Path]:
    yield template.path
    yield from (record.path for record in catalog.pictures.of_contents([template.content]))
