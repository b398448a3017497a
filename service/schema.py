"""The OpenAPI document: bodies, answers, problems and keys of every route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.responses import Response

from search import __version__
from service import answers, models
from service.bodies import FORM, JSON, OPTIONS
from service.keys import OPEN
from service.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI

    from search.pictures.formats import Format

_PLACE = "#/components/schemas/"
PICTURE_TYPES: dict[Format, str] = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WebP": "image/webp",
    "AVIF": "image/avif",
    "HEIF": "image/heif",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "PSD": "image/vnd.adobe.photoshop",
    "JPEG XL": "image/jxl",
    "raw": "image/x-dcraw",
}
"""Formats of pictures as media types."""
_DESCRIPTION = """Search a collection of pictures by pictures, ids, vectors and texts; verify and identify.

The answers, units and defaults are those of the Python API. Distances are Euclidean between unit vectors, from 0 (the
same) to 2. Errors are problem details (RFC 9457): `type` is stable, `detail` is for people."""


def answering(answer: str, *, status: int = 200, unready: bool = False) -> dict[str, Any]:
    """Arguments of a route that answers with JSON, by the name of its model in `service.answers`."""
    content = {JSON: {"schema": {"$ref": _PLACE + answer}}}
    responses: dict[int | str, Any] = {
        status: {"description": "The answer.", "content": content},
        "4XX": _problem("The request cannot be answered."),
        503: {"description": "Not ready.", "content": content}
        if unready
        else _problem("The index cannot be used now."),
    }
    return {"responses": responses, "response_class": Response, "status_code": status}


def sending(*kinds: str) -> dict[str, Any]:
    """Arguments of a route that answers with something else than JSON."""
    arguments = answering("StatusOut")
    arguments["responses"][200] = {"description": "The content.", "content": {kind: {} for kind in kinds}}
    arguments["responses"][304] = {"description": "Not modified."}
    return arguments


def described(model: type[BaseModel], answer: str, files: Sequence[str] = (), *, status: int = 200) -> dict[str, Any]:
    """Arguments of a route with a body: JSON or, where it takes files of pictures, a form."""
    content: dict[str, Any] = {JSON: {"schema": {"$ref": _PLACE + model.__name__}}}
    if files:
        picture = {"type": "array", "items": {"type": "string", "format": "binary"}}
        options = {"type": "string", "contentMediaType": JSON, "description": f"{model.__name__} without the pictures."}
        properties = {**dict.fromkeys(files, picture), OPTIONS: options}
        encoding = {OPTIONS: {"contentType": JSON}}
        content[FORM] = {"schema": {"type": "object", "properties": properties}, "encoding": encoding}
    body = {"required": True, "content": content}
    return {**answering(answer, status=status), "openapi_extra": {"requestBody": body}}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": {"$ref": _PLACE + "ProblemOut"}}}}


def document(app: FastAPI, *, keys: bool) -> dict[str, Any]:
    """The OpenAPI document of an app."""
    made = get_openapi(title="Twinlens", version=__version__, description=_DESCRIPTION, routes=app.routes)
    parts = made.setdefault("components", {})
    every = [each for module in (models, answers) for each in vars(module).values()]
    named = [each for each in every if isinstance(each, type) and issubclass(each, BaseModel) and each is not BaseModel]
    _, found = models_json_schema([(each, "validation") for each in named], ref_template=_PLACE + "{model}")
    parts["schemas"] = {**parts.get("schemas", {}), **found["$defs"]}
    if keys:
        parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path, operations in made["paths"].items():
            for operation in operations.values():
                operation["security"] = [] if path in OPEN else [{"key": []}]
    return made
