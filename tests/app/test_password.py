"""The app asks for a password before it answers anything, and is not served to a network without one."""

from __future__ import annotations

import asyncio
import os
import re
import time
from urllib.parse import urlencode

import pytest
import streamlit as st

import app_parts.password
from app_parts.password import (
    ATTEMPTS,
    ATTEMPTS_OF_ALL,
    SESSION_SECONDS,
    VARIABLE,
    WINDOW_SECONDS,
    Attempts,
    Tickets,
    read_password,
)
from app_parts.sign_in import SignIn, is_exposed, password_or_exit
from search import DataError

SECRET = "correct horse ✓"
PATHS = [
    "/",
    "/map",
    "/index?k=3",
    "/media/x.jpg",
    "/_stcore/host-config",
    "/_stcore/upload_file/a/b",
    "/component/x/y",
]


@pytest.fixture(autouse=True)
def options(monkeypatch):
    chosen = {"server.address": "127.0.0.1", "server.baseUrlPath": ""}
    monkeypatch.setattr(st, "get_option", chosen.get)
    return chosen


class Client:
    """Sends requests to the middleware, as one browser would; the app behind it answers 200 and `inside`."""

    def __init__(self, password=SECRET, address="127.0.0.1", server=("127.0.0.1", 8501), guard=None, scheme="http"):
        self.guard = guard or SignIn(self.inside, password)
        self.address, self.server, self.scheme = address, server, scheme
        self.cookies: dict[str, str] = {}
        self.received: list[dict] = []

    async def inside(self, scope, receive, send):
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            while True:
                message = await receive()
                self.received.append(message)
                if message["type"] == "websocket.disconnect":
                    return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"inside"})

    def scope(self, kind, path, method="GET", **headers):
        path, _, query = path.partition("?")
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        if self.cookies:
            pairs.append((b"cookie", "; ".join(f"{k}={v}" for k, v in self.cookies.items()).encode()))
        return {
            "type": kind,
            "path": path,
            "query_string": query.encode(),
            "method": method,
            "headers": pairs,
            "server": self.server,
            "client": (self.address, 5000),
            "scheme": self.scheme,
        }

    def send(self, path, method="GET", body=b"", **headers):
        """Status, headers and body of the answer; cookies are kept."""
        answer = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            answer.append(message)

        asyncio.run(self.guard(self.scope("http", path, method, **headers), receive, send))
        pairs = [(name.decode(), value.decode()) for name, value in answer[0]["headers"]]
        for name, value in pairs:
            if name == "set-cookie":
                key, _, ticket = value.split(";")[0].partition("=")
                self.cookies[key] = ticket
        return answer[0]["status"], dict(pairs), answer[1]["body"].decode()

    def open(self, *messages):
        """What a WebSocket is answered, while it sends these messages."""
        answer, todo = [], list(messages)

        async def receive():
            return todo.pop(0)

        async def send(message):
            answer.append(message)

        asyncio.run(self.guard(self.scope("websocket", "/_stcore/stream"), receive, send))
        return answer[0]["type"]

    def sign_in(self, password=SECRET, target="/"):
        return self.send("/sign-in", "POST", urlencode({"password": password, "next": target}).encode())


def test_nothing_is_answered_before_the_sign_in():
    client = Client()
    for path in PATHS:
        for method in ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"):
            status, _, body = client.send(path, method)
            assert (status, body) == (401, "Sign in first."), (path, method)
    assert client.open() == "websocket.close"
    assert client.send("/_stcore/health")[0] == 200, "monitors may ask whether the server runs"


def test_a_browser_gets_a_form_that_loads_nothing_and_leads_back():
    status, headers, body = Client().send("/index?k=3&x=<b>", accept="text/html")
    assert status == 401
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cache-control"] == "no-store"
    assert 'name="next" value="/index?k=3&amp;x=&lt;b&gt;"' in body
    assert not re.search(r"<script|src=|@import|url\(", body)


def test_after_the_sign_in_everything_is_answered():
    client = Client()
    status, headers, _ = client.sign_in(target="/index?k=3")
    assert (status, headers["location"]) == (303, "/index?k=3")
    assert re.fullmatch(
        r"twinlens-8501=[0-9a-f]{32}\.\d+\.[0-9a-f]{64}; Path=/; HttpOnly; SameSite=Strict", headers["set-cookie"]
    )
    for path in PATHS:
        assert client.send(path)[2] == "inside", path
    assert client.open({"type": "websocket.receive"}, {"type": "websocket.disconnect"}) == "websocket.accept"
    assert client.received[0] == {"type": "websocket.receive"}
    assert "; Secure" in Client(scheme="https").sign_in()[1]["set-cookie"]


@pytest.mark.parametrize("wrong", ["", "correct horse", f"{SECRET} ", SECRET.upper(), "x" * 100_000, "\0", "é"])
def test_a_wrong_password_is_refused(wrong):
    client = Client()
    status, headers, body = client.sign_in(wrong)
    assert status == 403
    assert "This is not the password." in body
    assert "set-cookie" not in headers
    assert client.send("/")[0] == 401


def test_a_form_without_a_password_is_refused():
    for body in (b"", b"&&&", b"password", b"\xff\xfe", b"a=1&b=2&c=3&d=4&e=5&f=6"):
        assert Client().send("/sign-in", "POST", body)[0] == 403, body
    assert Client().send("/sign-in")[0] == 401


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:x",
        "/a\r\nset-cookie: x=1",
        "",
        "/é",
        "/" * 9999,
    ],
)
def test_the_way_back_stays_in_the_app(target):
    status, headers, _ = Client().sign_in(target=target)
    assert (status, headers["location"]) == (303, "/")


def test_forged_cookies_are_refused(monkeypatch):
    client = Client()
    client.sign_in()
    ((name, good),) = client.cookies.items()
    identity, expiry, signature = good.split(".")
    for forged in (
        "",
        "..",
        "a.b.c",
        f"{identity}.{int(expiry) + 1}.{signature}",
        f"{'0' * 32}.{expiry}.{signature}",
        f"{identity}.{expiry}.{'0' * 64}",
        f"{identity}.{expiry}.é",
        f"{identity}.{expiry}",
        Tickets(SECRET).issue(),
    ):
        client.cookies = {name: forged}
        assert client.send("/")[0] == 401, forged
        assert client.open() == "websocket.close"
    client.cookies = {"twinlens-8502": good}
    assert client.send("/")[0] == 401, "the cookie of another port"
    client.cookies = {"other": "1", name: good}
    assert client.send("/")[0] == 200
    late = time.time() + SESSION_SECONDS + 1
    monkeypatch.setattr(app_parts.password.time, "time", lambda: late)
    assert client.send("/")[0] == 401, "expired"


def test_signing_out_ends_the_session_and_its_web_sockets():
    client = Client()
    client.sign_in()
    ticket = dict(client.cookies)
    assert "<button>Sign out</button>" in client.send("/sign-out")[2]
    assert client.send("/")[0] == 200, "only the button signs out"
    status, headers, _ = client.send("/sign-out", "POST")
    assert (status, headers["location"]) == (303, "/")
    assert "Max-Age=0" in headers["set-cookie"]
    client.cookies = ticket
    assert client.send("/")[0] == 401, "the old cookie is void"
    other = Client(guard=client.guard)
    other.sign_in()
    assert other.send("/")[0] == 200, "other visitors stay"


def test_an_open_web_socket_ends_with_its_session():
    client = Client()
    client.sign_in()

    tickets = client.guard._tickets
    (ticket,) = client.cookies.values()

    async def receive():
        tickets.end(ticket)
        return {"type": "websocket.receive"}

    async def send(message):
        pass

    asyncio.run(client.guard(client.scope("websocket", "/_stcore/stream"), receive, send))
    assert [message["type"] for message in client.received] == ["websocket.disconnect"]


def test_attempts_are_limited(monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(app_parts.password.time, "monotonic", lambda: now)
    client = Client(address="192.0.2.1")
    for _ in range(ATTEMPTS):
        assert client.sign_in("wrong password")[0] == 403
    status, headers, body = client.sign_in()
    assert status == 429, "even the right one"
    assert 0 < int(headers["retry-after"]) <= WINDOW_SECONDS + 1
    assert "Too many wrong passwords" in body
    assert Client(address="192.0.2.2", guard=client.guard).sign_in()[0] == 303
    now += WINDOW_SECONDS + 1
    assert client.sign_in()[0] == 303


def test_attempts_of_all_visitors_and_of_one_ipv6_network_are_limited():
    attempts = Attempts()
    for number in range(ATTEMPTS):
        attempts.failed(f"2001:db8::{number}")
    assert attempts.wait("2001:db8::ffff") > 0
    assert attempts.wait("2001:db8:1::1") == 0
    for number in range(ATTEMPTS_OF_ALL):
        attempts.failed(f"10.0.0.{number}")
    assert attempts.wait("192.0.2.1") > 0


def test_without_a_password_only_this_machine_is_answered(options):
    assert Client(password=None).send("/")[2] == "inside"
    assert Client(password=None, server=("192.168.1.5", 8501)).send("/")[0] == 403
    for address in ("0.0.0.0", "::", "192.168.1.5", "pictures.example.org", None):
        options["server.address"] = address
        client = Client(password=None)
        status, _, body = client.send("/")
        assert status == 403, address
        assert VARIABLE in body
        assert client.open() == "websocket.close"


def test_a_path_before_the_app(options):
    options["server.baseUrlPath"] = "/pics/"
    client = Client()
    assert 'action="/pics/sign-in"' in client.send("/pics/index", accept="text/html")[2]
    body = urlencode({"password": SECRET, "next": "x"}).encode()
    status, headers, _ = client.send("/pics/sign-in", "POST", body)
    assert (status, headers["location"]) == (303, "/pics/")
    assert "Path=/pics/;" in headers["set-cookie"]
    assert client.send("/pics/index")[2] == "inside"


def test_addresses_of_this_machine():
    for local in ("127.0.0.1", "127.1.2.3", "::1", "localhost", "unix:///tmp/app.sock"):
        assert not is_exposed(local), local
    for open_ in (None, "", "0.0.0.0", "::", "10.0.0.1", "fe80::1", "example.org", "localhost.example"):
        assert is_exposed(open_), open_


def test_the_password_is_read_from_a_file_or_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert read_password(None) is None
    file = tmp_path / "password"
    for text in (SECRET, f"{SECRET}\n", f"{SECRET}\r\n"):
        file.write_text(text, encoding="utf-8", newline="")
        assert read_password(str(file)) == SECRET
    monkeypatch.setenv(VARIABLE, "from the environment")
    assert read_password(None) == "from the environment"
    assert read_password(str(file)) == SECRET, "the file takes precedence"


def test_unusable_passwords_are_refused(monkeypatch, tmp_path):
    for data in (b"", b"\n", b"short", b"\xff" * 20, b"x" * 2000):
        (tmp_path / "password").write_bytes(data)
        with pytest.raises(DataError, match="password"):
            read_password(str(tmp_path / "password"))
    for missing in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataError, match="password"):
            read_password(str(missing))
    monkeypatch.setenv(VARIABLE, "")
    with pytest.raises(DataError, match=VARIABLE):
        read_password(None)


def test_the_server_ends_without_a_password_that_it_needs(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert password_or_exit(None, "127.0.0.1") is None
    with pytest.raises(SystemExit, match=VARIABLE):
        password_or_exit(None, "0.0.0.0")
    monkeypatch.setenv(VARIABLE, SECRET)
    assert password_or_exit(None, "0.0.0.0") == SECRET
    assert VARIABLE not in os.environ, "what the app starts must not get it"
