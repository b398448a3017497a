"""Restore metadata, labels and reference pictures of removed pictures whose content is added again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.pipeline.changes import Changes
    from indexer.pipeline.known_contents import KnownContents
    from search.store.catalog import Catalog
    from search.store.records import PictureRecord, TemplateRecord


def returning_templates(
    catalog: Catalog, pictures: Sequence[PictureRecord], known: KnownContents
) -> list[TemplateRecord]:
    """Retained reference pictures that have the content of one of these pictures, with its vector."""
    templates = catalog.retained.templates(sorted({picture.content for picture in pictures}))
    if not templates:
        return []
    enrolled = {(each.identity, each.content) for each in catalog.identities.templates()}
    templates = [each for each in templates if (each.identity, each.content) not in enrolled]
    vectors = (row for block in known.vectors([each.content for each in templates]) for row in block)
    return [replace(each, vector=row.astype("<f4").tobytes()) for each, row in zip(templates, vectors, strict=True)]


def restore(
    catalog: Catalog, changes: Changes, templates: Sequence[TemplateRecord], *, labels: bool, over_folders: bool
) -> int:
    """Restore to added pictures what is retained of their content; in a transaction, after they are stored.

    Args:
        catalog: the index.
        changes: the changes that were stored.
        templates: the result of `returning_templates`.
        labels: whether pictures without a label get their old label back.
        over_folders: whether pictures labelled by their folder do, too.

    Returns:
        How many pictures got metadata or a label back.
    """
    catalog.identities.add(templates)
    catalog.retained.forget_templates(templates)
    added = catalog.pictures.at_paths([str(picture.path) for picture in changes.added])
    return catalog.retained.restore(added, labels=labels, over_folders=over_folders)
