"""Mutated pictures of every format: decoded or refused, never a crash, a hang or an explosion of memory."""

import pytest

from search.pictures.formats import sniff
from tests.indexer.hostile.mutate import mutated
from tests.indexer.hostile.seeds import seeds
from tests.indexer.hostile.watched import watch

FEW, MANY = 1_500, 20_000


def check(count: int, encoder: str) -> None:
    seen = watch(range(count), encoder)
    assert seen.faults == []
    assert len(seen.outcomes) == count
    assert min(seen.count("decoded"), seen.count("refused")) > count // 20


def test_the_seeds_are_whole_and_of_every_format() -> None:
    formats = {sniff(data) for data in seeds().values()}
    assert formats == {"JPEG", "PNG", "GIF", "WebP", "AVIF", "HEIF", "TIFF", "BMP", "PSD", "JPEG XL", "raw"}
    assert len(seeds()) > 50


def test_a_number_always_gives_the_same_picture() -> None:
    pictures = seeds()
    first, second = ([mutated(number, pictures) for number in range(200)] for _ in range(2))
    assert first == second
    assert len({data for _, data in first}) > 190


def test_mutated_pictures() -> None:
    check(FEW, "color-layout")


@pytest.mark.slow
def test_many_mutated_pictures() -> None:
    check(MANY, "color-layout")
