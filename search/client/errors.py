"""From the problem details of a service back to the exceptions of the engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from search import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "urn:twinlens:problem:"
_PLAIN: dict[str, type[errors.TwinlensError]] = {
    "filter": errors.FilterError,
    "query": errors.QueryError,
    "data": errors.DataError,
    "encoder": errors.EncoderError,
    "unsupported": errors.UnsupportedError,
    "index-locked": errors.IndexLockedError,
    "index-busy": errors.IndexBusyError,
    "index-closed": errors.IndexClosedError,
    "index-folder": errors.IndexFolderError,
    "disk": errors.DiskError,
    "unknown-picture": errors.QueryError,
    "unknown-identity": errors.QueryError,
    "invalid-request": errors.QueryError,
    "limit": errors.QueryError,
}
_OF_PICTURES: dict[str, type[errors.PictureError]] = {
    "picture": errors.PictureError,
    "missing-picture": errors.MissingPictureError,
}


class ServiceError(errors.TwinlensError):
    """A service that cannot be reached, or refuses a request; `kind` is the name of its problem, or empty."""

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[type[ServiceError], tuple[str, str]]:
        """Pickle by the constructor's arguments."""
        return type(self), (str(self), self.kind)


def error_of(problem: Mapping[str, Any], names: Mapping[str, str]) -> errors.TwinlensError:
    """The exception that the engine would raise here; `names` has the caller's name of each picture of the request."""
    kind = str(problem.get("type", "")).removeprefix(PREFIX)
    detail = str(problem.get("detail", "")) or str(problem.get("title", ""))
    if kind in _OF_PICTURES:
        source = str(problem.get("source", ""))
        return _OF_PICTURES[kind](names.get(source, source), str(problem.get("reason", detail)))
    if kind == "damaged-file":
        file, _, rest = detail.partition(": ")
        damaged, _, remedy = rest.partition(". ")
        return errors.DamagedFileError(Path(file), damaged, remedy)
    if kind in _PLAIN:
        return _PLAIN[kind](detail)
    return ServiceError(detail, kind)
