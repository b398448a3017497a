"""The only defaults of training: the CLI's options, the recipes and `train` all come from these."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from search.config import Device

SplitBy = Literal["class", "subject", "picture"]
Sampling = Literal["p-x-k", "random", "random-triplets"]
ClassDraw = Literal["evenly", "by-size", "by-folder"]
Orientations = Literal[1, 4, 8]
Interpolation = Literal["bilinear", "bicubic"]
Border = Literal["varied", "black", "white"]
Schedule = Literal["cosine", "plateau"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class AugmentConfig:
    """What one view of a picture may differ in; `p_` is the share of the views that an alteration touches."""

    min_area: float = 0.35
    """Smallest crop, as a share of the picture's area."""
    max_area: float = 1.0
    """Largest crop; beyond 1 the picture is shown smaller, somewhere within its border."""
    max_aspect: float = 1.33
    """Largest stretch of a crop, as a ratio of its sides."""
    p_flip: float = 0.5
    p_rotate: float = 0.5
    degrees: float = 15.0
    """Largest small rotation, either way."""
    p_quarter: float = 0.2
    """Turned by 90, 180 or 270 degrees."""
    p_color: float = 0.7
    """Brightness, contrast, saturation and hue."""
    p_gray: float = 0.1
    p_fade: float = 0.12
    """Colours washed out toward a light grey."""
    p_jpeg: float = 0.25
    """Shrunk, its 8x8 blocks quantised as JPEG does, and enlarged again."""
    p_noise: float = 0.1
    shear: float = 0.0
    """Largest slant in degrees, either way."""
    shift: float = 0.0
    """Largest move either way beyond that of the crop, as a share of the side."""
    elastic: float = 0.0
    """Deviation of a smooth random displacement of every place, as a share of the side."""
    class_elastic: float = 0.0
    """The same with one displacement for all views of a class in a batch, of a random strength up to this: two thirds
    of the classes become other ones, as by a hand that was never seen. For losses of pairs and triplets; a classifier
    would have to call them all the same."""
    p_stroke: float = 0.0
    """Dark strokes made thicker or thinner, as another pen would."""
    p_erase: float = 0.0
    """A rectangle of 2 to 25 % of the view made of one random grey."""
    interpolation: Interpolation = "bilinear"
    """Between pixels of a picture that is moved. `bicubic` costs three times as much and keeps small pictures sharp,
    where bilinear views are all blurred and what the encoder will meet is not."""
    border: Border = "varied"
    """What lies beyond the picture's edge: one of black, grey, white and the picture reflected a batch, or always the
    same (`white` for ink on paper)."""


@dataclass(frozen=True)
class JoinConfig:
    """How the learned embedding is joined with descriptors by formula: see `search.encoders.networks.joined`.

    The three weights are relative to each other.
    """

    learned: float = 0.9
    colors: float = 0.05
    edges: float = 0.05
    dim: int = 256
    """Of the joined vector, after the projection to principal axes."""
    whitening: float = 0.5
    """0: distances as they are, 1: all principal axes count alike."""
    pictures: int = 8000
    """Training pictures, at most, that the axes are fitted on."""


@dataclass(frozen=True)
class TrainConfig:
    """How an encoder is trained."""

    network: dict[str, Any] = field(
        default_factory=lambda: {
            "kind": "resnet",
            "stem": 32,
            "widths": [32, 64, 128, 256],
            "depths": [1, 2, 2, 2],
            "pooled": 2,
            "dim": 128,
        }
    )
    """The spec that `search.encoders.networks.build_network` takes."""
    start: str | None = None
    """An encoder (`builtin`, or a folder that `twinlens train` wrote) whose learned network this run goes on from;
    `network` must be its spec. None: random weights, or a backbone's own."""
    name: str | None = None
    """What the encoder is called; None: the name of its folder."""

    labelled: bool = True
    """False: no class is known. Every picture is its own class, its views are the positive pairs, and folders mean
    nothing."""
    classes: tuple[str, ...] = ("*",)
    """Patterns (`*` and `?`) of the classes to train on. A class is called by its folder, relative to PICTURES."""
    validation: tuple[str, ...] = ()
    """Patterns of the classes that are watched but never trained on."""
    held_out: tuple[str, ...] = ()
    """Patterns of the classes that training never opens."""
    validation_share: float = 0.0
    """Where `validation` is empty: the share of the classes, subjects or pictures (see `split_by`) that is watched and
    not trained on, drawn by `seed`."""
    split_by: SplitBy = "class"
    """What must not stand on both sides: a class, a subject (a column of the CSV: a person, a writer), or nothing but
    the picture itself, for a classifier that is to know the same classes later."""
    validation_pictures: int = 1000
    """At most so many pictures are watched, the same number of each class."""

    input_size: int = 64
    """Side in pixels at which pictures are kept, and at which the encoder will work."""
    train_sizes: tuple[tuple[float, int], ...] = ()
    """(share of the run, side in pixels of a view from there on); empty: `input_size` throughout. Small views first
    train several times faster. The last ones should be smaller than `input_size` too, because a crop shows things
    larger than whole pictures will (Touvron et al., "Fixing the train-test resolution discrepancy", NeurIPS 2019)."""
    augment: AugmentConfig | None = field(default_factory=AugmentConfig)
    """None: views are the pictures as they are."""

    sampling: Sampling = "p-x-k"
    """`p-x-k`: P classes, K views of each. `random`: pictures as they come, each once an epoch. `random-triplets`:
    anchor, positive and negative drawn at random, one triplet for every three views, which `mining` then leaves as
    they are."""
    classes_per_batch: int = 32
    """P of the P x K batches; a batch of any kind has P x K views."""
    views_per_class: int = 4
    """K of the P x K batches."""
    class_draw: ClassDraw = "evenly"
    """Every class into a batch as often as any other, or in proportion to its pictures (`by-size`), so that many small
    classes do not push out a few large ones. `by-folder`: `classes_per_folder` at a time from one folder, where the
    classes that lie side by side (letters of an alphabet, signatures of a writer) are the hard ones to tell apart."""
    classes_per_folder: int = 8
    """Of the classes in a batch that is drawn `by-folder`, so many at most share a folder. What stands before the last
    `/` of a class's name is its folder."""
    class_orientations: Orientations = 1
    """4: every class turned by 90, 180 and 270 degrees is another class; 8: mirrored too. More classes to learn from
    where a turned thing is another thing, as with characters."""
    repeats: int = 1
    """Of the K views of a class, so many are second views of a picture that the batch has already."""

    normalize: bool = True
    """False: training and validation take embeddings as the network gives them, at distances in the plane or space that
    it maps into; for the losses of `indexer.training.losses.UNSCALED`. An encoder's vectors are unit length all the
    same, and so the report's; the plane is what `CheckpointEncoder.forward` gives."""
    loss: str = "triplet"
    """A name of `indexer.training.losses.LOSSES`; `margin` and `mining` are for the losses that use them."""
    margin: float = 0.1
    """Euclidean; between unit vectors where `normalize` is left on."""
    mining: str = "violating"
    """A name of `indexer.training.mining.MINERS`."""
    class_weight: float = 1.0
    """Weight of the loss over classes."""
    instance_weight: float = 0.5
    """Weight of a loss over pictures in place of classes: two views of one picture against all other pictures.
    0 leaves it out."""
    instance_loss: str = "triplet"
    """The loss over pictures."""
    warmup_loss: str | None = None
    """A loss over classes that takes the place of `loss` at first; None: no warm-up."""
    warmup_instance_loss: str = "supcon"
    """The loss over pictures during the warm-up."""
    warmup_share: float = 0.0
    """Share of the run that the warm-up takes."""
    teacher: str | None = None
    """A folder of embeddings, as `indexer.training.teacher` reads it, that the network is to agree with."""
    teacher_weight: float = 1.0

    optimizer: Literal["adamw", "adam"] = "adamw"
    learning_rate: float = 2e-3
    """Highest rate. `cosine`: it rises over the first `rise_share` of the run and falls to zero. `plateau`: it rises
    so too, and is then multiplied by `plateau_factor` whenever validation mAP@R has not risen for
    `plateau_patience` evaluations."""
    schedule: Schedule = "cosine"
    rise_share: float = 0.03
    plateau_factor: float = 0.5
    plateau_patience: int = 3
    early_stopping: int | None = None
    """End when validation mAP@R has not risen for so many evaluations, and keep the best weights. None: run through."""
    weight_decay: float = 0.05
    ema: float = 0.0
    """Decay per step of the moving average of the weights that is validated and kept; 0 keeps the last ones."""
    join: JoinConfig | None = None
    """Join the trained network with colours and edges at the end; None: it stands alone."""
    steps: int = 5000
    """Batches in the whole run."""
    max_minutes: float | None = None
    """Shorten the run to so many minutes, schedule and all. The same minutes do not give the same curve; the same
    steps do."""
    evaluate_every: int = 250
    """Steps between two rows of the history; the state to resume from is written at each."""
    precision: Precision = "auto"
    """`auto`: bfloat16 on a GPU that has it, float32 elsewhere."""
    compile: bool = False
    """Pass the network through `torch.compile` while training."""
    seed: int = 0
    device: Device = "auto"
    workers: int = 4
    """Threads that decode pictures."""
    stop_after: int | None = None
    """Pause at the first evaluation after so many batches, schedule untouched; the same run without it goes on."""
    report: bool = True
    """Draw curves, distances, a map and a gallery into `report/` at the end."""
