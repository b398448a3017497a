"""The fixed descriptors against slow loops, and their invariances."""

import math

import numpy as np
import pytest
import torch
from PIL import ImageOps
from PIL.Image import Transpose
from torch.nn import functional

from search.encoders.color_layout import _to_lab
from search.encoders.networks import build_network
from search.encoders.networks.descriptors import ColorHistogram, GradientLayout
from tests.conftest import draw


def batch_of(*images) -> torch.Tensor:
    squares = np.stack([np.asarray(image.resize((64, 64))) for image in images])
    return torch.from_numpy(squares).permute(0, 3, 1, 2).float() / 255.0


def slow_histogram(picture: torch.Tensor) -> list[float]:
    small = functional.avg_pool2d(picture[None], 2)[0]
    pixels = (small.permute(1, 2, 0).reshape(-1, 3) * 255.0).round().to(torch.uint8).numpy()
    nodes = (ColorHistogram.lightness, ColorHistogram.color, ColorHistogram.color)
    counts = [0.0] * ColorHistogram.dim
    for lab in _to_lab(pixels):
        shares = []
        for value, places in zip(lab, nodes, strict=True):
            share = [0.0] * len(places)
            place = float(np.interp(value, places, range(len(places))))
            low = min(int(place), len(places) - 2)
            share[low], share[low + 1] = low + 1 - place, place - low
            shares.append(share)
        for i, one in enumerate(shares[0]):
            for j, two in enumerate(shares[1]):
                for k, three in enumerate(shares[2]):
                    counts[(i * 7 + j) * 7 + k] += one * two * three / len(pixels)
    return [(math.sqrt(count) if count > 1e-5 else 0.0) - math.sqrt(1 / len(counts)) for count in counts]


def slow_gradients(picture: torch.Tensor) -> list[float]:
    luma = (0.299 * picture[0] + 0.587 * picture[1] + 0.114 * picture[2]).tolist()
    cells = [[[0.0] * 8 for _ in range(8)] for _ in range(6)]
    for row in range(64):
        for column in range(64):
            across = (luma[row][min(63, column + 1)] - luma[row][max(0, column - 1)]) / 2
            down = (luma[min(63, row + 1)][column] - luma[max(0, row - 1)][column]) / 2
            strength = math.hypot(across, down)
            direction = math.atan2(down, across) % math.pi / math.pi * 6
            for bin_ in range(6):
                gap = abs(direction - bin_)
                share = max(0.0, 1.0 - min(gap, 6 - gap))
                for y in range(8):
                    for x in range(8):
                        near = max(0.0, 1 - abs(row + 0.5 - (8 * y + 4)) / 8) * max(
                            0.0, 1 - abs(column + 0.5 - (8 * x + 4)) / 8
                        )
                        cells[bin_][y][x] += share * strength * near / 64
    flat = [value for plane in cells for line in plane for value in line]
    mean = sum(flat) / len(flat)
    roots = [math.sqrt(value / (mean + 0.02 / 6)) for value in flat]
    centred = [root - sum(roots) / len(roots) for root in roots]
    length = math.sqrt(sum(value * value for value in centred))
    return [value / max(1.0, length) for value in centred]


def test_the_histogram_matches_a_slow_loop() -> None:
    picture = torch.randint(0, 64, (3, 32, 32), generator=torch.Generator().manual_seed(0)).float() * 4 / 255.0
    picture = picture.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
    np.testing.assert_allclose(ColorHistogram()(picture[None])[0].numpy(), slow_histogram(picture), atol=1e-4)


def test_the_layout_of_edges_matches_a_slow_loop() -> None:
    picture = batch_of(draw(3))
    np.testing.assert_allclose(GradientLayout()(picture)[0].numpy(), slow_gradients(picture[0]), atol=2e-4)


def patterns() -> torch.Tensor:
    """Edges along every axis, stripes, a ramp, noise, and a blank picture, `(B, 3, 64, 64)`."""
    pictures = torch.zeros(7, 3, 64, 64)
    pictures[0, :, :, 32:] = 1
    pictures[1, :, 20:] = 0.5
    pictures[2, 0, ::8] = 1
    pictures[3] = torch.linspace(0, 1, 64)
    pictures[4] = torch.ones(64, 64).tril()
    pictures[5] = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(5))
    return pictures


@pytest.mark.slow
def test_a_batch_of_patterns_matches_slow_loops() -> None:
    described = GradientLayout()(patterns())
    for row, picture in zip(described, patterns(), strict=True):
        np.testing.assert_allclose(row.numpy(), slow_gradients(picture), atol=2e-5)


def test_rows_do_not_depend_on_the_batch() -> None:
    for descriptor in (ColorHistogram(), GradientLayout()):
        alone = torch.cat([descriptor(picture[None]) for picture in patterns()])
        torch.testing.assert_close(descriptor(patterns()), alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [16, 32, 48, 64, 100, 128])
def test_descriptors_hardly_depend_on_the_size(size: int) -> None:
    picture = functional.interpolate(batch_of(draw(1)), (size, size), mode="bilinear", antialias=True)
    for descriptor in (ColorHistogram(), GradientLayout()):
        described = descriptor(picture)
        assert described.shape == (1, descriptor.dim)
        assert torch.isfinite(described).all()


def test_the_histogram_is_invariant_to_mirroring_and_quarter_turns() -> None:
    plain, mirrored, turned = ColorHistogram()(
        batch_of(draw(1), ImageOps.mirror(draw(1)), draw(1).transpose(Transpose.ROTATE_90))
    )
    torch.testing.assert_close(plain, mirrored, atol=2e-3, rtol=0)
    torch.testing.assert_close(plain, turned, atol=2e-3, rtol=0)


def test_edges_are_invariant_to_colour_and_light() -> None:
    picture = batch_of(draw(1))
    luma = (
        (picture * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    )
    gray, brighter = GradientLayout()(luma), GradientLayout()(luma * 0.5 + 0.3)
    torch.testing.assert_close(GradientLayout()(picture), gray, atol=1e-3, rtol=0)
    assert float(functional.cosine_similarity(gray, brighter)) > 0.99


def test_blank_pictures_have_no_edges_and_finite_values() -> None:
    blank = torch.stack([torch.full((3, 64, 64), value) for value in (0.0, 0.5, 1.0)])
    assert not GradientLayout()(blank).any()
    assert torch.isfinite(ColorHistogram()(blank)).all()


def test_the_joined_distance_is_the_weighted_sum_of_its_parts() -> None:
    learned = {"kind": "resnet", "stem": 4, "widths": [4, 8], "depths": [1, 1], "dim": 8}
    torch.manual_seed(0)
    spec = {"kind": "joined", "learned": learned, "weights": [0.5, 0.3, 0.2], "dim": 8 + 245 + 384}
    network = build_network(spec).eval()
    with torch.no_grad():
        network.projection.weight.copy_(torch.eye(len(network.projection.weight)))
        network.projection.bias.zero_()
        pictures = batch_of(draw(0), draw(5))
        normalised = (pictures - network.mean) / network.std
        one, other = network(normalised)
        by_hand = 0.0
        for weight, part in zip(
            (0.5, 0.3, 0.2),
            (network.learned(normalised), network.colors(pictures), network.edges(pictures)),
            strict=True,
        ):
            units = functional.normalize(part)
            by_hand += weight * float((units[0] - units[1]).square().sum())
    assert float((one - other).square().sum()) == pytest.approx(by_hand, rel=1e-4)
    assert float(one.norm()) == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize("wrong", [{"weights": [0.5, 0.5]}, {"weights": [0.5, 0.5, 0.5]}, {"dim": 0}])
def test_an_invalid_joined_network_is_refused(wrong) -> None:
    spec = {
        "kind": "joined",
        "learned": {"kind": "mlp", "size": 8, "dim": 4},
        "weights": [0.6, 0.2, 0.2],
        "dim": 8,
    } | wrong
    with pytest.raises(ValueError, match="weights"):
        build_network(spec)
