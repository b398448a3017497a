"""What a card says about a file beside its size: its format, date and sharpness."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from search import PictureError
from search.pictures.decode import load_picture
from search.pictures.exif import read_exif
from search.pictures.formats import sniff
from search.pictures.quality import quality_of
from search.pictures.source import read_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer import Choice, Group, Member

_SIDE = 64
"""Side in pixels at which sharpness is measured, as `indexer.duplicates.keep` does."""


class FileFacts(NamedTuple):
    """What a file says about itself."""

    format: str
    taken: datetime | None
    """Time of the shutter, from the EXIF."""
    sharpness: float | None
    """See `search.pictures.quality.Quality`; None if the picture cannot be decoded."""


@st.cache_resource(show_spinner=False, max_entries=5_000)
def _facts(path: bytes, changed: int) -> FileFacts:
    """Read a file once per modification time `changed`."""
    data = read_file(os.fsdecode(path))
    try:
        sharpness = quality_of(load_picture(data, target=_SIDE)).sharpness
    except PictureError:
        sharpness = None
    return FileFacts(sniff(data) or "unknown format", read_exif(data).taken, sharpness)


def facts_of(member: Member) -> FileFacts | None:
    """The facts of a file; None if it cannot be read."""
    try:
        return _facts(os.fsencode(member.path), member.path.stat().st_mtime_ns)
    except (PictureError, OSError, ValueError):
        return None


def date_text(member: Member, facts: FileFacts | None) -> str:
    """When a picture was taken, or else when its file was changed, in UTC."""
    if facts is not None and facts.taken is not None:
        return f"taken {facts.taken:%Y-%m-%d %H:%M}"
    return f"changed {datetime.fromtimestamp(member.mtime_ns / 1e9, UTC):%Y-%m-%d %H:%M}"


def why_it_stays(group: Group, choice: Choice, sharpness: dict[int, float]) -> str:
    """Why the preferred file of a group comes before the others: the first difference in the order of `--keep best`.

    Args:
        group: the group.
        choice: the proposal, by the rule `best`.
        sharpness: of the files that could be read, by id.
    """
    best, others = choice.keep, _rivals(group, choice)
    if best is None or not others:
        return "the only file that is as it was indexed"
    if best.pixels > max(each.pixels for each in others):
        return "most pixels"
    others = [each for each in others if each.pixels == best.pixels]
    if best.bytes > max(each.bytes for each in others):
        return f"most bytes of those with {best.width} × {best.height} pixels"
    others = [each for each in others if each.bytes == best.bytes]
    unlike = [each for each in others if each.content != best.content]
    if unlike and sharpness.get(best.id, 0) > max(sharpness.get(each.id, 0) for each in unlike):
        return "sharpest of those of its size"
    if best.mtime_ns < min(each.mtime_ns for each in others):
        return "oldest of files that are equal otherwise"
    return "first by path of files that are equal otherwise"


def _rivals(group: Group, choice: Choice) -> Sequence[Member]:
    """The other files that could have been preferred: those that are as they were indexed."""
    out = {each.id for each, why in choice.left if not why.startswith("near")}
    return [each for each in group.members if each is not choice.keep and each.id not in out]
