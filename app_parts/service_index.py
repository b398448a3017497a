"""An index of a service: where it is, which snapshot is served, and the files of its pictures."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from app_parts.picture_files import ServicePicture, ServiceReference

if TYPE_CHECKING:
    from pathlib import Path

    from search.client import Client

POLL_SECONDS = 3.0
"""Least time between two questions for the snapshot that is served."""


class ServiceIndex:
    """One index of a service, which all sessions share. Safe to use from several threads."""

    def __init__(self, url: str, name: str | None, client: Client) -> None:
        self.url = url
        self.name = name
        self.client = client
        self._lock = threading.Lock()
        self._snapshot = ""
        self._asked = -POLL_SECONDS

    def snapshot(self, *, now: bool = False) -> str:
        """Identifies the snapshot that was served a few seconds ago, or with `now` is served; empty if unknown.

        Raises:
            TwinlensError: the service does not answer.
        """
        with self._lock:
            if now or time.monotonic() - self._asked >= POLL_SECONDS:
                self._asked, self._snapshot = time.monotonic(), ""
                self._snapshot = self.client.snapshot
            return self._snapshot

    def file(self, snapshot: str, picture_id: int, path: Path) -> ServicePicture:
        """The file of a picture in a snapshot."""
        return ServicePicture(self.client, self._place(snapshot), picture_id, path)

    def reference(self, snapshot: str, name: str, number: int, path: Path) -> ServiceReference:
        """A reference picture of an identity in a snapshot."""
        return ServiceReference(self.client, self._place(snapshot), name, number, path)

    def _place(self, snapshot: str) -> str:
        return f"{self.url} {self.name or ''} {snapshot}"


def connect(url: str, name: str | None) -> ServiceIndex:
    """Use an index of a service, with the API key of the environment.

    Raises:
        DataError: the address or the key cannot be right.
        UnsupportedError: the package of the client is missing.
    """
    from search.client import Client
    from search.client.endpoint import check_url, key_of_environment

    return ServiceIndex(url, name, Client(check_url(url), name, key=key_of_environment()))
