"""The encoder `photo-large`: EfficientNet-Lite2 beside the Lite0 of `photo` and the encoder `small`.

    python -m benchmarks.datasets varied --out .cache/datasets
    python -m indexer.training.combining photo_large .cache/datasets/varied --out search/encoders/weights/photo-large

Two networks disagree in different places: together they are better than either. Nothing is trained here; the head of
Lite2 and the projection are discriminant axes. About ten minutes on two cores.
"""

from indexer.training.config import CombineConfig, PartConfig
from indexer.training.recipes.photo import COMBINATION as PHOTO

COMBINATION = CombineConfig(
    name="photo-large",
    parts=(
        PartConfig(
            network={"kind": "efficientnet_lite", "variant": "lite2", "pooled": ["mean", "gem"], "dim": 384}, size=288
        ),
        PartConfig(encoder="photo", part=0, weight=0.6),
        PartConfig(encoder="small", weight=0.5),
    ),
    dim=384,
    heads=PHOTO.heads,
    discriminant=PHOTO.discriminant,
    pictures=PHOTO.pictures,
)
