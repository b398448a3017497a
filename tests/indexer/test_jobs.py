"""Jobs run in processes of their own: progress, stop, resume, and every way in which one can end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from indexer.collection.build import build
from indexer.jobs.job import COMMAND, HOME, _environment
from indexer.jobs.registry import KEPT, Jobs
from indexer.jobs.request import JobRequest, typed_path
from indexer.jobs.view import JobView, Stage, duration, progress_text
from indexer.pipeline.lock import writer_lock
from search import DataError, IndexLockedError, open_index
from tests.conftest import FAST, draw, fill

WAIT = 120.0


def building(pictures, index, **options):
    return JobRequest("build", str(index), str(pictures), encoder="color-layout", **options)


def until(condition):
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def script(text):
    """A process in the place of a job's: it gets the request on standard input."""
    return Jobs([sys.executable, "-c", f"import sys, time; request = sys.stdin.readline()\n{text}"])


@pytest.fixture
def many(tmp_path):
    """Enough pictures to stop in the middle."""
    fill(tmp_path / "many", 250)
    return tmp_path / "many"


def stopped_in_the_middle(many, index):
    job = Jobs().start(building(many, index, batch_size=1))
    until(lambda: job.view.stage is not None and job.view.stage.name == "embed" and job.view.stage.done > 0)
    return job


def test_a_build_reports_its_stages_and_what_it_did(pictures, tmp_path):
    (pictures / "broken.jpg").write_text("no picture")
    job = Jobs().start(building(pictures, tmp_path / "new.index"))
    view = job.wait(WAIT)
    assert (view.status, view.error) == ("done", "")
    assert view.stages[0] == "scan"
    assert view.stages[-1] == "commit"
    assert "embed" in view.stages
    assert view.report["added"] == 12
    assert view.report["skipped"] == [
        {"path": str(pictures / "broken.jpg"), "reason": view.report["skipped"][0]["reason"]}
    ]
    with open_index(tmp_path / "new.index") as engine:
        assert engine.info().images == 12


def test_every_verb(pictures, index, tmp_path):
    registry = Jobs()
    fill(tmp_path / "more", 3, first=100)
    for request, expected in (
        (JobRequest("add", str(index), str(tmp_path / "more")), {"added": 3, "images": 15}),
        (JobRequest("sync", str(index), str(pictures)), {"unchanged": 12, "images": 15}),
        (JobRequest("rebuild", str(index), kind="hnsw"), {"kind": "hnsw", "images": 15}),
        (JobRequest("check", str(index)), {"whole": True}),
    ):
        view = registry.start(request).wait(WAIT)
        assert view.status == "done", view.error
        assert {key: view.report[key] for key in expected} == expected, request.verb


def test_a_stopped_build_continues_where_it_stopped(many, tmp_path):
    index = tmp_path / "new.index"
    job = stopped_in_the_middle(many, index)
    job.stop()
    assert job.view.status == "stopping"
    view = job.wait(WAIT)
    assert view.status == "stopped"
    assert view.resumable
    again = Jobs().start(job.view.request).wait(WAIT)
    assert again.status == "done", again.error
    assert again.report["images"] == 250
    assert 0 < again.report["embedded"] < 250, "embedded again what the stopped build had embedded"


def test_a_killed_process_is_reported_and_the_job_continues(many, tmp_path):
    job = stopped_in_the_middle(many, tmp_path / "new.index")
    os.kill(job.process_id, signal.SIGKILL)
    view = job.wait(WAIT)
    assert view.status == "failed"
    assert "killed by signal 9" in view.error
    again = Jobs().start(job.view.request).wait(WAIT)
    assert again.report["images"] == 250
    assert again.report["embedded"] < 250


def test_the_job_stops_when_its_server_is_killed(many, tmp_path):
    server = (
        "import sys, time; from indexer.jobs.job import Job; from indexer.jobs.request import JobRequest\n"
        "job = Job(1, JobRequest.of_line(sys.stdin.readline().encode()))\n"
        "while not (job.view.stage and job.view.stage.done): time.sleep(0.01)\n"
        "print(job.process_id, flush=True); time.sleep(600)"
    )
    request = building(many, tmp_path / "new.index", batch_size=1)
    with subprocess.Popen(
        [sys.executable, "-c", server], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment()
    ) as process:
        process.stdin.write(request.to_line())
        process.stdin.flush()
        number = int(process.stdout.readline())
        process.kill()
    until(lambda: not _runs(number))
    with writer_lock(tmp_path / "new.index"):
        pass  # nothing holds it
    again = Jobs().start(request).wait(WAIT)
    assert again.status == "done"
    assert again.report["embedded"] < 250


def _runs(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("folder", "says"), [("missing", "no such file or folder"), ("empty", "no pictures below this folder")]
)
def test_errors_are_those_of_the_library(folder, says, tmp_path):
    (tmp_path / "empty").mkdir()
    view = Jobs().start(building(tmp_path / folder, tmp_path / "new.index")).wait(WAIT)
    assert view.status == "failed"
    with pytest.raises(DataError) as expected:
        build(tmp_path / folder, tmp_path / "other.index", FAST)
    assert view.error == str(expected.value)
    assert not (tmp_path / "new.index").exists()


def test_an_unknown_encoder_and_a_folder_of_other_files(pictures, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letter.txt").write_text("mine")
    view = Jobs().start(building(pictures, tmp_path / "taken")).wait(WAIT)
    assert view.status == "failed"
    assert str(tmp_path / "taken") in view.error
    view = Jobs().start(JobRequest("build", str(tmp_path / "new"), str(pictures), encoder="no-such")).wait(WAIT)
    assert "no-such" in view.error
    assert "Traceback" not in view.error


def test_an_index_that_another_process_writes_is_reported(pictures, index):
    with writer_lock(index):
        view = Jobs().start(JobRequest("sync", str(index), str(pictures))).wait(WAIT)
    assert view.status == "failed"
    assert "is being written by process" in view.error


def test_names_with_any_letters_and_bytes(tmp_path):
    folder = tmp_path / os.fsdecode(b"Bilder \xc5\x81\xff \xf0\x9f\x90\x88 $(x) <b>")
    folder.mkdir()
    draw(1).save(folder / "a.png")
    (folder / "b\n*.png").write_text("no picture")
    view = Jobs().start(building(folder, tmp_path / "new.index")).wait(WAIT)
    assert view.status == "done", view.error
    assert view.report["skipped"][0]["path"] == str(folder / "b\n*.png")


def test_one_job_at_a_time_for_each_index(tmp_path):
    registry = script('print(\'{"begin": "embed", "total": 2}\', flush=True); time.sleep(600)')
    request = JobRequest("check", str(tmp_path / "a"))
    job = registry.start(request)
    (tmp_path / "link").symlink_to(tmp_path)
    for path in (tmp_path / "a", tmp_path / "link" / "a", tmp_path / "x" / ".." / "a"):
        with pytest.raises(IndexLockedError, match="a job of this server is running"):
            registry.start(JobRequest("rebuild", str(path)))
    other = registry.start(JobRequest("check", str(tmp_path / "b")))
    assert [view.number for view in registry.views()] == [2, 1]
    assert registry.last(str(tmp_path / "a")) is job
    for each in (job, other):
        each.stop()
        assert each.wait(WAIT).status == "stopped"
    assert registry.start(request).view.number == 3
    registry.last(request.index).stop()


def test_two_builds_of_two_indexes_at_once(pictures, tmp_path):
    registry = Jobs()
    jobs = [registry.start(building(pictures, tmp_path / name)) for name in ("a", "b")]
    assert [job.wait(WAIT).status for job in jobs] == ["done", "done"]


def test_output_that_is_not_json_is_ignored(tmp_path):
    noise = (
        "print('Downloading: 3%'); print('[1, 2]'); print('{'); print('null'); print('{\"done\": \"x\"}')\n"
        "print('{}')\n"
        "sys.stdout.buffer.write(bytes(range(256)) + b'\\n'); sys.stdout.flush()\n"
        'print(\'{"begin": "embed", "total": 4}\'); print(\'{"done": 3}\'); print(\'noise\')\n'
        "print('{\"report\": {\"images\": 4}}'); print('bye')"
    )
    view = script(noise).start(JobRequest("check", str(tmp_path))).wait(WAIT)
    assert view.status == "done"
    assert view.report == {"images": 4}
    assert (view.stage.name, view.stage.done) == ("embed", 3)


@pytest.mark.parametrize("ending", ["", "print('only noise')", "sys.exit(3)", "raise SystemExit('no')", "1 / 0"])
def test_a_process_without_a_report_has_failed(ending, tmp_path):
    view = script(ending).start(JobRequest("check", str(tmp_path))).wait(WAIT)
    assert view.status == "failed"
    assert "without a report" in view.error


def test_a_process_that_is_gone_before_it_gets_its_request_has_failed(monkeypatch, tmp_path):
    written = JobRequest.to_line

    def late(request):
        time.sleep(1)
        return written(request)

    monkeypatch.setattr(JobRequest, "to_line", late)
    view = Jobs(["true"]).start(JobRequest("check", str(tmp_path))).wait(WAIT)
    assert view.status == "failed"
    assert "without a report" in view.error


def test_a_process_that_ignores_the_request_to_stop_is_killed(monkeypatch, tmp_path):
    monkeypatch.setattr("indexer.jobs.job.GRACE_SECONDS", 0.2)
    stubborn = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        'print(\'{"begin": "embed", "total": 2}\', flush=True); time.sleep(600)'
    )
    job = script(stubborn).start(JobRequest("check", str(tmp_path)))
    until(lambda: job.view.stage)
    job.stop()
    job.stop()
    assert job.wait(WAIT).status == "stopped"
    job.stop()
    assert job.view.status == "stopped"


def test_the_process_refuses_what_is_no_request(tmp_path):
    for line in (b"", b"\n", b"[]\n", b"{}\n", b'{"verb": "remove", "index": "/x"}\n', b'{"verb": "check"', b"\xff\n"):
        done = subprocess.run(COMMAND, input=line, capture_output=True, env=_environment(), check=False, cwd=tmp_path)
        assert done.returncode == 1, line
        assert b'{"error": "' in done.stdout
        assert b"Traceback" not in done.stderr


def test_the_process_is_found_from_any_folder(tmp_path, pictures):
    (tmp_path / "app_parts.py").write_text("raise SystemExit('not this one')")
    (tmp_path / "indexer.py").write_text("raise SystemExit('not this one')")
    line = building(pictures, tmp_path / "new.index").to_line()
    done = subprocess.run(COMMAND, input=line, capture_output=True, env=_environment(), check=False, cwd=tmp_path)
    # The input ends at once, which stops the job; a fast one is done before.
    assert done.returncode == 0, done.stderr
    assert HOME.is_dir()


@pytest.mark.parametrize(
    "wrong",
    [
        {"verb": "remove"},
        {"index": ""},
        {"index": "relative"},
        {"index": "/a\0b"},
        {"pictures": ""},
        {"pictures": "relative/path"},
        {"recall": "high"},
        {"memory": 1.5},
        {"batch_size": True},
        {"encoder": 3},
        {"no_such": 1},
    ],
)
def test_requests_are_checked(wrong):
    plain = {"verb": "build", "index": "/tmp/i", "pictures": "/tmp/p"}
    assert JobRequest(**plain) == JobRequest.of_line(JobRequest(**plain).to_line())
    with pytest.raises((DataError, TypeError)):
        JobRequest(**{**plain, **wrong})


def test_typed_paths(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert typed_path(" ~/pictures ") == "/home/me/pictures"
    assert typed_path("/a b/") == "/a b"
    for text in ("", "  ", "pictures", "./x", "~no-such-user-here/x", "\0"):
        with pytest.raises(DataError):
            typed_path(text)


def test_only_the_last_jobs_are_kept(tmp_path):
    registry = script("print('{\"report\": {}}')")
    for number in range(KEPT + 3):
        registry.start(JobRequest("check", str(tmp_path / str(number)))).wait(WAIT)
    assert len(registry.views()) == KEPT
    assert registry.last(str(tmp_path / "0")) is None


def test_progress_in_words():
    began = time.monotonic() - 10
    request = JobRequest("check", "/x")
    assert progress_text(JobView(1, request, "running")) == "starting"
    view = JobView(1, request, "running", Stage("embed", 4000, began, 1000))
    assert progress_text(view) == "embed, 1,000 of 4,000 pictures, 100 per second, 30 s left"
    assert view.share == 0.25
    assert progress_text(JobView(1, request, "running", Stage("scan", None, began))) == "scan"
    assert JobView(1, request, "running", Stage("embed", 0, began)).share is None
    assert progress_text(JobView(1, request, "stopped", Stage("embed", 4, began, 1))) == "embed, 1 of 4 pictures"
    assert [duration(seconds) for seconds in (0.2, 99, 150, 3900)] == ["1 s", "99 s", "2 min", "1 h 5 min"]
