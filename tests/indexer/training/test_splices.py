import pytest
import torch

from indexer.training.splices import spliced

SIDE = 10


def batch(classes: int, views: int) -> torch.Tensor:
    """Every view of every class has one value of its own all over."""
    values = torch.arange(classes * views, dtype=torch.uint8)
    return values.view(-1, 1, 1, 1).expand(-1, SIDE, SIDE, 3).contiguous()


def halves(picture: torch.Tensor) -> tuple[int, int, bool]:
    """The values before and after the cut, and whether it cuts left from right."""
    values = picture[..., 0]
    upright = bool((values[0] == values[-1]).all())
    line = values[0] if upright else values[:, 0]
    assert torch.equal(values, line.expand(SIDE, SIDE) if upright else line[:, None].expand(SIDE, SIDE))
    cut = int((line == line[0]).sum())
    assert 4 <= cut <= 6
    return int(line[0]), int(line[-1]), upright


@pytest.mark.parametrize("seed", range(6))
def test_every_class_is_joined_with_the_next_of_its_block(seed: int) -> None:
    pixels = batch(6, 2)
    found = spliced(pixels, 2, 3, 1.0, torch.Generator().manual_seed(seed))
    assert found.shape == pixels.shape
    for row, picture in enumerate(found):
        number, view = divmod(row, 2)
        block, place = divmod(number, 3)
        first, second, _ = halves(picture)
        assert first == row
        assert second == 2 * (3 * block + (place + 1) % 3) + view
    assert torch.equal(pixels, batch(6, 2))


def test_both_ways_of_cutting_and_the_share_of_blocks() -> None:
    pixels, ways, untouched = batch(4, 1), set(), 0
    for seed in range(200):
        found = spliced(pixels, 1, 4, 0.3, torch.Generator().manual_seed(seed))
        if torch.equal(found, pixels):
            untouched += 1
        else:
            ways.add(halves(found[0])[2])
    assert ways == {True, False}
    assert untouched / 200 == pytest.approx(0.7, abs=0.1)


def test_a_class_alone_in_its_block_stays_itself() -> None:
    pixels = batch(3, 2)
    found = spliced(pixels, 2, 2, 1.0, torch.Generator().manual_seed(0))
    assert torch.equal(found[4:], pixels[4:])
