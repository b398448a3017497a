"""Handwritten names: do two show the same name by the same hand? Training and test have different writers.

    python -m experiments.signatures      makes the CSV of labels, compares three losses: docs/results/signatures.md
    twinlens train SIGNATURES --labels labels.csv --recipe signatures --out signature-encoder

The CSV has the columns path, label (NAME/WRITER), subject (the writer) and split. The run starts from the
network of `small`. On the test writers triplets have an EER of 2.1 % against other names by other writers, and of
31.6 % against the same name by another writer; the cosine loss has 5.4 % and 27.6 %. About six minutes on one core
each.

Other settings, on ten validation writers (the same two EERs):
- pictures of 56 pixels, 100 batches, supcon: 0.019 and 0.298; with other pens (`p_stroke`) 0.022 and 0.297;
- 80 pixels, 200 batches, other pens, supcon: 0.007 and 0.257; with other hands (`class_elastic`) 0.005 and 0.260, and
  mAP@R rose from 0.393 to 0.407;
- the settings below with 240 batches and the cosine loss with margin 0.4: 0.040 and 0.223;
- at 56 pixels, batches of only one or two names from the start: 0.103 and 0.308. The network has to learn to read the
  names first;
- at 56 pixels, a small network from random weights, four writers per name in a batch: 0.043 and 0.329; two names in a
  batch, triplets: 0.068 and 0.320.
"""

from indexer.training.config import AugmentConfig, TrainConfig

CONFIG = TrainConfig(
    network={"kind": "resnet", "stem": 32, "widths": [64, 128, 256], "depths": [2, 2, 2], "pooled": 2, "dim": 256},
    start="small",
    name="signatures",
    split_by="subject",
    input_size=80,
    train_sizes=((0.0, 56), (0.4, 80)),
    augment=AugmentConfig(
        min_area=0.8,
        max_area=1.3,
        max_aspect=1.2,
        p_flip=0,
        p_rotate=1,
        degrees=6,
        p_quarter=0,
        p_color=0.5,
        p_gray=0,
        p_fade=0.2,
        p_jpeg=0.1,
        p_noise=0,
        shear=6,
        shift=0.02,
        elastic=0.008,
        class_elastic=0.04,
        p_stroke=0.7,
        border="white",
    ),
    classes_per_batch=24,
    views_per_class=4,
    class_draw="by-folder",
    classes_per_folder=4,
    repeats=0,
    loss="triplet",
    margin=0.1,
    mining="violating",
    instance_weight=0.0,
    learning_rate=1e-3,
    rise_share=0.05,
    ema=0.98,
    steps=200,
    evaluate_every=50,
)
