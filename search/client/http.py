"""Requests to a service, and its answers and problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search.client.errors import ServiceError, error_of

if TYPE_CHECKING:
    from collections.abc import Mapping

try:
    import httpx
except ImportError as missing:
    from search.errors import UnsupportedError

    raise UnsupportedError('httpx: not installed, and the client needs it: pip install "twinlens[client]"') from missing

_SECONDS = 120.0
_CONNECT_SECONDS = 10.0


class Connection:
    """Connections to one index of a service. Safe to use from several threads."""

    def __init__(
        self, url: str, index: str | None, key: str | None, transport: httpx.BaseTransport | None = None
    ) -> None:
        """Connect to a service; `transport` takes the place of the network in tests."""
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        self.url = url.rstrip("/")
        self._index = index
        self._http = httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=httpx.Timeout(_SECONDS, connect=_CONNECT_SECONDS),
            transport=transport,
            trust_env=False,  # a proxy of the environment must not see pictures
        )

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """Get JSON; parameters that are None are left out."""
        return self._json(self._answer("GET", path, parameters, None, {}))

    def get_bytes(self, path: str, **parameters: Any) -> bytes:
        """Get a file."""
        return bytes(self._answer("GET", path, parameters, None, {}).content)

    def post(self, path: str, body: Mapping[str, Any], names: Mapping[str, str]) -> Any:
        """Post JSON; `names` has the caller's names of the pictures in it, by their places."""
        return self._json(self._answer("POST", path, {}, body, names))

    def delete(self, path: str) -> Any:
        """Delete what is at an address."""
        return self._json(self._answer("DELETE", path, {}, None, {}))

    def _json(self, answer: httpx.Response) -> dict[str, Any]:
        """The object that was answered; raises ServiceError if it is none."""
        try:
            plain = answer.json()
        except ValueError:
            plain = None
        if not isinstance(plain, dict):
            raise ServiceError(f"{self.url}: answered without JSON, as no service of Twinlens does")
        return plain

    def _answer(
        self, method: str, path: str, parameters: Mapping[str, Any], body: Any, names: Mapping[str, str]
    ) -> httpx.Response:
        """The answer to a request.

        Raises:
            TwinlensError: the exception that the engine would raise; or a ServiceError.
        """
        given = {name: value for name, value in {**parameters, "index": self._index}.items() if value is not None}
        try:
            answer = self._http.request(method, path, params=given, json=body)
        except httpx.HTTPError as error:
            raise ServiceError(
                f"{self.url}: the service cannot be reached ({error or type(error).__name__})"
            ) from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ServiceError(f"{self.url}: this is not the address of a service ({error})") from error
        if answer.is_success:
            return answer
        try:
            problem = answer.json()
        except ValueError:
            problem = None
        if not isinstance(problem, dict):
            raise ServiceError(f"{self.url}: answered with status {answer.status_code}, as no service of Twinlens does")
        raise error_of(problem, names)
