"""The table of index kinds: a name to the class that builds it, imported only when asked for.

    flat      exact: every vector compared; needs no library but numpy, and no structure file; CPU or GPU
    hnsw      FAISS: a graph walked from neighbour to neighbour; fast and accurate, more memory; CPU
    ivf       FAISS: clusters, of which the nearest few are searched; CPU or GPU
    ivfpq     FAISS: the same over compressed vectors, a sixteenth of the memory or so; CPU or GPU
    hnswlib   the same idea as hnsw from the library of that name, which also filters inside the walk; CPU

`auto` chooses with `choose_kind`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from search.errors import UnsupportedError
from search.forks import use_one_thread

if TYPE_CHECKING:
    from search.config import Device
    from search.indexes.base import VectorIndex

_TABLE = {
    "flat": "search.indexes.flat:FlatIndex",
    "hnsw": "search.indexes.faiss_hnsw:FaissHnswIndex",
    "ivf": "search.indexes.faiss_ivf:FaissIvfIndex",
    "ivfpq": "search.indexes.faiss_ivfpq:FaissIvfPqIndex",
    "hnswlib": "search.indexes.hnswlib_index:HnswlibIndex",
}
"""Kind to `module:Class`. Adding a kind is one file and one line here."""

KINDS = tuple(_TABLE)
AUTO = "auto"

_EXACT_BYTES = {"cpu": 128 * 2**20, "cuda": 2 * 2**30}


def index_class(kind: str) -> type[VectorIndex]:
    """Import the class of one kind.

    Raises:
        UnsupportedError: the table has no such kind.
    """
    if kind not in _TABLE:
        raise UnsupportedError(f"there is no index kind {kind!r}: known are {', '.join(KINDS)}")
    module, _, name = _TABLE[kind].partition(":")
    use_one_thread("faiss", lambda faiss: faiss.omp_set_num_threads)
    found: type[VectorIndex] = getattr(import_module(module), name)
    return found


def choose_kind(rows: int, dim: int, device: str = "cpu") -> str:
    """Choose what `auto` means for `(rows, dim) float32`: exact while one exact query is fast, else approximate.

    On the CPU the limit is 128 MiB (262,144 vectors of 128). One exact query over that takes 15 to 30 ms on two busy
    cores (measured for k=10 at D=128: 16,000 rows 2 ms, 64,000 rows 6 to 9 ms, 250,000 rows 16 to 32 ms), less than
    decoding and embedding the picture that asks. Above it, `hnsw`. A GPU reads its memory tens of times as fast; the
    limit there, 2 GiB, leaves room for an encoder beside it. Above it, `ivf`: the graph kinds have no GPU version.
    """
    if rows * dim * 4 <= _EXACT_BYTES[device]:
        return "flat"
    return "ivf" if device == "cuda" else "hnsw"


def resolve_device(requested: Device, kind: str) -> str:
    """Say where a kind is to live: "cuda" or "cpu".

    Args:
        requested: "auto" takes a GPU where there is one that FAISS can use and the kind has a version for it.
        kind: one of `KINDS`, or "auto", which can live anywhere.

    Raises:
        UnsupportedError: no such kind or device; "cuda" for a kind without a GPU version, or where there is no GPU.
    """
    if requested not in ("auto", "cpu", "cuda"):
        raise UnsupportedError(f"there is no device {requested!r}: known are auto, cpu, cuda")
    able = kind == AUTO or "cuda" in index_class(kind).devices
    if requested == "cpu" or (requested == "auto" and not able):
        return "cpu"
    if not able:
        raise UnsupportedError(
            f"index kind {kind!r} has no GPU version: use --device auto or cpu, or one of the kinds that have one"
            " (flat, ivf, ivfpq)"
        )
    if _gpu_is_there():
        return "cuda"
    if requested == "auto":
        return "cpu"
    raise UnsupportedError(
        "--device cuda: FAISS sees no GPU here. Check the NVIDIA driver (nvidia-smi) and that faiss-gpu is installed,"
        " or use --device auto or cpu"
    )


def _gpu_is_there() -> bool:
    from search.indexes.gpu import gpu_is_there

    return gpu_is_there()
