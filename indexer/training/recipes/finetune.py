"""Fine-tune a pretrained ResNet-18 with a new head on your own classes, with batch-hard triplets.

    twinlens train PICTURES --recipe finetune --out my-encoder
    twinlens train PICTURES --recipe finetune --frozen --out my-encoder     the head alone: minutes, not hours

Downloads the weights through torchvision when the run begins. Soft margin, P x K batches and batch-hard mining as in
Hermans et al., "In Defense of the Triplet Loss for Person Re-Identification", 2017. Stops when the validation classes
no longer improve. Not measured yet, because no weights could be downloaded during development.
"""

from indexer.training.config import AugmentConfig, TrainConfig

CONFIG = TrainConfig(
    network={"kind": "backbone", "name": "torchvision:resnet18", "dim": 128, "head": "linear"},
    validation_share=0.15,
    input_size=160,
    train_sizes=((0.0, 128),),
    augment=AugmentConfig(p_quarter=0.1),
    classes_per_batch=16,
    views_per_class=4,
    loss="triplet-soft",
    margin=0.1,
    mining="batch-hard",
    instance_weight=0.25,
    learning_rate=3e-4,
    schedule="plateau",
    plateau_patience=3,
    early_stopping=8,
    ema=0.99,
    steps=4000,
    evaluate_every=100,
)
