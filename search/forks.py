"""Forks of a process that had used an engine: found at the fork, and answered with an error in place of a hang.

A fork copies one thread. The threads of OpenMP, which torch and FAISS compute with, are gone in the child, and it would
wait for them for ever; a SQLite connection must not cross a fork at all. So an engine or an encoder from before the
fork refuses to work in the child, and one that is opened there computes with one thread where the parent had loaded
torch or FAISS.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn, Protocol
from weakref import WeakSet

from search.errors import ForkError

if TYPE_CHECKING:
    from collections.abc import Callable


class Watched(Protocol):
    """What cannot be used after a fork."""

    def after_fork(self, lost: Lost) -> None:
        """Exchange all that the process before the fork owns for `lost`."""


class Lost:
    """In place of what a fork lost: each use of it raises a ForkError, but for closing it."""

    def __init__(self, name: str) -> None:
        """Take the name of the engine, for the message."""
        self._name = name

    def close(self) -> None:
        """Do nothing: it belongs to the other process."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise forked(self._name)

    __getattr__ = __getitem__ = __iter__ = __len__ = __contains__ = __enter__ = _refuse

    def __exit__(self, *_: object) -> None:
        """Never reached: `__enter__` raises."""


def forked(name: str) -> ForkError:
    """The error about an engine or an encoder from before a fork."""
    return ForkError(
        f"{name} was opened before this process was forked, and cannot be used in the child. Start the process by"
        ' spawn (multiprocessing.get_context("spawn")) or open the index in the child: see docs/servers.md'
    )


def watch(engine: Watched) -> None:
    """Call `engine.after_fork` in every child that this process is forked into."""
    _watched.add(engine)


def fork_count() -> int:
    """How many forks lie between this process and the one that imported this module."""
    return _forks


def use_one_thread(library: str, setter: Callable[[Any], Callable[[int], object]]) -> None:
    """Let a library compute with one thread, where it had been imported before a fork; else do nothing.

    Args:
        library: its module.
        setter: takes the module and gives its function that sets the number of threads.
    """
    if library in _inherited:
        _inherited.discard(library)
        setter(sys.modules[library])(1)


_watched: WeakSet[Any] = WeakSet()
_kept: list[Any] = []
"""What engines lost, kept alive in the child: SQLite forbids even closing a connection of before the fork."""
_forks = 0
_inherited: set[str] = set()
"""Libraries that a fork found imported, until they were set to one thread."""


def _in_child() -> None:
    global _forks
    _forks += 1
    _inherited.update({"torch", "faiss"} & sys.modules.keys())
    for engine in list(_watched):
        _kept.append(dict(vars(engine)))
        engine.after_fork(Lost(f"the engine of {engine.folder}"))
    _watched.clear()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_in_child)
