"""Recognise faces from one picture each: the network of the encoder `small`, fine-tuned on people.

python -m benchmarks.datasets --out .cache/datasets faces
python -m experiments.faces           trains on some people, tests on others: docs/results/faces.md
twinlens train FACES --recipe faces --out face-encoder          FACES: one folder per person
"""

from indexer.training.config import AugmentConfig, TrainConfig

CONFIG = TrainConfig(
    network={"kind": "resnet", "stem": 32, "widths": [64, 128, 256], "depths": [2, 2, 2], "pooled": 2, "dim": 256},
    start="small",
    name="faces",
    input_size=64,
    augment=AugmentConfig(
        min_area=0.6,
        max_area=1.2,
        max_aspect=1.15,
        p_rotate=1,
        degrees=8,
        p_quarter=0,
        p_color=0.8,
        p_gray=1,
        p_fade=0.1,
        p_jpeg=0.1,
        p_noise=0.1,
        shear=5,
    ),
    classes_per_batch=14,
    views_per_class=4,
    repeats=0,
    loss="triplet",
    margin=0.15,
    mining="violating",
    instance_weight=0.0,
    learning_rate=1e-4,
    ema=0.98,
    steps=30,
    evaluate_every=10,
)
