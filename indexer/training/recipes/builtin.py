"""The built-in encoder: a small residual network, warmed up by a softmax over classes, finished by triplets.

    python -m benchmarks.datasets --out .cache/datasets tiny-imagenet clothing
    OMP_WAIT_POLICY=PASSIVE twinlens train .cache/datasets --recipe builtin --out .cache/builtin
    cp .cache/builtin/{encoder.json,weights.safetensors,history.csv} search/encoders/weights/builtin/
    python -m benchmarks.datasets --out .cache/datasets
    python -m benchmarks.builtin_encoder --card search/encoders/weights/builtin

(`OMP_WAIT_POLICY=PASSIVE` keeps idle threads from spinning: 570 views a second in place of 470, measured once.)

Time and machine: 36 minutes on two cores that other work was using too, 6,162 batches, 592,000 views of 55,068
pictures. The clock ends the run, so a machine with more to give trains longer and should come out better.
Result, on 20 classes of photos that it never saw: R@1 0.377, where colours alone give 0.271 and the untrained network
0.142. Altered copies of full-size photos found first: 0.930 (colours alone 0.769). docs/results/builtin.md has all.
On the 10 validation classes R@1 was 0.470 when the softmax ended and 0.487 when the triplets did, the falling learning
rate having its part in it.
Tried before and stopped after 160,000 views, at R@1 0.284 on the validation classes: batches of 128, stronger
augmentation, twice the weight on second views, a softmax whose columns began ten times longer. This recipe had 0.279
after 144,000 views and 0.338 after 168,000.
Input sizes 48 and 56 with the same weights: worse on photos, clothes' copies and characters, better on clothes.
What is weak: crops (0.460 of them found among 8,000 photos of 64 pixels) and small JPEGs of such photos (0.575),
probably because no view in training is as sharp as those photos are at 64 pixels.
"""

from indexer.training.config import AugmentConfig, JoinConfig, TrainConfig

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
    network={"kind": "resnet", "stem": 32, "widths": [64, 128, 256], "depths": [2, 2, 2], "pooled": 2, "dim": 256},
    name="builtin",
    classes=("tiny-imagenet/train/*", "clothing/train/*", "omniglot/[A-J]*/*"),
    validation=(*(f"tiny-imagenet/train/{wnid}" for wnid in VALIDATION), "clothing/validation/*"),
    held_out=(*(f"tiny-imagenet/train/{wnid}" for wnid in HELD_OUT), "omniglot/[K-Z]*/*"),
    validation_pictures=1500,
    input_size=64,
    augment=AugmentConfig(min_area=0.4, p_quarter=0.2, p_color=0.6, p_jpeg=0.25, p_noise=0.05),
    classes_per_batch=32,
    class_draw="by-size",
    class_weight=0.25,
    instance_weight=0.25,
    instance_loss="supcon",
    teacher=".cache/teacher",
    learning_rate=3e-3,
    rise_share=0.05,
    train_sizes=((0.0, 32), (0.668, 48), (0.969, 64)),
    warmup_loss="normalized-softmax",
    warmup_share=0.8,
    ema=0.998,
    join=JoinConfig(),
    steps=8050,
    evaluate_every=400,
)
