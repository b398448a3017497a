"""What can go wrong at the n-th change of a folder: the Python side of `disk_faults.c`."""

from __future__ import annotations

import ctypes
import enum
import errno
import mmap
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


class Calls(enum.IntFlag):
    """Kinds of system calls that change a folder."""

    WRITE = 1
    SYNC = 2
    RENAME = 4
    CREATE = 8
    REMOVE = 16
    RESIZE = 32
    ALL = 63


class Action(enum.IntEnum):
    """What happens at the n-th of them: see `disk_faults.c`."""

    WATCH = 0
    KILL = 1
    TEAR = 2
    FAIL = 3
    FULL = 4


@dataclass(frozen=True)
class Fault:
    """Watch the changes below a folder; at the n-th call of the kinds `calls`, act."""

    folder: Path
    action: Action = Action.WATCH
    at: int = 0
    calls: Calls = Calls.ALL
    error: int = errno.EIO


@dataclass(frozen=True)
class Seen:
    """The calls that were counted, as (kind, path below the folder); the last one may not have been done."""

    count: int
    calls: list[tuple[str, str]]


class Library:
    """The compiled library with the memory that a parent shares with the children that it watches."""

    def __init__(self, file: Path) -> None:
        self._library = ctypes.CDLL(str(file))
        self._library.shared_size.restype = ctypes.c_int64
        self._library.arm.argtypes = [
            ctypes.c_char_p,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_int64,
            ctypes.c_int,
            ctypes.c_void_p,
        ]
        self._memory = mmap.mmap(-1, self._library.shared_size())
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))

    def arm(self, fault: Fault) -> None:
        """Watch this process for the rest of its life."""
        error = self._library.arm(
            os.fsencode(fault.folder), fault.calls, fault.action, fault.at, fault.error, self._address
        )
        if error:
            raise OSError(error, os.strerror(error))

    def seen(self) -> Seen:
        """What the last child that armed itself did."""
        count, used = (int.from_bytes(self._memory[place : place + 8], "little") for place in (0, 8))
        lines = os.fsdecode(self._memory[16 : 16 + used]).splitlines()
        return Seen(
            count, [(kind, path.removeprefix("/")) for kind, _, path in (line.partition(" ") for line in lines)]
        )


def compile_library(folder: Path) -> Path | str:
    """Compile into a folder; where that is not possible, say why."""
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if compiler is None:
        return "no C compiler here"
    target = folder / "disk_faults.so"
    words = [compiler, "-O1", "-Wall", "-shared", "-fPIC", "-o", str(target), str(SOURCE)]
    done = subprocess.run(words, capture_output=True, text=True)
    return target if done.returncode == 0 else f"disk_faults.c does not compile here: {done.stderr.strip()[-300:]}"
