"""The processes that serve indexes over HTTP."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from service.config import Limits, Served, ServiceConfig

_NEEDED = ("fastapi", "uvicorn", "prometheus_client", "python_multipart")
_IDLE_SECONDS = 75
"""Time that an idle connection is kept: a caller that sends just when it is closed sees an error."""
_GRACE_SECONDS = 30
"""Time that running requests get to end when the service is stopped."""


def require_service() -> None:
    """Raise DataError unless the extra `service` is installed."""
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise DataError(f'{", ".join(missing)}: not installed, and serve needs it: pip install "twinlens[service]"')


def served(index: Sequence[str], pictures: Sequence[str], uploads: Sequence[str], *, write: bool) -> tuple[Served, ...]:
    """The indexes of `--index`, with their folders of `--pictures` and `--uploads`.

    Raises:
        DataError: a name is given twice or belongs to no index, or the service does not write.
    """
    from service.config import Served, named_folders

    folders = named_folders(index)
    of_pictures, of_uploads = (_by_name(each, folders) for each in (pictures, uploads))
    if (pictures or uploads) and not write:
        raise DataError("--pictures and --uploads are for callers that change an index: give --write too")
    for name, folder in of_uploads.items():
        if name in of_pictures and folder.is_relative_to(of_pictures[name]):
            raise DataError(
                f"{folder}: is inside {of_pictures[name]}, so that a sync would read reference pictures as pictures of"
                " the collection. Name another folder for --uploads"
            )
    return tuple(Served(name, folder, of_pictures.get(name), of_uploads.get(name)) for name, folder in folders.items())


def _by_name(given: Sequence[str], folders: dict[str, Path]) -> dict[str, Path]:
    """Folders by the name of their index; of a plain DIR, the only index."""
    from service.config import NAME, named_folders

    only = next(iter(folders)) if len(folders) == 1 else None
    spelled = []
    for text in given:
        name, sign, _ = text.partition("=")
        if not (sign and NAME.fullmatch(name)):
            if only is None:
                raise DataError(f"{text}: there are several indexes. Say of which one: NAME={text}")
            text = f"{only}={text}"
        elif name not in folders:
            raise DataError(f"{text}: no index has the name {name}: there are {', '.join(folders)}")
        spelled.append(text)
    return named_folders(spelled)


def limits_of(body: int | None, pixels: int | None, k: int, queue: int, seconds: float) -> Limits:
    """The limits that the options of `serve` set."""
    from service.config import Limits

    defaults = Limits()
    most = defaults.body if body is None else body
    return Limits(
        body=most,
        bodies=max(most, defaults.bodies),
        pixels=defaults.pixels if pixels is None else pixels,
        k=k,
        queue=queue,
        seconds=seconds,
        receive_seconds=seconds,
    )


def run_service(config: ServiceConfig, port: int, workers: int, warn: Callable[[str], None]) -> None:
    """Serve until the process is stopped.

    Raises:
        DataError: the address cannot be used, keys are missing, or several workers would write.
        IndexFolderError: an index cannot be opened, and no job could build it.
    """
    import uvicorn

    from indexer.cli.app_server import check_free
    from search.engine import open_index
    from search.store.catalog import has_catalog
    from service.config import SETTINGS
    from service.factory import check_keys, create_app
    from service.keys import Keys
    from service.logs import log_to_stderr
    from service.metrics import FOLDER

    if config.write and workers > 1:
        raise DataError("--write needs --workers 1. For more processes, serve the index once more without --write")
    keys = Keys.load(config.keys)
    check_keys(config, keys)
    for each in config.indexes:
        if has_catalog(each.folder) or not config.write:
            with open_index(each.folder, device="cpu"):
                pass  # an error of the index is reported here, and not by every request
    check_free(port, config.host)
    if not keys and config.write:
        warn("no API keys: every program of this machine can change the indexes")
    options: dict[str, Any] = {
        "host": config.host,
        "port": port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": _GRACE_SECONDS,
        "timeout_keep_alive": _IDLE_SECONDS,
        "h11_max_incomplete_event_size": 64 * 1024,
        "timeout_worker_healthcheck": _GRACE_SECONDS,
    }
    log_to_stderr()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # uvicorn raises it once more at the end: exit code 0
    if workers == 1:
        uvicorn.run(create_app(config), **options)
        return
    folder = tempfile.mkdtemp(prefix="twinlens-metrics-")
    os.environ[SETTINGS], os.environ[FOLDER] = config.to_json(), folder
    try:
        uvicorn.run("service.factory:app_from_environment", factory=True, workers=workers, **options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
