"""The configuration of a service, and its command."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from indexer.cli import mcp_command, service_server
from indexer.cli.app import app
from search.errors import DataError, TwinlensError
from service.config import Limits, Served, ServiceConfig, named_folders


def test_workers_get_the_same_configuration() -> None:
    config = ServiceConfig(
        (Served("a", Path("/a")), Served("b", Path("/b"), Path("/pictures"), Path("/uploads"))),
        write=True,
        host="::1",
        allowed_hosts=("x.example", "*.lan"),
        origins=("https://y.example",),
        keys=Path("/keys"),
        device="cpu",
        refresh_seconds=0.5,
        limits=Limits(k=7, seconds=1.5),
    )
    assert ServiceConfig.of_json(config.to_json()) == config
    assert ServiceConfig.of_json(ServiceConfig(config.indexes[:1]).to_json()) == ServiceConfig(config.indexes[:1])


def test_names_of_indexes(tmp_path: Path) -> None:
    assert named_folders(["shop=/data/a", "/data/photos.index"]) == {
        "shop": Path("/data/a"),
        "photos": Path("/data/photos.index"),
    }
    assert named_folders(["/x/a=b"]) == {"a=b": Path("/x/a=b")}, "a path with = is a path"
    with pytest.raises(DataError, match=r"the name a is taken by /x/a\.index\. Give another: NAME=/y/a\.index"):
        named_folders(["/x/a.index", "/y/a.index"])
    for name in ("a=b", "día", "", ".a", "x" * 65, "a/b"):
        with pytest.raises(DataError, match="cannot name an index"):
            ServiceConfig((Served(name, tmp_path),))
    with pytest.raises(DataError, match="nothing to serve"):
        ServiceConfig(())
    with pytest.raises(DataError, match="two indexes have the name a"):
        ServiceConfig((Served("a", tmp_path), Served("a", tmp_path)))


MISTAKES = {
    "would have no API keys": ["--index", "{index}", "--host", "0.0.0.0"],
    "--write needs --workers 1": ["--index", "{index}", "--write", "--workers", "2"],
    "give --write too": ["--index", "{index}", "--uploads", "up"],
    "no index has the name b": ["--index", "{index}", "--write", "--uploads", "b=up"],
    "Say of which one": ["--index", "{index}", "--index", "b={index}", "--write", "--pictures", "p"],
    "another folder for --uploads": ["--index", "{index}", "--write", "--pictures", "p", "--uploads", "p/up"],
    "nowhere.index": ["--index", "nowhere.index"],
    "cannot be read": ["--index", "{index}", "--keys", "nowhere"],
    "API keys": ["--index", "{index}", "--host", "nowhere.invalid"],
}


@pytest.mark.parametrize("said", MISTAKES)
def test_mistakes_are_reported_before_anything_is_served(
    said: str, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    index = str(collection / "photos.index")
    with pytest.raises(TwinlensError, match=said):
        app(["serve", *(word.replace("{index}", index) for word in MISTAKES[said])], standalone_mode=False)


@pytest.mark.parametrize(
    ("command", "module", "missing", "extra"),
    [
        ("serve", service_server, "uvicorn", "service"),
        ("serve", service_server, "python_multipart", "service"),
        ("mcp", mcp_command, "mcp", "mcp"),
    ],
)
def test_a_missing_extra_is_named(
    command: str, module: ModuleType, missing: str, extra: str, collection: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == missing else find_spec(name))
    words = rf'{missing}: not installed, and .*: pip install "twinlens\[{extra}\]"'
    with pytest.raises(DataError, match=words):
        app([command, "--index", str(collection / "photos.index")], standalone_mode=False)


def test_the_client_without_httpx() -> None:
    script = "import sys; sys.modules['httpx'] = None; import search.client"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert 'UnsupportedError: httpx: not installed, and the client needs it: pip install "twin' in done.stderr
