"""Decompression bombs: what asks for gigabytes or minutes is refused, or costs neither."""

from pathlib import Path

import pytest

from tests.indexer.hostile.bombs import bombs
from tests.indexer.hostile.watched import Watch, watch


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Watch, dict[str, str]]:
    """What came of every bomb, and what of each by its name."""
    folder = tmp_path_factory.mktemp("bombs")
    names = {}
    for number, (name, (suffix, build, _)) in enumerate(bombs().items()):
        path = folder / f"{number}{suffix}"
        path.write_bytes(build())
        names[str(path)] = name
    seen = watch(names)
    for path in names:
        Path(path).unlink()
    said = {names[each["task"]]: each["outcome"] if each["outcome"] == "decoded" else each["why"]
            for each in seen.outcomes}  # fmt: skip
    return seen, said


def test_no_bomb_costs_time_memory_or_the_process(told: tuple[Watch, dict[str, str]]) -> None:
    seen, said = told
    assert seen.faults == []
    assert set(said) == set(bombs())


def test_each_is_told_for_what_it_is(told: tuple[Watch, dict[str, str]]) -> None:
    said = told[1]
    wrong = {name: said[name] for name, (_, _, words) in bombs().items() if words not in said[name]}
    assert wrong == {}
