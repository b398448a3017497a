"""The commands with what they print and their exit codes."""

import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from unittest.mock import patch

from indexer.cli.app import app
from indexer.cli.base import reported


def twinlens(*words: object) -> subprocess.CompletedProcess[str]:
    """Run `twinlens` with these words in this process, which has imported everything."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    code: object = 0
    with (
        patch.object(sys, "argv", ["twinlens", *map(str, words)]),
        patch.object(sys, "stdin", io.StringIO()),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            reported(partial(app, prog_name="twinlens"))
        except SystemExit as end:
            code = end.code or 0
    assert isinstance(code, int), code
    printed = (stream.buffer.getvalue().decode() for stream in (out, err))  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(words, code, *printed)


def own_process(*words: object) -> subprocess.CompletedProcess[str]:
    """Run `twinlens` with these words as a shell does, in a process of its own."""
    command = [sys.executable, "-m", "indexer", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
