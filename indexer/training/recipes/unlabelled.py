"""No labels at all: an encoder for a folder of pictures that finds copies, and pictures of the same look.

    twinlens train PICTURES --recipe unlabelled --out my-encoder

Every picture is a class of its own; two altered views of it are the positive pair, all other pictures of the batch the
negatives (supervised contrastive loss over pictures, which is SimCLR's loss with this sampling: Chen et al., 2020).
The network is joined with colours and edges at the end, which need no training; they count for more than they do in
the built-in encoder, because the network knows less.
Measured by training on 3,040 of the 3,200 pictures of Tiny ImageNet's `val`, folders unread, and
asking the test split of the clothes, which it never saw (372 pictures, 10 classes):

    twinlens train .cache/datasets/tiny-imagenet/val --recipe unlabelled --out my-encoder
    twinlens evaluate .cache/datasets/clothing --encoder my-encoder --include 'test/*' --robustness

R@1 0.637 (colours alone 0.444, the built-in encoder, which knows other pictures of those clothes, 0.656), altered
copies found first 0.864 (colours alone 0.673). 56 minutes on a share of one core: the machine was busy with other
work, and left it a fifth to a half.
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
