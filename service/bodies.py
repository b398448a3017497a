"""Read the body of a request into memory: JSON, or a form with the files of pictures. Nothing is written to disk."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError
from python_multipart.exceptions import MultipartParseError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from service.problems import ProblemError, invalid_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

JSON, FORM = "application/json", "multipart/form-data"
OPTIONS = "options"
"""The field of a form that has the rest of the request, as JSON."""
_FORM_FIELDS = 8
"""Most fields of a form that are no files."""

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Body:
    """A body: the bytes of its JSON, and of its files by the name of their field."""

    json: bytes
    files: dict[str, list[bytes]] = field(default_factory=dict)

    def read(self, model: type[Model]) -> Model:
        """Check the JSON.

        Raises:
            ProblemError: it does not follow the schema.
        """
        try:
            return model.model_validate_json(self.json)
        except ValidationError as error:
            raise invalid_request(error.errors(include_url=False, include_context=False, include_input=False)) from None


async def receive(request: Request, files: Sequence[str] = ()) -> Body:
    """Read the body of a request; `files` are the fields of a form that hold pictures.

    Raises:
        ProblemError: the body is too large, is of another type, or cannot be read.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == JSON:
        return Body(await request.body() or b"{}")
    if kind != FORM or not files:
        known = f"{JSON} or {FORM}" if files else JSON
        raise ProblemError("media-type", f"the body has the content type {kind!a:.80}: send {known}")
    return await _form(request, files)


async def _form(request: Request, files: Sequence[str]) -> Body:
    limits = request.app.state.service.limits
    parser = _InMemory(
        request.headers,
        request.stream(),
        max_files=limits.pictures,
        max_fields=_FORM_FIELDS,
        max_part_size=limits.body,
    )
    parser.spool_max_size = limits.body + 1
    try:
        form = await parser.parse()
    except (MultiPartException, MultipartParseError, UnicodeError, ValueError) as error:
        raise ProblemError("unreadable-body", f"the form cannot be read: {getattr(error, 'message', error)}") from None
    json = b"{}"
    found: dict[str, list[bytes]] = {name: [] for name in files}
    for name, value in form.multi_items():
        if name in found and isinstance(value, UploadFile):
            found[name].append(_bytes_of(value))
        elif name == OPTIONS and isinstance(value, str):
            json = value.encode("utf-8", "surrogatepass")
        elif name == OPTIONS and isinstance(value, UploadFile):
            json = _bytes_of(value)
        else:
            raise invalid_request([{"loc": ["body", name[:80]], "msg": _known_fields(files)}])
    return Body(json, found)


def _bytes_of(upload: UploadFile) -> bytes:
    upload.file.seek(0)
    with upload.file:
        return upload.file.read()


def _known_fields(files: Sequence[str]) -> str:
    return f"a form has the files {', '.join(files)} (curl -F {files[0]}=@FILE), and JSON in the field {OPTIONS}"


class _InMemory(MultiPartParser):
    """Keeps every file in memory: `spool_max_size` is above the limit of a body."""


class NamedBytes(io.BytesIO):
    """The bytes of a picture, with the name that errors use for it: its place in the request."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name
