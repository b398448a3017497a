"""Read, hash, decode and embed files: threads read and decode ahead, another encodes whole batches in order.

All cores are busy as long as there is work: threads that decode and the threads of the encoder share them, and neither
waits for the other until two batches are ready. No number of threads has to be chosen, because those of an encoder
compute pictures independently of each other: see `search.encoders.parallel_parts` and `openvino_runtime`.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from indexer.pipeline.content_hash import content_hash
from indexer.pipeline.scan import NEVER_READABLE, FoundFile
from indexer.pipeline.staging import ReadResult
from search.config import DecodeConfig
from search.errors import PictureError
from search.pictures.decode import decode
from search.pictures.exif import read_exif
from search.pictures.large_pictures import LARGE_BYTES, alone
from search.pictures.remote import is_remote, read_remote
from search.pictures.source import CHANGED_MEANWHILE, read_steady
from search.pictures.tar_members import read_member, tar_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from indexer.pipeline.progress import Stages
    from search.encoders.base import Encoder
    from search.types import Floats

_AHEAD = 4
"""Files in flight per thread: enough to keep the decoders busy while a batch is encoded."""


_ENCODING = 2
"""Batches given to the encoder: it computes one, and finds the next one ready."""


class Known(Protocol):
    """Contents that need no embedding; asked from several threads."""

    def __contains__(self, content: str, /) -> bool:
        """Whether a content has a vector already."""


class Sink(Protocol):
    """Takes the results: the staging file of an index, the blocks of a part, or memory."""

    def add(self, files: Sequence[ReadResult], vectors: Iterable[tuple[ReadResult, Floats]]) -> None:
        """Take one batch: every file that was read, and the contents that were embedded with their vectors."""


@dataclass(slots=True)
class _Batch:
    """Files read since the last batch, and the distinct new contents among them."""

    files: list[ReadResult] = field(default_factory=list)
    distinct: dict[str, ReadResult] = field(default_factory=dict)
    prepared: list[NDArray[Any]] = field(default_factory=list)
    """In the order of `distinct`; empty when they are given to the encoder."""
    vectors: Future[Floats] | None = None
    """None before that, or if there is no new content."""


def embed_files(
    files: Iterable[FoundFile],
    encoder: Encoder,
    sink: Sink,
    known: Known,
    *,
    batch_size: int,
    workers: int,
    stages: Stages,
) -> int:
    """Read every file, embed the contents that are not `known` yet, and give both to the sink.

    Threads decode, one thread encodes batches, and the calling thread hands them on, all at the same time. Batches are
    formed and handed on in the order of the files.

    Args:
        files: the files to read, in the order in which the sink gets them.
        encoder: embeds the pictures.
        sink: takes the results, a batch at a time.
        known: the contents that need no embedding.
        batch_size: pictures embedded at once.
        workers: number of threads that read and decode.
        stages: measures the time and reports progress.

    Returns:
        How many pictures were embedded.
    """
    embedded = 0
    encoding: deque[_Batch] = deque()

    def is_new(content: str) -> bool:
        return not any(content in batch.distinct for batch in encoding) and content not in known

    with _threads(workers, "decode") as decoders, _threads(1, "encode") as encoders:
        read = _ordered(decoders, lambda file: _read(file, encoder, known), files, ahead=_AHEAD * workers + batch_size)
        for batch in _batches(read, is_new, batch_size, stages):
            if len(encoding) == _ENCODING:
                embedded += _hand_on(encoding.popleft(), sink, stages)
            if batch.prepared:
                batch.vectors = encoders.submit(_encode, encoder, np.stack(batch.prepared), stages)
                batch.prepared.clear()
            encoding.append(batch)
        while encoding:
            embedded += _hand_on(encoding.popleft(), sink, stages)
    return embedded


@contextmanager
def _threads(count: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """Threads for a block. If it fails, or the user interrupts it, what is running is finished and the rest is not."""
    pool = ThreadPoolExecutor(count, thread_name_prefix=name)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _batches(
    results: Iterator[tuple[ReadResult, NDArray[Any] | None]],
    is_new: Callable[[str], bool],
    batch_size: int,
    stages: Stages,
) -> Iterator[_Batch]:
    """Collect results until there are `batch_size` new contents, or many files without one; the last batch is rest."""
    batch = _Batch()
    while True:
        with stages.timed("read and decode"):
            done = next(results, None)
        if done is None:
            break
        result, prepared = done
        batch.files.append(result)
        if prepared is not None and result.content not in batch.distinct and is_new(result.content):
            batch.distinct[result.content] = result
            batch.prepared.append(prepared)
        if len(batch.distinct) == batch_size or len(batch.files) == 16 * batch_size:
            yield batch
            batch = _Batch()
    yield batch


def _encode(encoder: Encoder, prepared: NDArray[Any], stages: Stages) -> Floats:
    with stages.timed("encode"):
        return encoder.encode_prepared(prepared)


def _hand_on(batch: _Batch, sink: Sink, stages: Stages) -> int:
    """Wait for the vectors of a batch, and give it to the sink; returns how many there were."""
    vectors = () if batch.vectors is None else batch.vectors.result()
    with stages.timed("stage"):
        sink.add(batch.files, zip(batch.distinct.values(), vectors, strict=True))
    stages.progress.advance(len(batch.files))
    return len(vectors)


def _read(file: FoundFile, encoder: Encoder, known: Known) -> tuple[ReadResult, NDArray[Any] | None]:
    """Read one file; decode and prepare it unless its content is known."""
    limits = DecodeConfig()
    with alone(file.bytes > LARGE_BYTES):
        try:
            data, read = _bytes_of(file, limits)
        except PictureError as error:
            return _failed(file, error.reason, passing=_is_passing(error)), None
        content = content_hash(data)
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


def _bytes_of(file: FoundFile, limits: DecodeConfig) -> tuple[bytes, FoundFile]:
    """The bytes of a file, and the file as it was when they were read: it may have changed since the scan."""
    tar = tar_of(file.path)
    if tar is not None:
        data, member = read_member(tar, file.path, config=limits)
        return data, FoundFile(file.path, member.bytes, member.mtime_ns)
    if is_remote(file.path):
        data = read_remote(file.path, file.bytes, config=limits)
        if len(data) != file.bytes:
            raise PictureError(str(file.path), CHANGED_MEANWHILE)
        return data, file
    data, status = read_steady(file.path, config=limits)
    return data, FoundFile.of(file.path, status)


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
