"""The commands as a shell runs them: in a process of their own."""

import subprocess
import sys


def twinlens(*words: object) -> subprocess.CompletedProcess[str]:
    """Run `twinlens` with these words."""
    command = [sys.executable, "-m", "indexer", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
