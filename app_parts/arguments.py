"""What the app was started with: `streamlit run app.py -- --index DIR [--manage] ...`, or `-- --url ADDRESS`."""

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
    url: str | None = None
    """Address of a service to search instead of an index of this machine."""
    index_name: str | None = None
    """Name of the index of the service; None for its only one."""


def arguments() -> Arguments:
    """Read the command line after `--`, and the environment; unknown words belong to Streamlit."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--index", nargs="?")
    parser.add_argument("--manage", action="store_true")
    parser.add_argument("--runs", nargs="?")
    parser.add_argument("--log", nargs="?")
    parser.add_argument("--password-file", nargs="?")
    parser.add_argument("--url", nargs="?")
    parser.add_argument("--index-name", nargs="?")
    given = parser.parse_known_args()[0]
    index = given.index or (None if given.url else os.environ.get("TWINLENS_INDEX")) or None
    options = given.runs, given.log, given.password_file, given.url or None, given.index_name or None
    return Arguments(index, given.manage, *options)


def arguments_or_exit() -> Arguments:
    """The arguments; ends the process if they contradict each other."""
    given = arguments()
    if given.url is not None and (given.index is not None or given.manage):
        other = "--index" if given.index is not None else "--manage"
        why = "--url searches an index of a service, and changes none"
        raise SystemExit(f"error: {why}: give either --url or {other}")
    if given.index_name is not None and given.url is None:
        raise SystemExit("error: --index-name names an index of a service: give its address by --url")
    return given
