"""A perceptron (200-100-2) that maps MNIST into the plane with a contrastive loss over pairs.

python -m benchmarks.datasets --out .cache/datasets mnist
twinlens train .cache/datasets/mnist/train --recipe siamese_or_softmax --out mnist-plane
python -m experiments.siamese_or_softmax    this, triplets and softmax: docs/results/siamese_or_softmax.md

On the test set, means of three seeds: silhouette 0.72 with contrastive loss, 0.64 with triplets, 0.34 with softmax;
accuracy by the five nearest neighbours 0.943 with each. Three minutes on one core each.
"""

from indexer.training.config import TrainConfig

CONFIG = TrainConfig(
    network={"kind": "mlp", "size": 28, "widths": [200, 100], "gray": True, "dim": 2},
    name="mnist-plane",
    split_by="picture",
    input_size=28,
    augment=None,
    classes_per_batch=10,
    views_per_class=6,
    repeats=0,
    normalize=False,
    loss="contrastive",
    margin=1.0,
    instance_weight=0.0,
    optimizer="adam",
    learning_rate=1e-3,
    weight_decay=0.0,
    steps=4000,
    evaluate_every=1000,
    report=False,
)
