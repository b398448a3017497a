"""The encoder `photo`: EfficientNet-Lite0 with ImageNet weights, joined with the encoder `small`.

    python -m benchmarks.datasets varied --out .cache/datasets
    python -m indexer.training.combining photo .cache/datasets/varied --out search/encoders/weights/photo

Lite0 recognises what a photo shows; `small` finds altered copies and knows drawings. Mean and GeM of Lite0's last map
are projected to 256 principal axes. The folders that are held out are for choosing settings.
"""

from indexer.training.config import CombineConfig, FineTuneConfig, PartConfig, TeacherConfig

COMBINATION = CombineConfig(
    name="photo",
    parts=(
        PartConfig(
            network={"kind": "efficientnet_lite", "variant": "lite0", "pooled": ["mean", "gem"], "dim": 256}, size=256
        ),
        PartConfig(encoder="small", weight=0.5),
    ),
    dim=384,
    pictures=1600,
    held_out=("aid30", "food101", "landmarks13", "pets37", "smvs_dvd"),
)

FINE_TUNING = FineTuneConfig(
    name="lite0",
    network={"kind": "efficientnet_lite", "variant": "lite0", "pooled": ["mean", "gem"], "dim": 384},
    teachers=(TeacherConfig("lite2", 288), TeacherConfig("lite0", 256, 0.6)),
    steps=500,
    kept=0.6,
)
