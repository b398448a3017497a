"""The app rejects requests from other pages and hosts, and contacts no other machine."""

from __future__ import annotations

import base64
import http.client
import os
import socket
import subprocess
import sys
from urllib.parse import urlencode, urlsplit

import pytest
import streamlit as st

from app_parts.guard import refusal
from indexer.cli.app_server import Serving, app_command
from tests.app.browser import ROOT, command_of, free_port, guarded, served

FORGED_HOSTS = [
    "evil.example",
    "evil.example:8501",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.example@127.0.0.1",
    "127.0.0.1@evil.example",
    "127.0.0.1 evil.example",
    "127.0.0.1/",
    "127.0.0.1#",
    "127.0.0.1:port",
    "10.1.2.3",
    "169.254.169.254",
    "[fe80::1]:8501",
    "0.0.0.0:8501",
    "0",
    "2130706433",
    "0x7f.1",
    "lócalhost",
    "*",
    "",
]
OWN_HOSTS = ["127.0.0.1", "localhost", "LOCALHOST", "localhost.", "[::1]"]
FORGED_ORIGINS = [
    "http://evil.example",
    "https://evil.example:8501",
    "http://localhost.evil.example",
    "http://127.0.0.1:1",
    "http://localhost:1",
    "http://10.1.2.3:8501",
    "null",
    "file://",
    "",
    "http://",
    "http://[",
    "chrome-extension://abc",
    "http://user@127.0.0.1",
]


@pytest.fixture
def options(monkeypatch):
    """Options of Streamlit that a test may set; by default those of the repository."""
    chosen = {
        "server.allowedHosts": [],
        "server.corsAllowedOrigins": [],
        "server.enableCORS": True,
        "server.address": "127.0.0.1",
        "browser.serverAddress": "127.0.0.1",
    }
    monkeypatch.setattr(st, "get_option", chosen.__getitem__)
    return chosen


def refused(server="127.0.0.1", kind="http", **headers):
    """Whether a request with these headers is refused; a list is a header that occurs several times."""
    pairs = [
        (name.replace("_", "-").encode(), value.encode("utf-8"))
        for name, values in headers.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return refusal({"type": kind, "headers": pairs, "server": (server, 8501)}) is not None


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_hosts(options, kind):
    for host in OWN_HOSTS:
        assert not refused(kind=kind, host=host), host
        assert not refused(kind=kind, host=f"{host}:8501"), host
    for host in FORGED_HOSTS:
        assert refused(kind=kind, host=host), host
    assert refused(kind=kind)
    assert refused(kind=kind, host=["127.0.0.1", "evil.example"])
    assert refused(kind=kind, host=["127.0.0.1", "127.0.0.1"])


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_origins(options, kind):
    for origin in FORGED_ORIGINS:
        assert refused(kind=kind, host="127.0.0.1:8501", origin=origin), origin
    for host in OWN_HOSTS:
        assert not refused(kind=kind, host=f"{host}:8501", origin=f"http://{host}:8501"), host
    assert not refused(kind=kind, host="127.0.0.1:8501", origin="http://localhost:8501")
    assert not refused(kind=kind, host="localhost", origin="https://localhost:443")
    assert refused(kind=kind, host="localhost", origin="http://localhost:443")
    assert refused(kind=kind, host="localhost", origin=["http://localhost", "http://evil.example"])


def test_a_configured_host_name_is_accepted(options):
    options["server.address"] = "0.0.0.0"
    assert refused(host="pictures.example.org")
    assert not refused(server="192.168.1.5", host="192.168.1.5:8501"), "the address of the visitor's connection"
    assert refused(server="192.168.1.5", host="192.168.1.6:8501")
    options["browser.serverAddress"] = "Pictures.example.org"
    assert not refused(host="pictures.example.org")
    options["server.allowedHosts"] = ["pictures.example.org", "*.lan"]
    assert not refused(host="pictures.example.org", origin="https://pictures.example.org")
    assert not refused(host="box.lan:8501")
    assert refused(host="lan")
    assert refused(host="127.0.0.1"), "only the list is allowed, as in Streamlit"
    options["server.allowedHosts"] = ["*"]
    assert not refused(host="anything.example")
    assert refused(host="anything.example", origin="http://evil.example")


def test_a_configured_origin_is_accepted(options):
    options["server.corsAllowedOrigins"] = ["https://wiki.example.org"]
    assert not refused(host="127.0.0.1:8501", origin="https://wiki.example.org")
    assert refused(host="127.0.0.1:8501", origin="http://wiki.example.org")
    assert refused(host="evil.example", origin="https://wiki.example.org")
    options["server.enableCORS"] = False
    assert not refused(host="127.0.0.1:8501", origin="http://evil.example")
    assert refused(host="evil.example", origin="http://evil.example")


def test_embedding_by_another_page_is_refused_and_a_link_is_followed(options):
    for site in ("cross-site", "same-site"):
        assert refused(host="localhost:8501", sec_fetch_site=site, sec_fetch_mode="no-cors")
        assert not refused(host="localhost:8501", sec_fetch_site=site, sec_fetch_mode="navigate")
    for site in ("same-origin", "none"):
        assert not refused(host="localhost:8501", sec_fetch_site=site, sec_fetch_mode="no-cors")


# A server of its own -------------------------------------------------------------------------------------------------

PATHS = ["/", "/_stcore/health", "/_stcore/host-config", "/media/x.jpg", "/_stcore/upload_file/a/b", "/component/x/y"]
STREAM = "/_stcore/stream"


@pytest.fixture(scope="module", params=["streamlit run", "twinlens demo"])
def address(request, gallery, tmp_path_factory):
    """The app started by either command; its end checks that it contacted no other machine."""
    home = tmp_path_factory.mktemp("home")
    command = (
        command_of(gallery, free_port())
        if request.param == "streamlit run"
        else app_command(Serving(gallery), free_port())
    )
    with served(gallery, home, command=command) as address:
        yield address


def status(address, path, *, method="GET", **headers):
    """The status of a request with exactly these headers; 101 means that a WebSocket was opened."""
    pairs = {"Connection": "close", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if path == STREAM:
        key = base64.b64encode(os.urandom(16)).decode()
        pairs |= {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        pairs |= {"Sec-WebSocket-Key": key, "Sec-WebSocket-Protocol": "streamlit"}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in pairs.items() if value is not None)]
    with socket.create_connection(("127.0.0.1", urlsplit(address).port), timeout=30) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("utf-8"))
        first = connection.recv(4096).split(b"\r\n")[0]
    return int(first.split()[1])


def test_a_forged_host_is_refused_on_every_path(address):
    for path in [*PATHS, STREAM]:
        for host in FORGED_HOSTS:
            assert status(address, path, Host=host) in (400, 403), (path, host)
            assert status(address, path, Host=host, Origin=f"http://{host}") in (400, 403), (path, host)
        assert status(address, path) in (400, 403), path


def test_a_forged_origin_is_refused_on_every_path_without_contacting_a_host(address):
    own = urlsplit(address).netloc
    for path in [*PATHS, STREAM]:
        for origin in FORGED_ORIGINS:
            for method in ("GET", "OPTIONS", "POST", "PUT", "DELETE") if path != STREAM else ("GET",):
                assert status(address, path, method=method, Host=own, Origin=origin) == 403, (path, origin, method)


def test_the_apps_own_page_is_served(address):
    own, port = urlsplit(address).netloc, urlsplit(address).port
    assert status(address, "/", Host=own) == 200
    assert status(address, "/_stcore/health", Host=own, Origin=address) == 200
    for host in (own, f"localhost:{port}"):
        assert status(address, STREAM, Host=host, Origin=f"http://{host}") == 101
        assert status(address, STREAM, Host=host) == 101


def test_an_allowed_host_name_is_accepted_for_http_and_websockets(gallery, tmp_path):
    with served(
        gallery,
        tmp_path,
        "--server.allowedHosts",
        "127.0.0.1",
        "--server.allowedHosts",
        "pics.example",
        "--server.corsAllowedOrigins",
        "https://wiki.example",
    ) as address:
        for path, good in (("/", 200), (STREAM, 101)):
            assert status(address, path, Host="pics.example") == good
            assert status(address, path, Host="pics.example", Origin="https://pics.example") == good
            assert status(address, path, Host="pics.example", Origin="https://wiki.example") == good
            assert status(address, path, Host="evil.example") == 403
            assert status(address, path, Host="pics.example", Origin="https://evil.example") == 403


def test_an_app_on_the_network_contacts_no_host_for_its_address(gallery, tmp_path):
    (tmp_path / "password").write_text("a long password")
    command = [*command_of(gallery, free_port(), "--server.address", "0.0.0.0"), "--password-file"]
    with served(gallery, tmp_path, command=[*command, str(tmp_path / "password")]) as address:
        own = urlsplit(address).netloc
        assert status(address, STREAM, Host=own) == 403, "nobody is signed in"
        assert status(address, STREAM, Host=own, Cookie=signed_in(address, "a long password")) == 101
        assert status(address, STREAM, Host="evil.example") == 403
    assert "checkip" not in (tmp_path / "server.log").read_text()
    assert "External URL" not in (tmp_path / "server.log").read_text()


def signed_in(address, password):
    """The cookie that the app gives for its password."""
    form = urlencode({"password": password}).encode()
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    connection.request("POST", "/sign-in", form, {"Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    connection.close()
    assert answer.status == 303
    return answer.getheader("Set-Cookie").partition(";")[0]


def test_an_app_on_the_network_is_not_served_without_a_password(gallery, tmp_path):
    for words in (("--server.address", "0.0.0.0"), ("--server.address", "::")):
        command = command_of(gallery, free_port(), *words)
        done = subprocess.run(command, cwd=ROOT, env=guarded(tmp_path), capture_output=True, text=True, timeout=300)
        assert done.returncode != 0
        assert "has no password" in done.stderr + done.stdout
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('192.0.2.1', 80))",
        "socket.getaddrinfo('example.org', 80)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('8.8.8.8', 1))",
        "urllib.request.urlopen('http://example.org')",
    ],
)
def test_a_contact_would_be_detected(attempt, tmp_path):
    code = f"import socket, urllib.request\ntry: {attempt}\nexcept OSError: pass"
    subprocess.run([sys.executable, "-c", code], env=guarded(tmp_path), check=True)
    assert (tmp_path / "contacts.log").read_text()
