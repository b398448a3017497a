"""Streams that refuse: a full disk, a reader who left, a closed descriptor, an encoding without the letters."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from search import open_index
from tests.conftest import draw, fill

needs_posix = pytest.mark.skipif(os.name != "posix", reason="descriptors as POSIX has them")
BUFFERED, UNBUFFERED = {"PYTHONUNBUFFERED": ""}, {"PYTHONUNBUFFERED": "1"}


def run(words: list[object], redirection: str = "", **more: str) -> subprocess.CompletedProcess[bytes]:
    """A command of `twinlens` with its streams redirected by a shell; words are passed on, not parsed."""
    line = f'"$@" {redirection}'
    command = ["sh", "-c", line, "sh", sys.executable, "-m", "indexer", *map(str, words)]
    return subprocess.run(command, capture_output=True, check=False, env={**os.environ, **more}, timeout=120)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """With a copy of one, so that there is a spare file to list."""
    paths = fill(tmp_path / "pictures", 12)
    shutil.copy(paths[3], paths[3].with_name("copy.png"))
    return tmp_path / "pictures"


@pytest.fixture
def asked(pictures: Path) -> Path:
    return sorted(pictures.rglob("*.png"))[0]


def commands(index: Path, asked: Path) -> list[list[object]]:
    return [
        ["info", index],
        ["query", asked, "--index", index],
        ["query", asked, "--index", index, "--json"],
        ["duplicates", index, "--json", "-", "--threshold", 2],
        ["duplicates", index, "--csv", "-"],
        ["duplicates", index, "--keep", "best", "--threshold", 2],
        ["check", index],
        ["--help"],
    ]


@pytest.mark.thinned(5)
@needs_posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("buffering", [BUFFERED, UNBUFFERED])
@pytest.mark.parametrize("which", range(8))
def test_a_full_disk_is_one_line(index: Path, asked: Path, which: int, buffering: dict[str, str]) -> None:
    done = run(commands(index, asked)[which], ">/dev/full", **buffering)
    assert done.returncode == 1
    lines = [line for line in done.stderr.decode().splitlines() if line.startswith("error:")]
    assert lines == [f"error: standard output: cannot be written ({os.strerror(errno.ENOSPC).lower()})"]
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@pytest.mark.thinned(5)
@needs_posix
@pytest.mark.parametrize("buffering", [BUFFERED, UNBUFFERED])
@pytest.mark.parametrize("which", range(8))
def test_a_reader_who_left_is_met_with_silence(index: Path, asked: Path, which: int, buffering: dict[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "indexer", *map(str, commands(index, asked)[which])]
    environment = {**os.environ, **buffering}
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, check=False, env=environment, timeout=120)
    os.close(writer)
    assert done.returncode == 141  # 128 + SIGPIPE
    assert done.stderr == b""


@pytest.mark.thinned(4)
@needs_posix
@pytest.mark.parametrize("which", range(8))
def test_closed_streams_change_nothing(index: Path, asked: Path, which: int) -> None:
    words = commands(index, asked)[which]
    assert run(words, ">&-").returncode == 0
    usual, closed = run(words), run(words, "2>&-")
    assert (closed.returncode, closed.stdout) == (0, usual.stdout)
    full = run(words, "2>/dev/full")
    assert (full.returncode, full.stdout) == (0, usual.stdout)


@needs_posix
def test_with_all_streams_closed_a_build_writes_no_message_into_its_files(pictures: Path, tmp_path: Path) -> None:
    (pictures / "bad.png").write_bytes(b"bad")
    made = tmp_path / "made"
    done = run(["build", pictures, "--index", made, "--encoder", "color-layout"], ">&- 2>&- <&-")
    assert done.returncode == 3
    assert run(["check", made]).returncode == 0


@needs_posix
def test_the_work_goes_on_without_its_log(pictures: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    done = run(["build", pictures, "--index", made, "--encoder", "color-layout"], ">/dev/null 2>/dev/full")
    assert done.returncode == 0
    assert json.loads(run(["info", made, "--json"]).stdout)["images"] == 13


@pytest.mark.thinned(5)
@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("cp1252", b"\\u0141\xf3d\\u017a\\u03a9"),
        ("iso-8859-1", b"\\u0141\xf3d\\u017a\\u03a9"),
        ("cp1252:strict", b"\\u0141\xf3d\\u017a\\u03a9"),
        ("cp1252:replace", b"?\xf3d??"),
        ("utf-8", "ŁódźΩ".encode()),
    ],
)
def test_letters_that_an_encoding_lacks_are_escapes(tmp_path: Path, encoding: str, shown: bytes) -> None:
    home = tmp_path / "p" / "ŁódźΩ"
    home.mkdir(parents=True)
    for number in range(2):
        draw(number).save(home / f"{number}.png")
    index = tmp_path / "i"
    environment = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"}
    built = run(["build", tmp_path / "p", "--index", index, "--encoder", "color-layout"], **environment)
    assert built.returncode == 0
    (home / "0.png").unlink()
    for words in (
        ["query", home / "1.png", "--index", index],
        ["sync", tmp_path / "p", "--index", index],
        ["duplicates", index, "--threshold", 2],
        ["info", home.parent / "ŁódźΩ"],
        ["query", home / "none.png", "--index", index],
    ):
        done = run(words, **environment)
        assert b"Traceback" not in done.stderr
        if words[0] != "duplicates":  # one picture is left, which is no copy
            escaped = b"\\u0141\xf3d\\u017a\\u03a9"  # standard error escapes whatever was chosen
            assert shown in done.stdout or escaped in done.stderr or shown in done.stderr


@needs_posix
def test_names_that_are_no_text_are_escapes(tmp_path: Path) -> None:
    place = os.fsencode(tmp_path) + b"/p\xff"
    Path(os.fsdecode(place)).mkdir()
    draw(1).save(os.fsdecode(place + b"/a\xfe.png"))
    index = tmp_path / "i"
    assert run(["build", os.fsdecode(place), "--index", index, "--encoder", "color-layout"]).returncode == 0
    for encoding in ("utf-8", "ascii", "cp1252"):
        done = run(["query", os.fsdecode(place + b"/a\xfe.png"), "--index", index], PYTHONIOENCODING=encoding)
        assert done.returncode == 0, done.stderr
        assert b"a\\udcfe.png" in done.stdout


def locale_of(tmp_path: Path, name: str) -> dict[str, str]:
    """An environment in which Python takes file names for text of another encoding than UTF-8."""
    environment = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    if name != "C":
        place = tmp_path / "locales"
        place.mkdir()
        made = ["localedef", "-i", "de_DE", "-f", name, str(place / f"de_DE.{name}")]
        if shutil.which("localedef") is None or subprocess.run(made, check=False, capture_output=True).returncode > 1:
            pytest.skip("no localedef, or no sources of locales")
        environment |= {"LC_ALL": f"de_DE.{name}", "LOCPATH": str(place)}
    asked = [sys.executable, "-c", "import sys; print(sys.getfilesystemencoding())"]
    told = subprocess.run(asked, capture_output=True, text=True, check=True, env={**os.environ, **environment})
    if told.stdout.strip().lower() in ("utf-8", "utf8"):
        pytest.skip(f"no locale {name} here")
    return environment


@pytest.mark.slow
@needs_posix
@pytest.mark.parametrize(("name", "shown"), [("C", b"\\u0141\\xf3d"), ("ISO-8859-1", b"\\u0141\xf3d")])
def test_file_names_stay_what_they_are_in_any_locale(tmp_path: Path, name: str, shown: bytes) -> None:
    home = tmp_path / "p" / "Łód"
    home.mkdir(parents=True)
    for number in range(2):
        draw(number).save(home / f"{number}.png")
    (tmp_path / "labels.csv").write_text("path,label\nŁód/0.png,żó\nŁód/1.png,żó\n", encoding="utf-8")
    (tmp_path / "m.csv").write_text("path,note\nŁód/0.png,Ł\n", encoding="utf-8")
    index, environment = tmp_path / "i", locale_of(tmp_path, name)
    labels = ["--labels", tmp_path / "labels.csv"]
    for words, code in (
        (["build", tmp_path / "p", "--index", index, "--encoder", "color-layout", *labels], 0),
        (["metadata", tmp_path / "m.csv", "--index", index, "--root", tmp_path / "p"], 0),
        (["sync", tmp_path / "p", "--index", index, *labels], 0),
        (["check", index], 0),
        (["map", index, "--out", tmp_path / "m.png", "--html", tmp_path / "m.html"], 0),
        (["query", home / "1.png", "--index", index, "--where", "label = 'żó'"], 0),
        (["export", index, "--out", tmp_path / "e", "--format", "npy"], 0),
        (["import", tmp_path / "e", "--index", tmp_path / "again"], 0),
    ):
        done = run(words, **environment)
        assert done.returncode == code, (words, done.stderr)
    assert shown in run(["query", home / "1.png", "--index", index], **environment).stdout
    for of in (index, tmp_path / "again"):
        with open_index(of) as engine:
            assert {record.path for record in engine.pictures()} == {home / "0.png", home / "1.png"}
            assert engine.labels() == {"żó": 2}
            assert engine.count("note = Ł") == 1
    assert "Łód" in (tmp_path / "m.html").read_text(encoding="utf-8")
