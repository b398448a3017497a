"""Queries without a picture, which need no encoder: pictures of the index by id, and files of vectors."""

from __future__ import annotations

from tokenize import TokenError
from typing import TYPE_CHECKING

import numpy as np

from indexer.cli.base import warn_weak
from indexer.cli.hits import Query, QueryOptions, print_answer, shown_columns
from search.errors import DataError
from search.types import Answer

if TYPE_CHECKING:
    from pathlib import Path

    from search.engine import SearchEngine
    from search.types import Floats


def query_stored(ids: list[int], files: list[Path], options: QueryOptions) -> None:
    """Answer pictures of the index by their ids, then each row of files of vectors, without importing torch."""
    from search.engine import open_index
    from search.large_imports import without_torch

    read = [(file, read_vectors(file)) for file in files]
    with without_torch(), open_index(options.index, device=options.device) as engine:
        columns = shown_columns(options.show, list(engine.columns()))
        if not options.as_json:
            warn_weak(engine.calibration)
        queries: list[Query] = [{"id": picture_id} for picture_id in ids]
        vectors_of = [engine.vectors_of(ids)] if ids else []
        for file, vectors in read:
            queries += [{"vector": str(file), "row": row} for row in range(len(vectors))]
            vectors_of.append(vectors)
        answers = [answer for vectors in vectors_of for answer in _answers(engine, vectors, options)]
        for query, answer in zip(queries, answers, strict=True):
            print_answer(engine, query, answer, columns, options)


def _answers(engine: SearchEngine, vectors: Floats, options: QueryOptions) -> list[Answer]:
    """Answer vectors `(Q, D)`: together, which is faster, unless more than the hits is needed."""
    if options.audit or options.radius is not None:
        return engine.ask_vectors(vectors, options.k, audit=options.audit, **options.search)
    return [Answer(hits) for hits in engine.search_vectors(vectors, options.k, **options.search)]


def read_vectors(file: Path) -> Floats:
    """Read the queries `(Q, D) float32` of a .npy file that holds one vector `(D,)` or several `(Q, D)`.

    Raises:
        DataError: it cannot be read, or is not an array of floating-point numbers in one or two dimensions.
    """
    if not file.exists():
        raise DataError(f"{file}: no such file")
    if not file.is_file():
        raise DataError(f"{file}: is not a regular file. --vector takes a .npy file, as numpy.save writes it")
    try:
        # Mapped: a damaged header that claims a huge array is refused before memory is allocated for it.
        array = np.lib.format.open_memmap(file, mode="r")
    except (OSError, EOFError, ValueError, TypeError, SyntaxError, TokenError, MemoryError, OverflowError) as error:
        raise DataError(f"{file}: cannot be read as a .npy file of numbers ({error!s:.200})") from error
    if array.dtype.kind != "f" or array.ndim not in (1, 2) or array.size == 0:
        raise DataError(
            f"{file}: holds {array.dtype} of shape {array.shape}. A query is one vector (D,) or several (Q, D) of"
            " floating-point numbers"
        )
    with np.errstate(over="ignore"):  # an overflow becomes infinite, which is rejected like any length but 1
        return np.array(np.atleast_2d(array), dtype=np.float32)
