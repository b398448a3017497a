"""What the app was started with: `streamlit run app.py -- --index DIR [--manage] ...`."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Arguments:
    """Folders that the app reads, and what it may do."""

    index: str | None
    """Folder of the index, from `--index` or `TWINLENS_INDEX`; None if neither is given."""
    manage: bool
    """Whether visitors may create and change indexes, which reads folders of this machine."""
    runs: str | None
    """Folder with training runs."""
    log: str | None
    """The log of visits that `twinlens attend` writes."""
    password_file: str | None
    """File that holds the password of the app."""


def arguments() -> Arguments:
    """Read the command line after `--`, and the environment; unknown words belong to Streamlit."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--index", nargs="?")
    parser.add_argument("--manage", action="store_true")
    parser.add_argument("--runs", nargs="?")
    parser.add_argument("--log", nargs="?")
    parser.add_argument("--password-file", nargs="?")
    given = parser.parse_known_args()[0]
    index = given.index or os.environ.get("TWINLENS_INDEX") or None
    return Arguments(index, given.manage, given.runs, given.log, given.password_file)
