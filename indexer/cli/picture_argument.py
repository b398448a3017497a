"""A picture as a command line names it: a path, `-` for standard input, or a pipe that the shell opened."""

from __future__ import annotations

import io
import re
import stat
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from search.config import DecodeConfig
from search.errors import PictureError
from search.pictures.source import read_stream

if TYPE_CHECKING:
    from search.types import Picture

STANDARD_INPUT = "-"
_DESCRIPTOR = re.compile(r"/dev/(stdin|fd/\d+)|/proc/self/fd/\d+")
"""Names of streams that this process has open already: opening one does not wait for a writer."""


def picture_argument(text: str) -> Picture:
    """The picture that an argument of a command names.

    A pipe can be read only once, so its bytes are kept: an argument can be used several times, and `-` given twice.

    Raises:
        PictureError: nothing is piped into standard input, or the pipe cannot be read.
    """
    if text == STANDARD_INPUT or (_DESCRIPTOR.fullmatch(text) and _is_pipe(Path(text))):
        picture = io.BytesIO(_piped(text))
        picture.name = text
        return picture
    return text


@cache
def _piped(text: str) -> bytes:
    try:
        if text != STANDARD_INPUT:
            with Path(text).open("rb") as stream:
                return read_stream(stream, text, DecodeConfig())
        if sys.stdin is None or sys.stdin.isatty():
            raise PictureError(text, "standard input is a terminal. Pipe a picture into the command")
        return read_stream(sys.stdin.buffer, text, DecodeConfig())
    except OSError as error:
        raise PictureError(text, f"cannot be read ({error.strerror or error})") from error


def _is_pipe(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
