"""An app in front of a service of this process."""

from __future__ import annotations

import httpx
import streamlit as st

from app_parts import service_index
from app_parts.service_index import ServiceIndex
from search.client import Client
from search.client.endpoint import check_url, key_of_environment
from tests.service.conftest import OverAsgi

URL = "http://127.0.0.1:8080"


class Network(httpx.BaseTransport):
    """The network between the app and a service, which can be cut."""

    def __init__(self, service) -> None:
        self.service = OverAsgi(service)
        self.cut = False
        self.asked: list[str] = []

    def handle_request(self, request):
        self.asked.append(request.url.raw_path.decode())
        if self.cut:
            raise httpx.ConnectError("connection refused", request=request)
        return self.service.handle_request(request)


def use(service, monkeypatch, *options):
    """Let the pages that a test starts search in a service; returns the network between them."""
    network = Network(service)
    monkeypatch.setattr(service_index, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(
        "app_parts.shared_index.connect",
        lambda url, name: ServiceIndex(
            url, name, Client(check_url(url), name, key=key_of_environment(), transport=network)
        ),
    )
    monkeypatch.delenv("TWINLENS_INDEX", raising=False)
    monkeypatch.setattr("sys.argv", ["app.py", "--url", URL, *options])
    st.cache_resource.clear()
    return network
