"""MNIST triplets as they are usually published: random triplets, margin 1.5, unscaled embeddings, Adam at 1e-4.

    python -m benchmarks.datasets --out .cache/datasets mnist
    twinlens train .cache/datasets/mnist/train --recipe mnist_published --out mnist-published
    python -m experiments.mnist_published    this, the same in 2 dimensions, and docs/results/mnist_published.md

The margin is between points of a plane or space, not of a sphere. The publications do not say how often they measure
the validation pictures; here it is every 500 batches of 32 triplets.

Accuracy on the test set: 0.9886 by a linear classifier on the embedding, 0.9718 by the five nearest neighbours in the
plane; half an hour each on a shared core. The plane stopped early after 27,000 batches; 64 dimensions were still
improving slightly.
"""

from indexer.training.config import TrainConfig

CONFIG = TrainConfig(
    network={"kind": "cnn", "size": 28, "widths": [16, 32], "hidden": [128], "gray": True, "dim": 64},
    name="mnist-published",
    split_by="picture",
    validation_share=1 / 12,
    validation_pictures=2000,
    input_size=28,
    augment=None,
    sampling="random-triplets",
    classes_per_batch=32,  # 32 triplets: 96 views
    views_per_class=3,
    normalize=False,
    loss="triplet-mean",
    margin=1.5,
    mining="all",
    instance_weight=0.0,
    optimizer="adam",
    learning_rate=1e-4,
    weight_decay=0.0,
    schedule="plateau",
    rise_share=0.0,
    plateau_factor=0.5,
    plateau_patience=4,  # torch's ReduceLROnPlateau cuts after one more than its patience of 3
    early_stopping=8,
    steps=30000,
    evaluate_every=500,
)
