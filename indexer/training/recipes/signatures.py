"""Handwritten names: whether two show the same name by the same hand. Writers are kept apart.

    python -m experiments.signatures      makes the CSV of labels, compares three losses: docs/results/signatures.md
    twinlens train SIGNATURES --labels labels.csv --recipe signatures --out signature-encoder

The CSV has the columns path, label (NAME/WRITER), subject (the writer) and split. A batch is drawn by folder, that is
by name: the same name by other writers is what is hard to tell apart.
"""

from indexer.training.config import AugmentConfig, TrainConfig

CONFIG = TrainConfig(
    network={"kind": "resnet", "stem": 24, "widths": [48, 96, 192], "depths": [1, 1, 1], "pooled": 2, "grid": 3,
             "dim": 128},
    name="signatures",
    split_by="subject",
    input_size=48,
    augment=AugmentConfig(min_area=0.8, max_area=1.3, max_aspect=1.2, p_flip=0, p_rotate=1, degrees=6, p_quarter=0,
                          p_color=0.5, p_gray=0, p_fade=0.2, p_jpeg=0.1, p_noise=0, shear=6, shift=0.02,
                          border="white"),
    classes_per_batch=16,
    views_per_class=4,
    repeats=0,
    class_draw="by-folder",
    classes_per_folder=8,
    loss="triplet",
    margin=0.15,
    mining="violating",
    instance_weight=0.0,
    learning_rate=2e-3,
    rise_share=0.05,
    ema=0.98,
    steps=200,
    evaluate_every=50,
)  # fmt: skip
