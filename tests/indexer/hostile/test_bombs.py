"""Decompression bombs: what asks for gigabytes or minutes is refused, or costs neither."""

from pathlib import Path

import pytest

from tests.indexer.hostile.bombs import Bomb, bombs, giants
from tests.indexer.hostile.watched import watch


def explode(these: dict[str, Bomb], folder: Path) -> None:
    names = {}
    for number, (name, (suffix, build, _)) in enumerate(these.items()):
        path = folder / f"{number}{suffix}"
        path.write_bytes(build())
        names[str(path)] = name
    seen = watch(names)
    for path in names:
        Path(path).unlink()
    assert [names.get(fault, fault) for fault in seen.faults] == []
    told = {names[each["task"]]: f"{each['outcome']}: {each['why']}" for each in seen.outcomes}
    assert set(told) == set(these)
    assert {name: told[name] for name, (_, _, words) in these.items() if words not in told[name]} == {}


def test_bombs(tmp_path: Path) -> None:
    assert len(bombs()) > 50
    explode(bombs(), tmp_path)


@pytest.mark.slow
def test_pictures_as_large_as_is_allowed(tmp_path: Path) -> None:
    explode(giants(), tmp_path)
