from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from indexer.training.augment import affine_maps, augment, color_maps
from indexer.training.config import AugmentConfig
from indexer.training.jpeg import cosine_transform, quantised

NOTHING = replace(
    AugmentConfig(min_area=1.0, max_aspect=1.0),
    **{field.name: 0.0 for field in fields(AugmentConfig) if field.name.startswith("p_")},
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def pictures() -> torch.Tensor:
    return torch.randint(0, 256, (12, 16, 16, 3), dtype=torch.uint8, generator=seeded(5))


def test_without_changes_a_view_is_the_picture(pictures: torch.Tensor) -> None:
    views = augment(pictures, 16, NOTHING, seeded())
    torch.testing.assert_close(views, pictures.permute(0, 3, 1, 2) / 255.0, atol=1e-5, rtol=0)


@pytest.mark.parametrize("seed", range(8))
def test_mirror_and_quarter_turns_are_exact(pictures: torch.Tensor, seed: int) -> None:
    plain = pictures.permute(0, 3, 1, 2) / 255.0
    mirrored = augment(pictures, 16, replace(NOTHING, p_flip=1.0), seeded(seed))
    torch.testing.assert_close(mirrored, plain.flip(3), atol=1e-4, rtol=0)
    turned = augment(pictures, 16, replace(NOTHING, p_quarter=1.0), seeded(seed))
    for view, picture in zip(turned, plain, strict=True):
        gaps = [float((view - torch.rot90(picture, turns, (1, 2))).abs().max()) for turns in (1, 2, 3)]
        assert min(gaps) < 1e-3


def test_crops_stay_inside_and_within_their_range_of_sizes() -> None:
    maps = affine_maps(500, replace(NOTHING, min_area=0.3, max_aspect=1.5), seeded())
    width, height = maps[:, 0, 0], maps[:, 1, 1]
    assert ((maps[:, 0, 2].abs() + width) <= 1 + 1e-5).all()
    assert ((maps[:, 1, 2].abs() + height) <= 1 + 1e-5).all()
    area = width * height
    assert 0.2 < float(area.min()) < 0.4
    assert 0.9 < float(area.max()) <= 1.0001


def test_gray_has_equal_channels_by_luma(pictures: torch.Tensor) -> None:
    views = augment(pictures, 16, replace(NOTHING, p_gray=1.0), seeded())
    luma = (pictures / 255.0) @ torch.tensor([0.299, 0.587, 0.114])
    torch.testing.assert_close(views, luma.unsqueeze(1).expand(-1, 3, -1, -1), atol=1e-4, rtol=0)


def test_gray_stays_gray_under_hue_and_saturation() -> None:
    matrices, offsets = color_maps(50, replace(NOTHING, p_color=1.0), seeded())
    colors = matrices @ torch.full((3, 1), 0.4) + offsets
    torch.testing.assert_close(colors[:, :1].expand(-1, 3, 1), colors, atol=1e-5, rtol=0)


def test_bicubic_views_are_sharper_and_in_range(pictures: torch.Tensor) -> None:
    moved = replace(NOTHING, shift=0.2, border="black")
    plain, sharp = (
        augment(pictures, 16, replace(moved, interpolation=each), seeded()) for each in ("bilinear", "bicubic")
    )
    assert sharp.min() >= 0
    assert sharp.max() <= 1
    edges = [float((each[..., 1:] - each[..., :-1]).abs().mean()) for each in (plain, sharp)]
    assert edges[1] > 1.1 * edges[0]
    assert torch.equal(
        augment(pictures, 16, replace(NOTHING, interpolation="bicubic", p_flip=1.0), seeded())
        .flip(3)
        .round(decimals=3),
        (pictures.permute(0, 3, 1, 2) / 255.0).round(decimals=3),
    )


def test_a_rectangle_is_erased_and_the_rest_unchanged(pictures: torch.Tensor) -> None:
    plain = pictures.permute(0, 3, 1, 2) / 255.0
    views = augment(pictures, 16, replace(NOTHING, p_erase=1.0), seeded())
    areas = []
    for view, picture in zip(views, plain, strict=True):
        changed = torch.nonzero((view - picture).abs().amax(dim=0) > 1e-4)
        (top, left), (bottom, right) = changed.amin(dim=0).tolist(), changed.amax(dim=0).tolist()
        erased = view[:, top : bottom + 1, left : right + 1]
        assert float(erased.max() - erased.min()) == 0.0
        areas.append(erased[0].numel() / 256)
    assert min(areas) > 0.01
    assert max(areas) < 0.3
    half = augment(pictures.repeat(40, 1, 1, 1), 16, replace(NOTHING, p_erase=0.5), seeded())
    touched = ((half - plain.repeat(40, 1, 1, 1)).abs().flatten(1).amax(dim=1) > 1e-3).float().mean()
    assert 0.4 < float(touched) < 0.6


def test_all_changes_together_are_finite_in_range_and_reproducible(pictures: torch.Tensor) -> None:
    config = AugmentConfig(p_jpeg=0.7, p_noise=0.7, p_fade=0.5)
    views = [augment(pictures, size, config, seeded(seed)) for size, seed in ((11, 1), (11, 1), (11, 2))]
    assert views[0].shape == (12, 3, 11, 11)
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])
    assert torch.isfinite(views[0]).all()
    assert views[0].min() >= 0
    assert views[0].max() <= 1


def test_the_cosine_transform_is_orthonormal_and_matches_its_formula() -> None:
    matrix = cosine_transform()
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(8), atol=1e-5, rtol=0)
    k, n = 3, 5
    assert float(matrix[k, n]) == pytest.approx(np.sqrt(2 / 8) * np.cos(np.pi * (2 * n + 1) * k / 16), abs=1e-6)


def test_quantising_against_a_slow_loop(pictures: torch.Tensor) -> None:
    from indexer.training.jpeg import _TABLE

    images, strength = pictures[:2, :, :10].permute(0, 3, 1, 2) / 255.0, torch.tensor([0.7, 3.0])
    found = quantised(images, strength)
    matrix = cosine_transform().numpy()
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (0, 0), (0, 6)), mode="edge")
    for image in range(2):
        steps = _TABLE.numpy() / 255 * float(strength[image])
        for channel in range(3):
            for row in (0, 8):
                for column in (0, 8):
                    block = padded[image, channel, row : row + 8, column : column + 8] - 0.5
                    worse = matrix.T @ (np.round(matrix @ block @ matrix.T / steps) * steps) @ matrix + 0.5
                    got = found[image, channel, row : row + 8, column : min(column + 8, 10)].numpy()
                    close = np.isclose(got, worse.clip(0, 1)[:, : got.shape[1]], atol=1e-3)
                    assert close.all()


def test_crops_larger_than_the_picture_show_it_smaller_within_a_border() -> None:
    maps = affine_maps(500, replace(NOTHING, min_area=0.8, max_area=2.0), seeded())
    width = maps[:, 0, 0]
    assert 1.35 < float(width.max()) <= 2**0.5 + 1e-5
    # If the view is larger than the picture, it contains all of it.
    larger = width > 1
    assert (maps[larger, 0, 2].abs() <= width[larger] - 1 + 1e-5).all()
    black = torch.zeros(20, 12, 12, 3, dtype=torch.uint8)
    views = augment(black, 12, replace(NOTHING, min_area=2.0, max_area=2.0, border="white"), seeded())
    corners = torch.stack([views[:, :, y, x] for y in (0, -1) for x in (0, -1)])
    assert (corners.amax(dim=(0, 2)) > 0.9).all()
    torch.testing.assert_close((1 - views).mean(dim=(1, 2, 3)), torch.full((20,), 0.5), atol=0.05, rtol=0)


def test_shear_slants_by_at_most_the_degrees_and_shift_moves() -> None:
    maps = affine_maps(800, replace(NOTHING, shear=20.0), seeded())
    slant = torch.rad2deg(torch.atan(maps[:, 0, 1]))
    assert 18 < float(slant.abs().max()) <= 20.001
    torch.testing.assert_close(maps[:, :, 0], torch.tensor([1.0, 0.0]).expand(800, 2))
    torch.testing.assert_close(maps[:, 1, 1], torch.ones(800))
    moved = affine_maps(800, replace(NOTHING, shift=0.1), seeded())[:, :, 2]
    assert 0.19 < float(moved.abs().max()) <= 0.2


def test_shift_and_shear_do_not_change_the_random_numbers_of_other_changes() -> None:
    plain = affine_maps(50, AugmentConfig(), seeded())
    torch.testing.assert_close(affine_maps(50, AugmentConfig(shift=1e-9), seeded()), plain)


def test_elastic_bends_smoothly_with_the_given_deviation() -> None:
    ramp = torch.linspace(0, 255, 32).byte().view(1, 1, 32, 1).expand(200, 32, 32, 3)
    plain = augment(ramp, 32, NOTHING, seeded())
    bent = augment(ramp, 32, replace(NOTHING, elastic=0.03), seeded())
    moved = (bent - plain)[:, 0, 8:24, 8:24]  # as a share of the side, because the ramp encodes the horizontal position
    assert 0.015 < float(moved.std()) < 0.04
    assert float((moved[:, :, 1:] - moved[:, :, :-1]).abs().max()) < 0.06


def test_views_of_a_class_are_bent_alike() -> None:
    ramp = torch.linspace(0, 255, 32).byte().view(1, 1, 32, 1).expand(300, 32, 32, 3)
    plain = augment(ramp, 32, NOTHING, seeded())
    classes = torch.arange(300) % 100
    bent = augment(ramp, 32, replace(NOTHING, class_elastic=0.05), seeded(), classes)
    moved = (bent - plain)[:, 0, 8:24, 8:24].reshape(3, 100, 16, 16)
    torch.testing.assert_close(moved[0], moved[1])
    torch.testing.assert_close(moved[0], moved[2])
    strength = moved[0].flatten(1).std(dim=1)
    assert 0.2 < float((strength < 1e-4).float().mean()) < 0.47, "a third of the classes is unchanged"
    assert 0.02 < float(strength.max()) < 0.1
    alone = augment(ramp, 32, replace(NOTHING, class_elastic=0.05), seeded())
    assert float((alone[0] - alone[100]).abs().max()) > 0 or float((alone[1] - alone[101]).abs().max()) > 0


def test_strokes_get_thicker_or_thinner_by_at_most_a_pixel() -> None:
    ink = torch.full((60, 16, 16, 3), 255, dtype=torch.uint8)
    ink[:, :, 6:9] = 0
    ink[:, 4, 12] = 90
    plain = augment(ink, 16, NOTHING, seeded())[0, 0]
    views = augment(ink, 16, replace(NOTHING, p_stroke=1.0), seeded())
    darkest, lightest = plain.clone(), plain.clone()
    for row in range(16):
        for column in range(16):
            around = plain[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            darkest[row, column], lightest[row, column] = around.min(), around.max()
    thickness = []
    for view in views[:, 0]:
        change = [  # the share of the way to each extreme, by least squares
            float(((view - plain) * (end - plain)).sum() / ((end - plain) ** 2).sum()) for end in (darkest, lightest)
        ]
        end, share = (darkest, change[0]) if float(view.mean()) < float(plain.mean()) else (lightest, change[1])
        assert 0 <= share <= 1
        torch.testing.assert_close(view, plain + share * (end - plain), atol=1e-4, rtol=0)
        thickness.append(float((1 - view[8]).sum()))
    assert min(thickness) < 1.5
    assert max(thickness) > 4.5


def test_p_stroke_is_the_share_of_views_that_change(pictures: torch.Tensor) -> None:
    plain = augment(pictures.repeat(20, 1, 1, 1), 16, NOTHING, seeded())
    views = augment(pictures.repeat(20, 1, 1, 1), 16, replace(NOTHING, p_stroke=0.5), seeded())
    same = ((views - plain).abs().amax(dim=(1, 2, 3)) < 1e-4).float().mean()
    assert 0.4 < float(same) < 0.6
