"""Characters told apart from one example: Omniglot's 30 background alphabets, for the one-shot test of Lake et al.

python -m benchmarks.datasets --out .cache/datasets omniglot
twinlens train .cache/datasets/omniglot --recipe omniglot --out omniglot-encoder
python -m experiments.omniglot                    the same, three times, and the test: docs/results/omniglot.md
"""

from indexer.training.config import AugmentConfig, TrainConfig

STROKES = AugmentConfig(
    min_area=0.75,
    max_area=1.5,
    max_aspect=1.4,
    p_flip=0,
    p_rotate=1,
    degrees=15,
    p_quarter=0,
    p_color=0,
    p_gray=0,
    p_fade=0,
    p_jpeg=0,
    p_noise=0,
    shear=15,
    shift=0.03,
    elastic=0.01,
    border="white",
)
"""Ink on paper: affine changes and a little bending, no change of colour, and paper beyond the border."""

CONFIG = TrainConfig(
    network={"kind": "resnet", "stem": 24, "widths": [48, 96, 192], "depths": [1, 1, 1], "pooled": 1, "grid": 3,
             "dim": 128},
    name="omniglot",
    input_size=48,
    augment=STROKES,
    classes_per_batch=40,
    views_per_class=4,
    repeats=0,
    class_draw="by-folder",
    classes_per_folder=20,
    class_orientations=4,
    loss="supcon",
    instance_weight=0.0,
    learning_rate=3e-3,
    rise_share=0.05,
    ema=0.99,
    steps=1500,
    evaluate_every=100,
)  # fmt: skip
