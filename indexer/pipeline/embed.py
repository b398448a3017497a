"""Read, hash, decode and embed files: threads read and decode ahead, the encoder takes whole batches in order."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.pipeline.content_hash import content_hash
from indexer.pipeline.scan import NEVER_READABLE, FoundFile
from indexer.pipeline.staging import ReadResult
from search.config import DecodeConfig
from search.errors import PictureError
from search.pictures.decode import decode
from search.pictures.exif import read_exif
from search.pictures.large_pictures import LARGE_BYTES, alone
from search.pictures.source import CHANGED_MEANWHILE, read_steady

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from indexer.pipeline.known_contents import KnownContents
    from indexer.pipeline.progress import Stages
    from indexer.pipeline.staging import Staging
    from search.encoders.base import Encoder

_AHEAD = 4
"""Files in flight per thread: enough to keep the decoders busy while a batch is encoded."""


@dataclass(slots=True)
class Batch:
    """Files read since the last batch was staged, and the distinct new contents among them."""

    files: list[ReadResult] = field(default_factory=list)
    distinct: dict[str, tuple[ReadResult, NDArray[Any]]] = field(default_factory=dict)


def embed_files(
    files: Iterable[FoundFile],
    encoder: Encoder,
    staging: Staging,
    known: KnownContents,
    *,
    batch_size: int,
    workers: int,
    stages: Stages,
) -> int:
    """Read every file, embed the contents that are not `known` yet, and stage both.

    Args:
        files: the files to read, in the order in which they are staged.
        encoder: embeds the pictures.
        staging: takes the results, a batch at a time.
        known: the contents that need no embedding.
        batch_size: pictures embedded at once.
        workers: number of threads.
        stages: measures the time and reports progress.

    Returns:
        How many pictures were embedded.
    """
    embedded = 0
    batch = Batch()
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        results = _ordered(pool, lambda file: _read(file, encoder, known), files, ahead=_AHEAD * workers + batch_size)
        while True:
            with stages.timed("read and decode"):
                done = next(results, None)
            if done is None:
                break
            result, prepared = done
            batch.files.append(result)
            if prepared is not None and result.content not in batch.distinct and result.content not in known:
                batch.distinct[result.content] = (result, prepared)
            if len(batch.distinct) == batch_size or len(batch.files) == 16 * batch_size:
                embedded += _finish(batch, encoder, staging, stages)
                batch = Batch()
    return embedded + _finish(batch, encoder, staging, stages)


def _finish(batch: Batch, encoder: Encoder, staging: Staging, stages: Stages) -> int:
    results = [result for result, _ in batch.distinct.values()]
    with stages.timed("encode"):
        prepared = [array for _, array in batch.distinct.values()]
        vectors = encoder.encode_prepared(np.stack(prepared)) if prepared else np.empty((0, encoder.dim), np.float32)
    with stages.timed("stage"):
        staging.add(batch.files, zip(results, vectors, strict=True))
    stages.progress.advance(len(batch.files))
    return len(results)


def _read(file: FoundFile, encoder: Encoder, known: KnownContents) -> tuple[ReadResult, NDArray[Any] | None]:
    """Read one file; decode and prepare it unless its content is known."""
    limits = DecodeConfig()
    with alone(file.bytes > LARGE_BYTES):
        try:
            data, status = read_steady(file.path, config=limits)
        except PictureError as error:
            return _failed(file, error.reason, passing=_is_passing(error)), None
        content = content_hash(data)
        # Size, times and inode of the file that was read, which may have changed since the scan.
        read = FoundFile.of(file.path, status)
        result = ReadResult(read.path, read.bytes, read.mtime_ns, content, ctime_ns=read.ctime_ns, inode=read.inode)
        if content in known:
            return replace(result, exif=read_exif(data)), None
        try:
            image = decode(data, name=str(file.path), target=encoder.input_size, config=limits)
            prepared = encoder.prepare(image)
        except PictureError as error:
            return _failed(file, error.reason), None
        width, height = image.info["full_size"]
        note = image.info.get("note")
        return replace(result, width=width, height=height, exif=read_exif(data), note=note), prepared


def _failed(file: FoundFile, reason: str, *, passing: bool = False) -> ReadResult:
    return ReadResult(
        file.path, file.bytes, file.mtime_ns, reason=reason, ctime_ns=file.ctime_ns, inode=file.inode, passing=passing
    )


def _is_passing(error: PictureError) -> bool:
    """Whether a file could not be read for a reason outside the file, such as a permission or the disk."""
    cause = error.__cause__
    if isinstance(cause, OSError):
        return cause.errno not in NEVER_READABLE
    return error.reason == CHANGED_MEANWHILE


def _ordered(
    pool: ThreadPoolExecutor, work: Callable[[FoundFile], Any], items: Iterable[FoundFile], *, ahead: int
) -> Iterator[Any]:
    """Map in threads, in order, with a bounded number of results waiting: `Executor.map` would hold them all."""
    waiting: deque[Future[Any]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
