"""The built-in encoder: a small residual network, warmed up by a softmax over classes, finished by triplets.

    python -m benchmarks.datasets --out .cache/datasets tiny-imagenet clothing
    OMP_WAIT_POLICY=PASSIVE twinlens train .cache/datasets --recipe builtin --out search/encoders/weights/builtin

Time and machine: RESULT_TIME
Result: RESULT_FIGURES
"""

from indexer.training.config import AugmentConfig, TrainConfig

HELD_OUT = (
    "n01443537", "n02058221", "n02099712", "n02106662", "n02123045", "n02124075", "n02802426",
    "n02815834", "n02977058", "n03160309", "n03902125", "n03977966", "n03992509", "n04285008",
    "n04356056", "n04376876", "n04532670", "n04597913", "n07614500", "n07875152",
)  # fmt: skip
"""Classes of Tiny ImageNet that no training opens: the figures of docs/results/builtin.md are taken on them.

They are the last 20 of the 160, sorted, then shuffled by `random.Random(2026)`; VALIDATION the 10 before.
"""

VALIDATION = (
    "n01641577", "n02056570", "n02769748", "n02841315", "n03126707", "n03404251", "n03444034",
    "n03637318", "n03763968", "n07734744",
)  # fmt: skip
"""Classes that are watched during training, and by which settings may be chosen."""

CONFIG = TrainConfig(
    name="builtin",
    classes=("tiny-imagenet/train/*", "clothing/train/*"),
    validation=tuple(f"tiny-imagenet/train/{wnid}" for wnid in VALIDATION),
    held_out=tuple(f"tiny-imagenet/train/{wnid}" for wnid in HELD_OUT),
    input_size=64,
    augment=AugmentConfig(min_area=0.4, p_quarter=0.15, p_color=0.6, p_jpeg=0.2, p_noise=0.05),
    classes_per_batch=24,
    instance_weight=0.25,
    learning_rate=3e-3,
    rise_share=0.05,
    train_sizes=((0.0, 32), (0.5, 48)),
    warmup_loss="normalized-softmax",
    warmup_share=0.75,
    steps=20_000,
    max_minutes=36.0,
)
