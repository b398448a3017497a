"""The backbones: features before the head, random and downloaded weights."""

from __future__ import annotations

from urllib.error import URLError

import numpy as np
import pytest

from search.encoders import load_encoder
from search.errors import EncoderError
from tests.search.encoders.made import IMAGES, made
from tests.search.encoders.test_network_files import reference


def test_the_head_applied_to_the_features_gives_the_scores_of_the_full_model():
    import torch
    from torchvision import models

    encoder = made("torchvision:resnet18@random")
    whole = models.get_model("resnet18", weights=None)
    whole.load_state_dict(encoder.network.state_dict(), strict=False)
    planes = torch.from_numpy(np.stack([encoder.prepare(image) for image in IMAGES[:2]])).permute(0, 3, 1, 2) / 255.0
    with torch.no_grad():
        torch.testing.assert_close(whole.fc(encoder.network(planes)), whole.eval()(planes))


@pytest.mark.parametrize(("model", "dim"), [("mobilenet_v2", 1280), ("squeezenet1_1", 512), ("regnet_y_400mf", 440)])
def test_the_last_layer_is_detected_whatever_its_name(model, dim):
    assert load_encoder(f"torchvision:{model}@random", device="cpu").dim == dim


def test_random_weights_do_not_change_the_random_state():
    import torch

    torch.manual_seed(11)
    before = torch.get_rng_state()
    first = load_encoder("torchvision:shufflenet_v2_x0_5@random", device="cpu")
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(12)
    assert load_encoder("torchvision:shufflenet_v2_x0_5@random", device="cpu").fingerprint == first.fingerprint


def test_a_failed_download_is_reported_with_a_remedy(monkeypatch):
    from torchvision.models import WeightsEnum

    def offline(self, **_):
        raise URLError("no route")

    monkeypatch.setattr(WeightsEnum, "get_state_dict", offline)
    with pytest.raises(EncoderError, match=r"no route.*torchvision:shufflenet_v2_x0_5@random"):
        load_encoder("torchvision:shufflenet_v2_x0_5")


def test_downloaded_weights_are_used(monkeypatch):
    import torch
    from torchvision import models

    whole = models.get_model("shufflenet_v2_x0_5", weights=None).eval()
    asked = {}

    def fetched(self, **options):
        asked.update(options)
        return whole.state_dict()

    monkeypatch.setattr(models.WeightsEnum, "get_state_dict", fetched)
    encoder = load_encoder("torchvision:shufflenet_v2_x0_5", device="cpu")
    assert asked["weights_only"] is True
    assert asked["check_hash"] is True
    assert encoder.name == "torchvision:shufflenet_v2_x0_5"
    whole.fc = torch.nn.Identity()
    encoder.network, vectors = whole, encoder.encode(IMAGES[:3])
    np.testing.assert_allclose(vectors, reference(encoder, IMAGES[:3]), atol=2e-5)


def test_old_weight_names_of_densenet_are_converted():
    from search.encoders.torchvision_backbones import _current_name

    old = "features.denseblock1.denselayer12.norm.1.weight"
    assert _current_name(old) == "features.denseblock1.denselayer12.norm1.weight"
    assert _current_name("features.norm5.weight") == "features.norm5.weight"
