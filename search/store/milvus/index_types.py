"""Index types of Milvus by name, with their parameters, and which of them Milvus Lite has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from search.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class _Kind:
    """One index type; the parameter of a search, its effort, must reach `at_least` times the number of neighbours."""

    build: Mapping[str, int] = field(default_factory=dict)
    search: Mapping[str, int] = field(default_factory=dict)
    at_least: int = 0
    in_lite: bool = False


INDEX_TYPES: dict[str, _Kind] = {
    "HNSW": _Kind({"M": 16, "efConstruction": 200}, {"ef": 128}, 1, in_lite=True),
    "FLAT": _Kind(in_lite=True),
    "IVF_FLAT": _Kind({"nlist": 256}, {"nprobe": 32}, in_lite=True),
    "IVF_SQ8": _Kind({"nlist": 256}, {"nprobe": 32}, in_lite=True),
    "DISKANN": _Kind({}, {"search_list": 100}, 1),
    "GPU_CAGRA": _Kind({"intermediate_graph_degree": 64, "graph_degree": 32}, {"itopk_size": 128}, 1),
    "GPU_IVF_FLAT": _Kind({"nlist": 1024}, {"nprobe": 32}),
}
"""The defaults are those of Milvus where it has any. Names are those of Milvus, in capitals."""
DEFAULT_INDEX_TYPE = "HNSW"


@dataclass(frozen=True, slots=True)
class MilvusIndex:
    """An index type with all of its parameters."""

    type: str
    build: Mapping[str, int]
    search: Mapping[str, int]

    def search_params(self, limit: int) -> dict[str, int]:
        """Parameters of a search for `limit` neighbours."""
        least = INDEX_TYPES[self.type].at_least * limit
        return {name: max(value, least) for name, value in self.search.items()}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"type": self.type, "build": dict(self.build), "search": dict(self.search)}


def milvus_index(name: str | None, given: Mapping[str, int] | None, *, lite: bool) -> MilvusIndex:
    """Choose an index type by name, with some of its parameters.

    Raises:
        UnsupportedError: there is no such type or parameter, the value is not one, or Milvus Lite does not have it.
    """
    name = (name or DEFAULT_INDEX_TYPE).upper()
    if name not in INDEX_TYPES:
        raise UnsupportedError(
            f"there is no index type {name!r} of Milvus here. Choose one of {', '.join(INDEX_TYPES)}"
        )
    kind = INDEX_TYPES[name]
    if lite and not kind.in_lite:
        has = ", ".join(each for each, its in INDEX_TYPES.items() if its.in_lite)
        raise UnsupportedError(
            f"Milvus Lite has no {name}, which needs a Milvus server"
            f"{' with a GPU' if name.startswith('GPU') else ''}. It has {has}"
        )
    for parameter, value in (given or {}).items():
        if parameter not in {*kind.build, *kind.search}:
            known = ", ".join([*kind.build, *kind.search]) or "none"
            raise UnsupportedError(f"the index type {name} has no parameter {parameter!r}; it has: {known}")
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**31:
            raise UnsupportedError(f"the index type {name}: {parameter} must be a whole number from 1, not {value!r}")
    chosen = dict(given or {})
    return MilvusIndex(
        name,
        {each: chosen.get(each, default) for each, default in kind.build.items()},
        {each: chosen.get(each, default) for each, default in kind.search.items()},
    )
