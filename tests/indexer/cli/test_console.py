"""Progress where standard error is no terminal: plain lines, however long one step takes."""

import io
import re
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from indexer.cli import console
from indexer.cli.app import app
from indexer.cli.console import ConsoleProgress, TrainingConsole, stage_text
from indexer.training.trainer import TrainEvent


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    monkeypatch.setattr(console, "_QUIET_INTERVAL", 0.02)
    return capsys


def wait_for(log: pytest.CaptureFixture[str], line: str) -> None:
    """Wait for a line whose seconds may differ: a busy machine is slow."""
    pattern, said = re.escape(line).replace("SECONDS", r"\d+ s"), ""
    for _ in range(1000):
        said += log.readouterr().err
        if re.search(rf"^{pattern}", said, re.MULTILINE):
            return
        time.sleep(0.01)
    raise AssertionError(f"{line!r} is not in {said!r}")


def test_a_stage_that_reports_nothing_is_named_with_its_seconds(log: pytest.CaptureFixture[str]) -> None:
    with ConsoleProgress() as progress:
        progress.begin("measure", None)
        wait_for(log, "measure: SECONDS\n")
        progress.begin("encode", 40)
        wait_for(log, "encode: 0 of 40, SECONDS\n")
        progress.advance(0)
        wait_for(log, "encode: 0 of 40, SECONDS\n")
        progress.advance(40)
        wait_for(log, "encode: 40 of 40, ")
    assert not any(thread.name == "progress" for thread in threading.enumerate())


def test_a_bar_that_has_not_moved_yet_shows_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    with ConsoleProgress() as progress:
        progress.begin("encode", 40)
        for _ in range(3):
            progress.advance(0)
            assert progress._bar is not None
            progress._bar.refresh()
        assert " 0/40" in terminal.getvalue()
        assert "/s" not in terminal.getvalue()
        assert progress._line().startswith("encode: 0 of 40, ")
        progress.advance(40)
        progress._bar.refresh()
    assert "40/40" in terminal.getvalue()


def test_a_closed_log_stops_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_QUIET_INTERVAL", 0.02)
    closed = io.StringIO()
    monkeypatch.setattr(sys, "stderr", closed)
    with ConsoleProgress() as progress:
        closed.close()
        progress.begin("encode", 2)
        time.sleep(0.1)
        progress.advance(2)


def test_a_training_is_named_before_its_first_step(log: pytest.CaptureFixture[str]) -> None:
    with TrainingConsole() as training:
        wait_for(log, "train: reading pictures, SECONDS\n")
        training.show(TrainEvent(step=3, progress=0.25, loss=0.5, row=None))
        wait_for(log, "train: 25.0% done, loss 0.5000, SECONDS\n")


@pytest.mark.parametrize(
    ("done", "total", "seconds", "text"),
    [
        (0, 0, 12.3, "s: 12 s"),
        (0, 9, 12.3, "s: 0 of 9, 12 s"),
        (0, 9, 0.0, "s: 0 of 9, 0 s"),
        (5, 9, 0.0, "s: 5 of 9, 0 s"),
        (5, 0, 10.0, "s: 5, 0.5/s"),
        (50, 100, 2.5, "s: 50 of 100, 20/s, 2 s left"),
        (11, 10, 1.0, "s: 11 of 10, 11/s"),
    ],
)
def test_the_line_of_a_stage(done: int, total: int, seconds: float, text: str) -> None:
    assert stage_text("s", done, total, seconds) == text


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    "words",
    [
        ["check", "{index}"],
        ["check", "{index}", "--repair"],
        ["evaluate", "{index}"],
        ["evaluate", "{index}", "--robustness"],
        ["duplicates", "{index}"],
        ["map", "{index}", "--out", "{tmp}/map.png"],
        ["export", "{index}", "--out", "{tmp}/exported"],
        ["rebuild", "--index", "{index}"],
        ["build", "{pictures}", "--index", "{index}"],
        ["sync", "{pictures}", "--index", "{index}"],
        ["metadata", "--exif", "--index", "{index}"],
        ["enroll", "Ada", "{picture}", "--index", "{tmp}/people.index", "--encoder", "color-layout", "--force"],
    ],
    ids=lambda words: " ".join(words[:1] + words[2:]),
)
def test_every_command_that_can_take_long_names_its_stages(
    words: list[str], index: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    plain = ConsoleProgress.begin

    def begin(self: ConsoleProgress, stage: str, total: int | None) -> None:
        begun.append(stage)
        plain(self, stage, total)

    monkeypatch.setattr(ConsoleProgress, "begin", begin)
    places = {"index": index, "tmp": tmp_path, "pictures": pictures, "picture": next(pictures.rglob("*.png"))}
    done = CliRunner().invoke(app, [word.format(**places) for word in words])
    assert done.exit_code == 0, done.output
    assert begun


def test_calibrating_reports_every_draw() -> None:
    from indexer.calibration.config import CalibrateConfig
    from indexer.calibration.measure import measure
    from tests.indexer.calibration.simulated import measured

    heard: dict[str, int] = {}

    class Listening:
        def begin(self, stage: str, total: int | None) -> None:
            self.stage = stage
            heard[stage] = 0

        def advance(self, count: int) -> None:
            heard[self.stage] += count

    silent = measure(measured(30, 4, 0), CalibrateConfig(resamples=30), prior=0.5, fingerprint="f", data="d")
    told = measure(
        measured(30, 4, 0), CalibrateConfig(resamples=30), prior=0.5, fingerprint="f", data="d", progress=Listening()
    )
    assert heard == {"sort": 0, "resample": 30, "hold out": 160, "fit": 0}
    np.testing.assert_array_equal(silent.band.far, told.band.far)
