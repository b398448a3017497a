"""What removed pictures had comes back with their content: metadata, labels, and reference pictures of identities."""

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
    """Retained reference pictures whose content one of these pictures shows, with its vector."""
    found = catalog.retained.give_back_templates(sorted({picture.content for picture in pictures}))
    if not found:
        return []
    enrolled = {(each.identity, each.content) for each in catalog.identities.templates()}
    found = [each for each in found if (each.identity, each.content) not in enrolled]
    vectors = (row for block in known.vectors([each.content for each in found]) for row in block)
    return [replace(each, vector=row.astype("<f4").tobytes()) for each, row in zip(found, vectors, strict=True)]


def give_back(
    catalog: Catalog, changes: Changes, templates: Sequence[TemplateRecord], *, labels: bool, over_folders: bool
) -> int:
    """Give added pictures what is retained of their content; in a transaction, after they were put.

    Args:
        catalog: the index.
        changes: what was put.
        templates: of `returning_templates`.
        labels: whether labels come back to pictures that have none.
        over_folders: whether they do to pictures that are labelled by their folders, too.

    Returns:
        How many pictures got metadata or a label back.
    """
    catalog.identities.add(templates)
    catalog.retained.forget_templates(templates)
    added = catalog.pictures.at_paths([str(picture.path) for picture in changes.added])
    return catalog.retained.give_back(added, labels=labels, over_folders=over_folders)
