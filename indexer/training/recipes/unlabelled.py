"""Train without labels: an encoder that finds copies and similar-looking pictures in a folder.

    twinlens train PICTURES --recipe unlabelled --out my-encoder

Every picture is its own class; two augmented views of it are the positive pair, all other pictures of the batch the
negatives (supervised contrastive loss over pictures, which is SimCLR's loss with this sampling: Chen et al., 2020).
At the end the network is joined with descriptors of colours and edges, which need no training. They have more weight
than in the encoder `small`, because the network has learned less.
Measured by training on 3,040 of the 3,200 pictures of Tiny ImageNet's `val`, without its folders, and querying the
test split of the clothes, which is not in the training set (372 pictures, 10 classes):

    twinlens train .cache/datasets/tiny-imagenet/val --recipe unlabelled --out my-encoder
    twinlens evaluate .cache/datasets/clothing --encoder my-encoder --include 'test/*' --robustness

R@1 0.637 (colours alone 0.444; the encoder `small`, trained on other pictures of those clothes, 0.656), altered
copies found first 0.864 (colours alone 0.673). 56 minutes with a fifth to a half of one core, on a machine shared with
other work.
"""

from indexer.training.config import AugmentConfig, JoinConfig, TrainConfig

CONFIG = TrainConfig(
    labelled=False,
    validation_share=0.05,
    augment=AugmentConfig(min_area=0.25, p_quarter=0.2, p_color=0.8, p_gray=0.2, p_jpeg=0.25),
    classes_per_batch=64,
    views_per_class=4,
    class_weight=0.0,
    instance_weight=1.0,
    instance_loss="supcon",
    train_sizes=((0.0, 32), (0.7, 48)),
    join=JoinConfig(learned=0.6, colors=0.2, edges=0.2, dim=128),
    ema=0.99,
    steps=1500,
    evaluate_every=150,
)
