"""The addresses of stores, and what is said where one cannot be opened."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from indexer.cli.app import app
from search import StoreError, UnsupportedError, open_index
from search.store.address import milvus_address, refuse_uri, store_address


@pytest.mark.parametrize(
    ("uri", "server", "database", "collection"),
    [
        ("milvus://db/photos", "http://db:19530", "", "photos"),
        ("milvus://db:7/photos/", "http://db:7", "", "photos"),
        ("milvus://10.0.0.1:19530/shop/photos", "http://10.0.0.1:19530", "shop", "photos"),
        ("milvus+tls://[::1]/photos", "https://[::1]:443", "", "photos"),
    ],
)
def test_servers(uri: str, server: str, database: str, collection: str) -> None:
    address = milvus_address(uri)
    assert (address.server, address.database, address.collection) == (server, database, collection)
    assert address.file is None
    assert str(address) == uri.rstrip("/")


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for given in ("milvus:my photos.db/a_b", "milvus:./x/../my photos.db/a_b", f"milvus:{tmp_path}/my photos.db/a_b"):
        address = milvus_address(given)
        assert (address.file, address.collection) == (tmp_path / "my photos.db", "a_b")
        assert store_address(given) == f"milvus:{tmp_path}/my photos.db/a_b"
    assert store_address("photos.index") == Path("photos.index")
    assert store_address(Path("milvus:x")) == Path("milvus:x")


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("milvus://me:secret@db/photos", "must not hold a user or a password"),
        ("milvus://db", "is not the URI of a Milvus collection"),
        ("milvus:photos", "is not the URI of a Milvus collection"),
        ("milvus:x.db/a b", "is not the URI of a Milvus collection"),
        ("milvus:x.db/1a", "begins with a letter"),
        ("milvus:x.db/a__b", "single underscores"),
        ("milvus://db:99999/a", "is not a port"),
    ],
)
def test_invalid_ones(uri: str, reason: str) -> None:
    with pytest.raises(StoreError, match=reason) as raised:
        open_index(uri)
    assert "secret" not in str(raised.value)


def test_commands_for_folders_refuse_a_uri() -> None:
    for words in (
        ["sync", "pictures", "--index", "milvus://db:19530/photos"],
        ["duplicates", "milvus:photos.db/photos"],
        ["export", "milvus:photos.db/photos", "--out", "x"],
        ["check", "--repair", "milvus:photos.db/photos"],
    ):
        done = CliRunner().invoke(app, words)
        assert isinstance(done.exception, UnsupportedError), words
        assert "works on index folders only" in str(done.exception)
        assert "twinlens migrate" in str(done.exception)
    with pytest.raises(UnsupportedError, match="milvus:/db/photos: this works"):
        refuse_uri(Path("/somewhere/milvus://db/photos"))


@pytest.mark.parametrize(
    ("missing", "advice"),
    [("pymilvus", 'pip install "twinlens\\[milvus\\]"'), ("milvus_lite", "pip install --no-deps milvus-lite")],
)
def test_a_missing_package_is_named(missing: str, advice: str, tmp_path: Path) -> None:
    pytest.importorskip("pymilvus")
    script = f"""
import sys
sys.modules[{missing!r}] = None
from search import UnsupportedError, open_index
try:
    open_index("milvus:{tmp_path}/x.db/photos")
except UnsupportedError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert re.search(advice, done.stdout), done.stdout
