"""Answers that are pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Query
from starlette.responses import Response

from search.pictures.thumbnails import jpeg, thumbnail

if TYPE_CHECKING:
    from pathlib import Path

_QUALITY = 88
_MOST_SIDE = 2_048
_DAY = "private, max-age=86400"
_NEVER = "no-store"

Side = Annotated[int, Query(description="Pixels of the longer side.", ge=1, le=_MOST_SIDE)]


def small_jpeg(path: Path, side: int, etag: str | None = None) -> Response:
    """Answer with a small JPEG of a file, which is not cached without an `etag`; raises PictureError as `thumbnail`."""
    return picture_response(jpeg(thumbnail(path, side), _QUALITY), "image/jpeg", etag, cached=etag is not None)


def picture_response(data: bytes, kind: str, etag: str | None = None, *, cached: bool = True) -> Response:
    """Answer with a picture of a media type, which a browser must not take for anything else."""
    kept = _DAY if cached else _NEVER
    headers = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox", "cache-control": kept}
    return Response(data, media_type=kind, headers=headers if etag is None else {**headers, "etag": etag})
