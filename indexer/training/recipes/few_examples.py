"""A classifier and a siamese network with the same budget, trained on few pictures: some classes have only four.

python -m experiments.few_examples     trains both, on clothes and on photos: docs/results/few_examples.md
twinlens train PICTURES --recipe few_examples --out my-encoder         the siamese network
"""

from indexer.training.config import AugmentConfig, TrainConfig

CONFIG = TrainConfig(
    network={"kind": "resnet", "stem": 24, "widths": [48, 96, 192], "depths": [1, 1, 1], "pooled": 2, "dim": 64},
    name="few-examples",
    input_size=32,
    augment=AugmentConfig(
        min_area=0.5, p_rotate=0.3, degrees=10, p_quarter=0, p_color=0.4, p_gray=0, p_fade=0, p_jpeg=0, p_noise=0
    ),
    classes_per_batch=10,
    views_per_class=6,
    repeats=0,
    loss="supcon",
    instance_weight=0.0,
    learning_rate=2e-3,
    rise_share=0.05,
    ema=0.98,
    steps=200,
    evaluate_every=200,
)
