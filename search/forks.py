"""Detect a fork of a process that has used an engine, and raise an error in the child instead of hanging.

A fork copies only one thread. The threads of torch, FAISS and OpenVINO are missing in the child, which would wait for
them forever, and a SQLite connection must not cross a fork at all. Therefore an engine or encoder from before the fork
refuses to work in the child. One that is opened in the child computes with one thread if the parent had loaded torch
or FAISS, and with torch if the parent had loaded OpenVINO.
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
    """An object that cannot be used after a fork."""

    def after_fork(self, lost: Lost) -> None:
        """Replace everything that belongs to the parent process with `lost`."""


class Lost:
    """Stands in for what a fork lost: any use except `close` raises a ForkError."""

    def __init__(self, name: str) -> None:
        """Store the name of the engine for the message."""
        self._name = name

    def close(self) -> None:
        """Do nothing: the object belongs to the parent process."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise forked(self._name)

    __getattr__ = __getitem__ = __iter__ = __len__ = __contains__ = __enter__ = _refuse

    def __exit__(self, *_: object) -> None:
        """Never reached: `__enter__` raises."""


def forked(name: str) -> ForkError:
    """The error for an engine or encoder from before a fork."""
    return ForkError(
        f"{name} was opened before this process was forked, and cannot be used in the child. Start the process by"
        ' spawn (multiprocessing.get_context("spawn")) or open the index in the child: see docs/servers.md'
    )


def watch(engine: Watched) -> None:
    """Call `engine.after_fork` in every child process that is forked from this one."""
    _watched.add(engine)


def fork_count() -> int:
    """Number of forks between the process that imported this module and the current one."""
    return _forks


def inherited(library: str) -> bool:
    """Whether a library was imported before the process was forked, and not made safe since by `use_one_thread`."""
    return library in _inherited


def use_one_thread(library: str, setter: Callable[[Any], Callable[[int], object]]) -> None:
    """Make a library compute with one thread if it was imported before a fork; otherwise do nothing.

    Args:
        library: name of the module.
        setter: returns, for the module, its function that sets the number of threads.
    """
    if library in _inherited:
        _inherited.discard(library)
        setter(sys.modules[library])(1)


_watched: WeakSet[Any] = WeakSet()
_kept: list[Any] = []
"""Attributes of the engines from before the fork, kept alive: SQLite forbids even closing their connections."""
_forks = 0
_inherited: set[str] = set()
"""Libraries that were imported before the fork and are not yet limited to one thread."""


def _in_child() -> None:
    global _forks
    _forks += 1
    _inherited.update({"torch", "faiss", "openvino"} & sys.modules.keys())
    for engine in list(_watched):
        _kept.append(dict(vars(engine)))
        engine.after_fork(Lost(f"the engine of {engine.address}"))
    _watched.clear()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_in_child)
