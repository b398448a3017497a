"""Invalid settings raise an error that names the setting, before anything is read."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from indexer.training import TrainConfig, load_recipe, recipe_names
from indexer.training.checks import check_config, check_validation_pictures
from indexer.training.config import AugmentConfig, JoinConfig
from indexer.training.data import split_of
from search.errors import DataError

NAN = float("nan")
MLP = {"kind": "mlp", "size": 16, "dim": 4}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        # names
        ({"loss": "tripel"}, "loss: unknown loss 'tripel'. Use one of .*triplet"),
        ({"warmup_loss": "soft"}, "warmup_loss: unknown loss 'soft'"),
        ({"instance_loss": "soft"}, "instance_loss: unknown loss 'soft'"),
        ({"warmup_instance_loss": "soft"}, "warmup_instance_loss: unknown loss 'soft'"),
        ({"instance_loss": "softmax"}, "instance_loss: softmax learns weights"),
        ({"mining": "gold"}, "mining: unknown mining 'gold'. Use one of .*violating"),
        ({"sampling": "pxk"}, "sampling 'pxk': must be one of p-x-k, random, random-triplets"),
        ({"class_draw": "all"}, "class_draw 'all': must be one of"),
        ({"split_by": "person"}, "split_by 'person': must be one of class, subject, picture"),
        ({"schedule": "step"}, "schedule 'step': must be one of cosine, plateau"),
        ({"optimizer": "sgd"}, "optimizer 'sgd': must be one of adamw, adam"),
        ({"precision": "half"}, "precision 'half': must be one of auto, float32"),
        ({"device": "tpu"}, "device 'tpu': must be one of auto, cpu, cuda"),
        ({"augment": AugmentConfig(border="gray")}, "augment.border 'gray': must be one of varied, black, white"),
        ({"class_orientations": 2}, "class_orientations 2: must be one of 1, 4, 8"),
        # ranges
        (
            {"augment": AugmentConfig(min_area=0.9, max_area=0.8)},
            "augment.max_area 0.8: must not be less than min_area 0.9",
        ),
        ({"augment": AugmentConfig(shear=90.0)}, "augment.shear 90.0: must be from 0 to less than 90 degrees"),
        ({"augment": AugmentConfig(elastic=1.0)}, "augment.elastic 1.0: must be a share of the side"),
        ({"augment": AugmentConfig(class_elastic=-0.1)}, "augment.class_elastic -0.1: must be a share of the side"),
        ({"augment": AugmentConfig(p_stroke=2.0)}, "augment.p_stroke 2.0: must be a share of the views"),
        ({"classes_per_folder": 0}, "classes_per_folder 0: must be 1 or more"),
        ({"class_orientations": 4, "labelled": False}, "class_orientations 4: adds classes"),
        ({"join": JoinConfig(learned=-1.0)}, "join: the weights .* must be 0 or more"),
        ({"join": JoinConfig(learned=0.0, colors=0.0, edges=0.0)}, "join: the weights"),
        ({"join": JoinConfig(dim=0)}, "join: dim 0 must be 1 or more"),
        ({"join": JoinConfig(whitening=2.0)}, "whitening 2.0 from 0 to 1"),
        ({"steps": 0}, "steps 0: must be 1 or more"),
        ({"evaluate_every": 0}, "evaluate_every 0"),
        ({"early_stopping": 0}, "early_stopping 0"),
        ({"plateau_patience": 0}, "plateau_patience 0"),
        ({"input_size": 0}, "input_size 0"),
        ({"workers": 0}, "workers 0"),
        ({"views_per_class": 0}, "views_per_class 0"),
        ({"classes_per_batch": 1}, "classes_per_batch 1: must be 2 or more"),
        ({"validation_pictures": 1}, "validation_pictures 1"),
        ({"learning_rate": 0.0}, "learning_rate 0.0: must be more than 0"),
        ({"learning_rate": NAN}, "learning_rate nan"),
        ({"learning_rate": float("inf")}, "learning_rate inf"),
        ({"max_minutes": 0.0}, "max_minutes 0.0: must be more than 0"),
        ({"class_weight": -1.0}, "class_weight -1.0: must be 0 or more"),
        ({"instance_weight": NAN}, "instance_weight nan"),
        ({"teacher_weight": -0.1}, "teacher_weight -0.1"),
        ({"weight_decay": -0.1}, "weight_decay -0.1"),
        ({"margin": -0.1}, "margin -0.1"),
        ({"repeats": -1}, "repeats -1"),
        ({"seed": -1}, "seed -1"),
        ({"validation_share": 1.0}, "validation_share 1.0: must be from 0 to less than 1"),
        ({"warmup_share": 1.0}, "warmup_share 1.0"),
        ({"rise_share": -0.1}, "rise_share -0.1"),
        ({"ema": 1.0}, "ema 1.0"),
        ({"ema": NAN}, "ema nan"),
        ({"plateau_factor": 1.0}, "plateau_factor 1.0: must lie between 0 and 1"),
        ({"augment": AugmentConfig(p_flip=1.2)}, r"augment.p_flip 1.2: must be a share"),
        ({"augment": AugmentConfig(min_area=0.0)}, r"augment.min_area 0.0"),
        ({"augment": AugmentConfig(max_aspect=0.5)}, r"augment.max_aspect 0.5"),
        ({"train_sizes": ((0.5, 16), (0.2, 32))}, "train_sizes .*rising"),
        ({"train_sizes": ((0.0, 16), (0.0, 32))}, "train_sizes .*rising"),
        ({"train_sizes": ((1.0, 16),)}, "train_sizes"),
        ({"train_sizes": ((0.0, 0),)}, "train_sizes"),
        # combinations
        ({"validation": ("a",), "validation_share": 0.1}, "validation_share 0.1: the setting validation already names"),
        ({"class_weight": 0.0, "instance_weight": 0.0}, "class_weight 0 and instance_weight 0"),
        ({"warmup_loss": "softmax"}, "warmup_loss softmax with warmup_share 0.0"),
        ({"warmup_share": 0.5}, "warmup_loss None with warmup_share 0.5"),
        ({"teacher": "no/such/folder"}, "teacher no/such/folder: no such folder"),
        ({"views_per_class": 1, "repeats": 0}, "views_per_class 1: sampling p-x-k needs at least 2 views"),
        ({"views_per_class": 3, "repeats": 2}, "repeats 2: at most half of views_per_class 3"),
        ({"sampling": "random", "class_draw": "by-size"}, "class_draw by-size: sampling random does not draw by class"),
        ({"sampling": "random-triplets", "mining": "hard"}, "mining hard: .*Use mining all"),
        ({"labelled": False, "loss": "arcface"}, "loss arcface: learns weights for each class"),
        ({"labelled": False, "warmup_loss": "softmax", "warmup_share": 0.5}, "warmup_loss softmax: learns weights"),
        ({"labelled": False, "sampling": "random-triplets"}, "sampling random-triplets: draws by class"),
        ({"labelled": False, "augment": None}, "augment None: .*views"),
        ({"labelled": False, "schedule": "plateau"}, r"schedule plateau: .*needs labels"),
        ({"labelled": False, "early_stopping": 3}, r"early_stopping 3: .*needs labels"),
        ({"loss": "triplet-soft", "margin": 0.0}, "margin"),
        ({"augment": AugmentConfig(interpolation="cubic")}, "augment.interpolation 'cubic': must be one of bilinear"),
        ({"augment": AugmentConfig(border="blue")}, "augment.border 'blue': must be one of varied"),
        ({"normalize": False, "loss": "supcon"}, "normalize false: supcon needs unit vectors"),
        ({"normalize": False, "instance_loss": "supcon"}, "normalize false: supcon"),
        ({"normalize": False, "warmup_loss": "arcface", "warmup_share": 0.5}, "normalize false: "),
        ({"normalize": False, "mining": "distance-weighted"}, "mining distance-weighted: needs unit vectors"),
        ({"normalize": False, "join": JoinConfig()}, "normalize false: join needs unit vectors"),
        ({"normalize": False, "teacher": "."}, "normalize false: teacher needs unit vectors"),
        # the network
        ({"network": {"kind": "perceptron", "dim": 4}}, "network: .*cannot be built"),
        ({"network": {"kind": "resnet"}}, "network: .*lacks the number of dimensions"),
        ({"network": {"kind": "resnet", "dim": 4, "colour": 1}}, "network: .*cannot be built.*colour"),
        ({"network": {"kind": "resnet", "dim": 0}}, "network: .*cannot be built"),
        ({"network": {"kind": "backbone", "dim": 4, "name": "torchvision:resnet1"}}, "network: .*Similar names"),
        ({"network": {"kind": "backbone", "dim": 4, "name": "resnet18"}}, "network: .*torchvision:NAME or timm:NAME"),
        ({"network": MLP, "input_size": 28}, "cannot take pictures of 28 pixels .*takes pictures of 16x16"),
        ({"network": MLP, "input_size": 16, "train_sizes": ((0.0, 8),)}, "cannot take pictures of 8 pixels"),
    ],
)
def test_invalid_settings_are_rejected(config: TrainConfig, settings: dict[str, Any], message: str) -> None:
    given = {"validation": (), **settings}
    with pytest.raises(DataError, match=message):
        check_config(replace(config, **given))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"validation": (), "validation_share": 0.1},
        {"sampling": "random-triplets"},
        {"sampling": "random-triplets", "mining": "all"},
        {"sampling": "random", "loss": "softmax", "views_per_class": 1, "repeats": 0},
        {"labelled": False, "validation": ()},
        {"labelled": False, "class_weight": 0.0},
        {"augment": None, "ema": 0.99, "precision": "bfloat16", "schedule": "plateau", "early_stopping": 2},
        {"warmup_loss": "softmax", "warmup_share": 0.5, "train_sizes": ((0.0, 16), (0.5, 24))},
        {"class_weight": 0.0},
        {"network": MLP},
        {"normalize": False},
        {"normalize": False, "loss": "softmax", "instance_weight": 0.0, "instance_loss": "supcon"},
        {"network": {"kind": "cnn", "size": 16, "widths": [4], "dim": 2, "gray": True}},
    ],
)
def test_valid_settings_are_accepted(config: TrainConfig, settings: dict[str, Any]) -> None:
    assert check_config(replace(config, **settings)) is None


def test_a_teacher_alone_is_enough(config: TrainConfig, tmp_path: Path) -> None:
    distilled = replace(config, teacher=str(tmp_path), class_weight=0.0, instance_weight=0.0)
    assert check_config(distilled) is None


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_passes(name: str) -> None:
    assert check_config(replace(load_recipe(name), teacher=None)) is None


def test_checking_draws_no_random_numbers(config: TrainConfig) -> None:
    before = torch.random.get_rng_state()
    check_config(replace(config, loss="softmax"))
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("settings", "message"), [({"schedule": "plateau"}, "schedule plateau"), ({"early_stopping": 2}, "early_stopping")]
)
def test_a_run_that_depends_on_validation_needs_pictures(
    config: TrainConfig, settings: dict[str, Any], message: str
) -> None:
    nothing, some = split_of([]), split_of([("a", Path("1")), ("a", Path("2"))])
    waiting = replace(config, **settings)
    with pytest.raises(DataError, match=f"{message}: needs the validation .* no validation pictures"):
        check_validation_pictures(nothing, waiting)
    assert check_validation_pictures(some, waiting) is None
    assert check_validation_pictures(nothing, config) is None
