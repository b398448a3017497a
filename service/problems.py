"""Errors as problem details (RFC 9457), in the words of the engine.

`type` is stable: `urn:twinlens:problem:NAME`. Programs should look at it, and people at `detail`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.responses import Response

from search import errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI
    from starlette.requests import Request

MEDIA_TYPE = "application/problem+json"
PREFIX = "urn:twinlens:problem:"
RETRY_SECONDS = "1"
_SHOWN = 5
"""Most errors of a body that a problem lists."""


class Kind(NamedTuple):
    """A kind of problem: the status of its answer, and what is wrong in a few words."""

    status: int
    title: str


OF_REQUEST = {
    "invalid-request": Kind(422, "The request does not follow the schema"),
    "unreadable-body": Kind(400, "The body of the request cannot be read"),
    "media-type": Kind(415, "The service does not read this type of body"),
    "body-too-large": Kind(413, "The request has too many bytes"),
    "picture-too-large": Kind(413, "A picture has too many pixels"),
    "limit": Kind(422, "The request is above a limit of the service"),
    "too-slow": Kind(408, "The request took too long"),
    "busy": Kind(429, "Too many requests"),
    "key-missing": Kind(401, "An API key is needed"),
    "key-not-allowed": Kind(403, "The API key does not allow this"),
    "read-only": Kind(403, "The service does not change indexes"),
    "foreign-request": Kind(403, "The request comes from elsewhere"),
    "unknown-index": Kind(404, "There is no such index"),
    "unknown-picture": Kind(404, "There is no such picture"),
    "unknown-identity": Kind(404, "There is no such identity, or reference picture of it"),
    "unknown-job": Kind(404, "There is no such job"),
    "no-folder": Kind(409, "The service has no folder for this"),
    "not-found": Kind(404, "There is nothing at this address"),
    "method": Kind(405, "The address does not allow this method"),
    "internal": Kind(500, "An error of the service"),
}
"""Kinds of problems that the service finds itself."""
OF_ENGINE: dict[type[errors.TwinlensError], tuple[str, Kind]] = {
    errors.MissingPictureError: ("missing-picture", Kind(404, "The file of a picture does not exist")),
    errors.PictureError: ("picture", Kind(422, "A picture cannot be read")),
    errors.FilterError: ("filter", Kind(422, "A filter is invalid")),
    errors.QueryError: ("query", Kind(422, "A query is invalid")),
    errors.DataError: ("data", Kind(422, "Data cannot be used")),
    errors.EncoderError: ("encoder", Kind(409, "The encoder cannot be used for this")),
    errors.UnsupportedError: ("unsupported", Kind(409, "The index does not support this")),
    errors.IndexLockedError: ("index-locked", Kind(409, "Another process writes the index")),
    errors.IndexBusyError: ("index-busy", Kind(503, "Another program holds the index")),
    errors.IndexClosedError: ("index-closed", Kind(503, "The index was closed")),
    errors.DamagedFileError: ("damaged-file", Kind(503, "A file of the index is damaged")),
    errors.DiskError: ("disk", Kind(503, "A disk refused to read or write")),
    errors.IndexFolderError: ("index-folder", Kind(503, "The index cannot be opened")),
}
"""Class of an error -> name and kind of its problem; a class is looked up with its bases, nearest first."""


class ProblemError(Exception):
    """An error that the service finds itself."""

    def __init__(self, name: str, detail: str, **members: Any) -> None:
        """Choose a kind of `OF_REQUEST`; `members` are added to the problem."""
        super().__init__(detail)
        self.name = name
        self.detail = detail
        self.members = members


def problem_response(name: str, kind: Kind, detail: str, **members: Any) -> Response:
    """Answer with a problem."""
    plain = {"type": PREFIX + name, "title": kind.title, "status": kind.status, "detail": detail, **members}
    headers = {"x-problem": name, "cache-control": "no-store"}
    if kind.status in (429, 503) or name == "index-locked":
        headers["retry-after"] = RETRY_SECONDS
    if kind.status == 401:
        headers["www-authenticate"] = "Bearer"
    if kind.status in (408, 413):
        headers["connection"] = "close"  # the rest of the request is not read
    return Response(json.dumps(plain), kind.status, headers, MEDIA_TYPE)


def invalid_request(found: Sequence[Any]) -> ProblemError:
    """The problem of a body or a parameter that does not follow the schema."""
    listed = [
        {"at": "/".join(map(str, each["loc"])), "problem": str(each["msg"]).removeprefix("Value error, ")}
        for each in found[:_SHOWN]
    ]
    text = "; ".join(f"{each['at']}: {each['problem']}" if each["at"] else each["problem"] for each in listed)
    return ProblemError("invalid-request", text, errors=listed)


def response_of(problem: ProblemError) -> Response:
    """Answer with a problem that the service found itself."""
    return problem_response(problem.name, OF_REQUEST[problem.name], problem.detail, **problem.members)


def response_of_engine(error: errors.TwinlensError) -> Response:
    """Answer with an error of the engine."""
    name, kind = next(OF_ENGINE[each] for each in type(error).__mro__ if each in OF_ENGINE)
    members: dict[str, Any] = {}
    if isinstance(error, errors.PictureError):
        members = {"source": error.source, "reason": error.reason}
    return problem_response(name, kind, str(error), **members)


def add_handlers(app: FastAPI) -> None:
    """Answer every exception of an app with a problem."""

    async def of_engine(_: Request, error: Exception) -> Response:
        assert isinstance(error, errors.TwinlensError)
        return response_of_engine(error)

    async def own(_: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)
        return response_of(error)

    async def gone(_: Request, error: Exception) -> Response:
        return response_of(ProblemError("unreadable-body", "the connection ended before the request did"))

    async def unexpected(_: Request, error: Exception) -> Response:
        return response_of(
            ProblemError("internal", f"unexpected error ({type(error).__name__}): see the log of the service")
        )

    async def of_router(_: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 500)
        name = {404: "not-found", 405: "method"}.get(status, "invalid-request")
        headers: Mapping[str, str] = getattr(error, "headers", None) or {}
        response = response_of(ProblemError(name, str(getattr(error, "detail", "")) or OF_REQUEST[name].title))
        response.headers.update(headers)
        return response

    async def invalid(_: Request, error: Exception) -> Response:
        return response_of(invalid_request(getattr(error, "errors", list)()))

    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect

    app.add_exception_handler(errors.TwinlensError, of_engine)
    app.add_exception_handler(ProblemError, own)
    app.add_exception_handler(HTTPException, of_router)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, unexpected)
