"""The streams and file names of a command's process: no terminal, pipe, disk or locale causes a traceback.

Letters that the encoding lacks become escapes. Output that cannot be written ends the command with one line on standard
error. A closed pipe (`twinlens ... | head`) ends it silently. Messages that cannot be written are dropped, as the work
matters more than its log.

File names are UTF-8, or arbitrary bytes, in every locale: a command restarts itself in Python's UTF-8 mode. In a locale
of ISO 8859-1, Python would read `Łódź` on the disk as other letters, and could not find it by the name that a UTF-8 CSV
holds. The index stores names byte for byte, and would then know files by names that nothing else uses.
"""

from __future__ import annotations

import io
import locale
import os
import sys
from typing import TYPE_CHECKING, Any

from search.errors import TwinlensError

if TYPE_CHECKING:
    from collections.abc import Callable

READER_GONE = 141
"""Exit code if the reader closed the pipe: 128 + SIGPIPE, as of any program that such a pipe ends."""
_KEPT_ERRORS = {"replace", "backslashreplace", "xmlcharrefreplace", "namereplace", "ignore"}
"""Error handlers of a stream that are kept: they were chosen on purpose (`PYTHONIOENCODING`)."""


class OutputError(TwinlensError):
    """Standard output could not be written."""


def restart_in_utf8_mode() -> None:
    """Replace this process by the same command in UTF-8 mode, if file names have another encoding now.

    Output keeps the encoding of the terminal, with escapes for the letters that it lacks.
    """
    if sys.getfilesystemencoding().replace("-", "").lower() == "utf8" or sys.flags.utf8_mode or os.name != "posix":
        return
    environment = {"PYTHONIOENCODING": f"{locale.getencoding()}:backslashreplace", **os.environ, "PYTHONUTF8": "1"}
    command = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
    os.execve(command[0], command, environment)  # the bytes of the arguments are passed on unchanged


def prepare_streams() -> None:
    """Make the streams of this process safe; streams that a caller replaced (a test, a notebook) are left alone."""
    _open_what_is_closed()
    if sys.stdout is sys.__stdout__:
        sys.stdout = _safe(sys.stdout, _refused)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _safe(sys.stderr, _dropped)


def flush_output() -> None:
    """Write what is still buffered, while an error can be reported; raises as a write does.

    What cannot be written is dropped: otherwise Python would try again as it exits, and print a traceback.
    """
    try:
        sys.stdout.flush()
    except BaseException:
        _point_nowhere(sys.stdout.fileno())
        raise


class _Raw(io.FileIO):
    """The end of a stream, where an error of the system is first seen."""

    def __init__(self, descriptor: int, refused: Callable[[int, OSError], None]) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._refused = refused

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except BlockingIOError:
            raise
        except OSError as error:
            self._refused(self.fileno(), error)
            return memoryview(data).nbytes


def _refused(_: int, error: OSError) -> None:
    """Raise on every write: callers that test what a stream can do hide the first error."""
    if isinstance(error, ConnectionError):
        raise SystemExit(READER_GONE) from None
    reason = error.strerror or str(error)
    raise OutputError(f"standard output: cannot be written ({reason[:1].lower()}{reason[1:]})") from error


def _dropped(descriptor: int, _: OSError) -> None:
    """Continue without messages."""
    _point_nowhere(descriptor)


def _point_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _safe(stream: Any, refused: Callable[[int, OSError], None]) -> Any:
    """The same stream with `refused` at its end, and with escapes for the letters that its encoding lacks."""
    errors = stream.errors if stream.errors in _KEPT_ERRORS else "backslashreplace"
    raw = getattr(stream.buffer, "raw", stream.buffer)
    if type(raw) is not io.FileIO:  # the console of Windows, which takes any letter
        stream.reconfigure(errors=errors)
        return stream
    stream.flush()
    end = _Raw(raw.fileno(), refused)
    buffer: Any = end if stream.buffer is raw else io.BufferedWriter(end)
    return io.TextIOWrapper(
        buffer,
        encoding=stream.encoding,
        errors=errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _open_what_is_closed() -> None:
    """Open the null device in place of standard streams that are closed (`>&-`).

    Otherwise the next file that is opened would get its descriptor, and what a library prints would be written into it.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8", errors="backslashreplace"))  # noqa: PTH123, SIM115
