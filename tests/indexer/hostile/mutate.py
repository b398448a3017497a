"""A mutated picture for every number: the same number gives the same bytes, in every process."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

from tests.indexer.hostile.seeds import SIZE

EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
LARGE = (5_000, 12_200, 65_000, 1_000_000)
"""Sides that are no nonsense, and with another such side at the limit of what is decoded, or beyond."""
_PNG = b"\x89PNG\r\n\x1a\n"
_HEAD = 160
"""Bytes at the start among which the fields of most headers lie."""


def mutated(number: int, pictures: dict[str, bytes]) -> tuple[str, bytes]:
    """Take one of the pictures and damage it once or a few times; its kind and the damage, and the bytes."""
    chance = random.Random(number)
    kinds = sorted(pictures)
    kind = kinds[number % len(kinds)]
    data = pictures[kind]
    steps = []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        name, damage = chance.choice(_DAMAGES)
        data = damage(chance, data, pictures)
        steps.append(name)
    if data.startswith(_PNG) and chance.random() < 0.5:
        data = with_checksums(data)
    return f"{kind}: {', '.join(steps)}", data


def with_checksums(data: bytes) -> bytes:
    """A PNG whose chunks have the right checksum again: else nearly every damage would end at the first of them."""
    altered, at = bytearray(data), len(_PNG)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if at + 12 + length > len(data):
            break
        struct.pack_into(">I", altered, at + 8 + length, zlib.crc32(data[at + 4 : at + 8 + length]))
        at += 12 + length
    return bytes(altered)


def _place(chance: random.Random, data: bytes) -> int:
    """Somewhere: half of the time near the start, where it matters most."""
    if not data:
        return 0
    return chance.randrange(min(len(data), _HEAD) if chance.random() < 0.5 else len(data))


def _flip_bits(chance: random.Random, data: bytes, _: dict[str, bytes]) -> bytes:
    altered = bytearray(data)
    for _turn in range(chance.choice((1, 2, 8, 64))):
        if altered:
            altered[_place(chance, data)] ^= 1 << chance.randrange(8)
    return bytes(altered)


def _set_bytes(chance: random.Random, data: bytes, _: dict[str, bytes]) -> bytes:
    altered = bytearray(data)
    for _turn in range(chance.choice((1, 3, 20))):
        if altered:
            altered[_place(chance, data)] = chance.choice((0, 255, 127, 128, chance.randrange(256)))
    return bytes(altered)


def _set_field(chance: random.Random, data: bytes, _: dict[str, bytes]) -> bytes:
    """Put an extreme number over two or four bytes: a width, a height, a length, a count."""
    at = _place(chance, data)
    value, width = chance.choice(EXTREMES), chance.choice("HI")
    field = struct.pack(chance.choice("<>") + width, value & (0xFFFF if width == "H" else 0xFFFFFFFF))
    return data[:at] + field + data[at + len(field) :]


def _set_size(chance: random.Random, data: bytes, _: dict[str, bytes]) -> bytes:
    """Find a width, a height or a count of rows, in any of the ways of writing it, and make it another."""
    layout = chance.choice(("<H", ">H", "<I", ">I"))
    field = struct.pack(layout, chance.choice(SIZE))
    places = [at for at in range(len(data)) if data.startswith(field, at)]
    if not places:
        return data
    at, most = chance.choice(places), 0xFFFF if layout.endswith("H") else 0xFFFFFFFF
    value = struct.pack(layout, min(most, chance.choice((*EXTREMES, *LARGE))))
    return data[:at] + value + data[at + len(value) :]


def _cut(chance: random.Random, data: bytes, _: dict[str, bytes]) -> bytes:
    return data[: _place(chance, data)]


def _zero(chance: random.Random, data: bytes, _: dict[str, bytes]) -> bytes:
    at, length = _place(chance, data), chance.choice((4, 16, 200))
    return data[:at] + bytes(len(data[at : at + length])) + data[at + length :]


def _double(chance: random.Random, data: bytes, _: dict[str, bytes]) -> bytes:
    at, length = _place(chance, data), chance.choice((4, 32, 300))
    times = chance.choice((2, 2, 50))
    return data[:at] + data[at : at + length] * times + data[at + length :]


def _remove(chance: random.Random, data: bytes, _: dict[str, bytes]) -> bytes:
    at = _place(chance, data)
    return data[:at] + data[at + chance.choice((1, 2, 4, 32, 300)) :]


def _swap(chance: random.Random, data: bytes, _: dict[str, bytes]) -> bytes:
    first, second = sorted((_place(chance, data), _place(chance, data)))
    length = min(chance.choice((4, 32, 300)), second - first)
    one, other = data[first : first + length], data[second : second + length]
    return data[:first] + other + data[first + length : second] + one + data[second + length :]


def _splice(chance: random.Random, data: bytes, pictures: dict[str, bytes]) -> bytes:
    other = pictures[chance.choice(sorted(pictures))]
    return data[: _place(chance, data)] + other[_place(chance, other) :]


def _append(chance: random.Random, data: bytes, pictures: dict[str, bytes]) -> bytes:
    return data + chance.choice((chance.randbytes(500), bytes(500), b"\xff" * 500, pictures[min(pictures)]))


_Damage = Callable[[random.Random, bytes, dict[str, bytes]], bytes]
_DAMAGES: tuple[tuple[str, _Damage], ...] = (
    ("bits flipped", _flip_bits),
    ("bytes set", _set_bytes),
    ("field set", _set_field),
    ("size set", _set_size),
    ("size set", _set_size),
    ("cut", _cut),
    ("zeroed", _zero),
    ("doubled", _double),
    ("removed", _remove),
    ("swapped", _swap),
    ("spliced", _splice),
    ("appended", _append),
)
