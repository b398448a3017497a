"""The package as a wheel, installed where no checkout is."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path

import pytest

import search

ROOT = Path(__file__).parent.parent
BUILT_FROM = ("search", "indexer", "service", "app_parts", ".streamlit")
FILES = ("app.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in")

pytest.importorskip("setuptools", "77")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which a wheel of this checkout was installed."""
    place = tmp_path_factory.mktemp("installed")
    source = place / "source"
    source.mkdir()
    for name in BUILT_FROM:
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, source)
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(place)], cwd=source, check=True, capture_output=True)
    wheel = next(place.glob("*.whl"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target"]
    subprocess.run([*pip, str(place / "site"), str(wheel)], check=True, capture_output=True)
    shutil.rmtree(source)
    return place / "site"


def environment(installed: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(installed), **more}


def twinlens(installed: Path, *words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "indexer", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=cwd, env=environment(installed), timeout=120
    )


def test_it_holds_the_app_and_its_look(installed: Path) -> None:
    assert (installed / "app.py").is_file()
    look = installed / "app_parts" / ".streamlit" / "config.toml"
    assert look.read_bytes() == (ROOT / ".streamlit" / "config.toml").read_bytes()
    assert not look.is_symlink()


def test_version(installed: Path, tmp_path: Path) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    done = twinlens(installed, "--version", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"twinlens {declared}\n")
    assert search.__version__ == declared


def test_the_demo_says_that_its_sample_is_not_here(installed: Path, tmp_path: Path) -> None:
    done = twinlens(installed, "demo", "--no-app", cwd=tmp_path)
    assert done.returncode == 1
    assert "sample collection is not here" in done.stderr
    assert "twinlens app --index DIR" in done.stderr


def test_the_page_runs_from_it(installed: Path, index: Path, tmp_path: Path) -> None:
    script = (
        "import json, sys; from streamlit.testing.v1 import AppTest; import app_parts\n"
        "page = AppTest.from_file(sys.argv[1], default_timeout=60).run()\n"
        "print(json.dumps([app_parts.__file__, len(page.exception), [each.value for each in page.title]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(installed / "app.py")],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=environment(installed, TWINLENS_INDEX=str(index)),
        timeout=120,
    )
    place, exceptions, titles = json.loads(done.stdout.splitlines()[-1])
    assert Path(place).is_relative_to(installed)
    assert (exceptions, titles) == (0, ["Search by picture"])


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_the_app_is_served_from_it(installed: Path, index: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "app.py").write_text("raise SystemExit('not this one')", encoding="utf-8")
    relative = os.path.relpath(index, tmp_path / "mine")
    command = [sys.executable, "-P", "-m", "indexer", "app", "--index", relative, "--port", str(port)]
    server = subprocess.Popen(command, cwd=tmp_path / "mine", env=environment(installed), stdout=subprocess.PIPE)
    try:
        assert answer(f"http://127.0.0.1:{port}/_stcore/health", server) == b"ok"
        assert b"<title>Streamlit</title>" in answer(f"http://127.0.0.1:{port}/", server)
    finally:
        server.send_signal(signal.SIGINT)
        said, _ = server.communicate(timeout=60)
    assert f"The app: http://127.0.0.1:{port} (stop it with Ctrl-C)" in said.decode()


def answer(address: str, server: subprocess.Popen[bytes]) -> bytes:
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(address, timeout=10) as response:
                body: bytes = response.read()
                return body
        except OSError:
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < until, "no answer"
            time.sleep(0.2)


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--index", "nowhere"), "nowhere: no index here"),
        (("--index", "INDEX", "--host", "no.such.host.invalid"), "no such address"),
        (("--index", "INDEX", "--host", "0.0.0.0"), "would have no password"),
        (("--manage", "--host", "0.0.0.0"), "would have no password"),
        (("--index", "INDEX", "--host", "192.0.2.1"), "cannot be used"),
        (("--index", "INDEX", "--port", "TAKEN"), "give another --port"),
    ],
)
def test_the_app_refuses_before_it_serves(index: Path, tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        known = {"INDEX": str(index), "TAKEN": str(taken.getsockname()[1])}
        done = twinlens(ROOT, "app", *(known.get(word, word) for word in words), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
    assert done.stdout == ""
