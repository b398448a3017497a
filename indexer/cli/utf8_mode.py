"""File names are UTF-8, or bytes that are none, in every locale: a command starts again in Python's UTF-8 mode.

In a locale of ISO 8859-1, Python reads `Łódź` on the disk as other letters, and cannot name it at all from a CSV that
holds it in UTF-8. The index, which stores names byte for byte, would then know files by names that nothing else uses.
"""

from __future__ import annotations

import locale
import os
import sys


def restart_in_utf8_mode() -> None:
    """Become the same command in UTF-8 mode, where file names have another encoding now; else do nothing.

    What is printed keeps the encoding of the terminal, with escapes for the letters that it lacks.
    """
    if sys.getfilesystemencoding().replace("-", "").lower() == "utf8" or sys.flags.utf8_mode or os.name != "posix":
        return
    environment = {"PYTHONIOENCODING": f"{locale.getencoding()}:backslashreplace", **os.environ, "PYTHONUTF8": "1"}
    command = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
    os.execve(command[0], command, environment)  # bytes of arguments stay as they were given
