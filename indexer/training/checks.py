"""Validate the settings of a run before the first picture is decoded."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import torch

from indexer.training.config import AugmentConfig, Border, Interpolation, TrainConfig
from indexer.training.losses import CLASSIFIERS, LOSSES, LossSettings, make_loss
from indexer.training.mining import MINERS, make_miner
from search.encoders.networks import build_network
from search.errors import DataError, EncoderError

if TYPE_CHECKING:
    from indexer.training.data import Split

_LOSS_SETTINGS = ("loss", "warmup_loss", "instance_loss", "warmup_instance_loss")
_RANGES: tuple[tuple[str, Callable[[Any], bool], tuple[str, ...]], ...] = (
    (
        "must be 1 or more",
        lambda value: value >= 1,
        (
            "steps",
            "evaluate_every",
            "early_stopping",
            "stop_after",
            "plateau_patience",
            "input_size",
            "views_per_class",
            "classes_per_folder",
            "workers",
        ),
    ),
    ("must be 2 or more", lambda value: value >= 2, ("classes_per_batch", "validation_pictures")),
    ("must be more than 0", lambda value: 0 < value < math.inf, ("learning_rate", "max_minutes")),
    (
        "must be 0 or more",
        lambda value: 0 <= value < math.inf,
        ("class_weight", "instance_weight", "teacher_weight", "weight_decay", "repeats", "margin", "seed"),
    ),
    (
        "must be from 0 to less than 1",
        lambda value: 0 <= value < 1,
        ("validation_share", "warmup_share", "rise_share", "ema"),
    ),
    ("must lie between 0 and 1", lambda value: 0 < value < 1, ("plateau_factor",)),
)
"""A rule, its test, and the settings it applies to. None means "not set" and is always valid."""


def check_config(config: TrainConfig) -> None:
    """Check names, ranges and combinations of settings, and run the network once at each size.

    Raises:
        DataError: an invalid setting; the message names it, its value and the remedy.
    """
    _check_names(config)
    for rule, holds, settings in _RANGES:
        for setting in settings:
            value = getattr(config, setting)
            if value is not None and not holds(value):
                raise DataError(f"{setting} {value}: {rule}")
    _check_augment(config)
    _check_sizes(config)
    _check_validation(config)
    _check_objective(config)
    _check_batches(config)
    if not config.labelled:
        _check_unlabelled(config)
    _check_join(config)
    with torch.random.fork_rng(devices=[]):
        _check_network(config)
        _check_losses(config)


def check_validation_pictures(validation: Split, config: TrainConfig) -> None:
    """Require validation pictures if the run depends on them. A CSV may name them, so `config` alone cannot say.

    Raises:
        DataError: `plateau` or `early_stopping` without validation pictures.
    """
    setting = "schedule plateau" if config.schedule == "plateau" else "early_stopping"
    if (config.schedule == "plateau" or config.early_stopping is not None) and len(validation.paths) < 2:
        raise DataError(
            f"{setting}: needs the validation mAP@R, but there are no validation pictures. Name classes in "
            "validation, set validation_share, or name the pictures in the CSV"
        )


def _check_names(config: TrainConfig) -> None:
    for setting, kind in get_type_hints(TrainConfig).items():
        if get_origin(kind) is Literal and getattr(config, setting) not in get_args(kind):
            known = ", ".join(map(str, get_args(kind)))
            raise DataError(f"{setting} {getattr(config, setting)!r}: must be one of {known}")
    for setting in _LOSS_SETTINGS:
        name = getattr(config, setting)
        if name is not None and name not in LOSSES:
            raise DataError(f"{setting}: unknown loss {name!r}. Use one of {', '.join(sorted(LOSSES))}")
        if "instance" in setting and name in CLASSIFIERS:
            raise DataError(f"{setting}: {name} learns weights for each class, so it cannot be a loss over pictures")
    if config.mining not in MINERS:
        raise DataError(f"mining: unknown mining {config.mining!r}. Use one of {', '.join(sorted(MINERS))}")


def _check_augment(config: TrainConfig) -> None:
    if config.augment is None:
        return
    _check_shares(config.augment)
    _check_crop(config.augment)
    for name, kind in (("border", Border), ("interpolation", Interpolation)):
        value = getattr(config.augment, name)
        if value not in get_args(kind):
            raise DataError(f"augment.{name} {value!r}: must be one of {', '.join(get_args(kind))}")
    if not 0 <= config.augment.shear < 90:
        raise DataError(f"augment.shear {config.augment.shear}: must be from 0 to less than 90 degrees")


def _check_shares(views: AugmentConfig) -> None:
    for name in (each.name for each in fields(views)):
        value = getattr(views, name)
        if name.startswith("p_") and not 0 <= value <= 1:
            raise DataError(f"augment.{name} {value}: must be a share of the views, from 0 to 1")
        if name in {"shift", "elastic", "class_elastic"} and not 0 <= value < 1:
            raise DataError(f"augment.{name} {value}: must be a share of the side, from 0 to less than 1")


def _check_crop(views: AugmentConfig) -> None:
    if not 0 < views.min_area <= 1:
        raise DataError(f"augment.min_area {views.min_area}: must be a share of the picture, more than 0, at most 1")
    if not views.min_area <= views.max_area < math.inf:
        raise DataError(f"augment.max_area {views.max_area}: must not be less than min_area {views.min_area}")
    if not views.max_aspect >= 1:
        raise DataError(f"augment.max_aspect {views.max_aspect}: must be 1 (no stretching) or more")


def _check_sizes(config: TrainConfig) -> None:
    shares = [share for share, _ in config.train_sizes]
    if sorted(set(shares)) != shares or not all(0 <= share < 1 and side >= 1 for share, side in config.train_sizes):
        raise DataError(
            f"train_sizes {config.train_sizes}: must be pairs of a share of the run, from 0 to less than 1 and rising, "
            "and a side in pixels"
        )


def _check_validation(config: TrainConfig) -> None:
    if config.validation and config.validation_share > 0:
        raise DataError(
            f"validation_share {config.validation_share}: the setting validation already names the validation classes. "
            "Use only one of the two"
        )


def _check_objective(config: TrainConfig) -> None:
    if config.class_weight == 0 and config.instance_weight == 0 and config.teacher is None:
        raise DataError(
            "class_weight 0 and instance_weight 0: there is no loss to minimise. Set one of them, or a teacher"
        )
    if (config.warmup_loss is None) != (config.warmup_share == 0):
        raise DataError(
            f"warmup_loss {config.warmup_loss} with warmup_share {config.warmup_share}: set both for a warm-up, or "
            "neither (None and 0)"
        )
    for setting in ("teacher", "join"):
        if not config.normalize and getattr(config, setting) is not None:
            raise DataError(f"normalize false: {setting} needs unit vectors. Leave it out, or set normalize to true")
    if config.teacher is not None and not Path(config.teacher).is_dir():
        raise DataError(f"teacher {config.teacher}: no such folder of embeddings. Make it first, or leave it out")


def _check_batches(config: TrainConfig) -> None:
    if config.sampling == "p-x-k" and config.labelled and config.views_per_class < 2:
        raise DataError(f"views_per_class {config.views_per_class}: sampling p-x-k needs at least 2 views per class")
    if config.sampling == "p-x-k" and config.labelled and not config.repeats <= config.views_per_class // 2:
        raise DataError(
            f"repeats {config.repeats}: at most half of views_per_class {config.views_per_class} can be second views"
        )
    if config.class_orientations > 1 and (config.teacher is not None or not config.labelled):
        raise DataError(
            f"class_orientations {config.class_orientations}: adds classes, which does not work with a teacher or with "
            "unlabelled pictures. Use 1"
        )
    if config.sampling != "p-x-k" and config.class_draw != TrainConfig.class_draw:
        raise DataError(f"class_draw {config.class_draw}: sampling {config.sampling} does not draw by class. Use p-x-k")
    if config.sampling == "random-triplets" and config.mining not in ("all", TrainConfig.mining):
        raise DataError(
            f"mining {config.mining}: sampling random-triplets uses its triplets without mining. Use mining all, or "
            "sampling p-x-k"
        )


def _check_unlabelled(config: TrainConfig) -> None:
    """Without labels each picture is its own class: nothing can learn weights per class or draw positives from it."""
    for setting in ("loss", "warmup_loss"):
        name = getattr(config, setting)
        if config.class_weight > 0 and name in CLASSIFIERS:
            raise DataError(
                f"{setting} {name}: learns weights for each class, but labelled is false. Use another loss, for "
                "example triplet or supcon"
            )
    if config.sampling == "random-triplets":
        raise DataError("sampling random-triplets: draws by class, but labelled is false. Use p-x-k")
    if config.augment is None:
        raise DataError("augment None: labelled is false, so two views of a picture must differ. Leave augmentation on")
    if config.schedule == "plateau" or config.early_stopping is not None:
        setting = "schedule plateau" if config.schedule == "plateau" else f"early_stopping {config.early_stopping}"
        raise DataError(
            f"{setting}: needs the validation mAP@R, which needs labels. Use schedule cosine without early_stopping"
        )


def _check_join(config: TrainConfig) -> None:
    join = config.join
    if join is None:
        return
    weights = (join.learned, join.colors, join.edges)
    if not all(0 <= each < math.inf for each in weights) or not sum(weights) > 0:
        raise DataError(f"join: the weights {weights} must be 0 or more, and at least one more than 0")
    if join.dim < 1 or join.pictures < 2 or not 0 <= join.whitening <= 1:
        raise DataError(
            f"join: dim {join.dim} must be 1 or more, pictures {join.pictures} 2 or more, and whitening "
            f"{join.whitening} from 0 to 1"
        )


def _check_network(config: TrainConfig) -> None:
    dim = config.network.get("dim")
    if not isinstance(dim, int):
        raise DataError(f'network: {config.network} lacks the number of dimensions. Add "dim": 128')
    try:
        network = build_network(config.network).eval()
    except (KeyError, TypeError, ValueError, EncoderError) as error:
        raise DataError(f"network: {config.network} cannot be built ({error})") from error
    for size in sorted({config.input_size, *(side for _, side in config.train_sizes)}):
        try:
            with torch.no_grad():
                shape = tuple(network(torch.zeros(1, 3, size, size)).shape)
        except (RuntimeError, ValueError, AssertionError) as error:
            raise DataError(
                f"network: {config.network} cannot take pictures of {size} pixels ({error}). Change input_size or "
                "train_sizes"
            ) from error
        if shape != (1, dim):
            raise DataError(f"network: {config.network} returns shape {shape} for one picture, not {(1, dim)}")


def _check_losses(config: TrainConfig) -> None:
    """Build every loss once, so that it can reject its margin or embeddings that are not normalised.

    Only the losses that the run uses are required to support embeddings that are not normalised.
    """
    dim, used = int(config.network["dim"]), _used_losses(config)
    for name in {getattr(config, setting) for setting in _LOSS_SETTINGS} - {None}:
        make_loss(name, LossSettings(config.margin, 2, dim, config.normalize or name not in used))
    if not config.normalize:
        make_miner(config.mining, config.margin, normalize=False)


def _used_losses(config: TrainConfig) -> set[str | None]:
    by_class = {config.loss, config.warmup_loss}
    by_picture = {config.instance_loss} | ({config.warmup_instance_loss} if config.warmup_loss else set())
    return by_class | (by_picture if config.instance_weight > 0 else set())
