"""The settings of training and their only defaults: the CLI's options, the recipes and `train` use these."""

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
    """Random changes that turn a picture into a view; `p_NAME` is the share of the views that get a change."""

    min_area: float = 0.35
    """Smallest crop, as a share of the picture's area."""
    max_area: float = 1.0
    """Largest crop; above 1 the picture is shown smaller, at a random position within a border."""
    max_aspect: float = 1.33
    """Largest stretch of a crop, as a ratio of its sides."""
    p_flip: float = 0.5
    p_rotate: float = 0.5
    degrees: float = 15.0
    """Largest small rotation, either way."""
    p_quarter: float = 0.2
    """Rotate by 90, 180 or 270 degrees."""
    p_color: float = 0.7
    """Change brightness, contrast, saturation and hue."""
    p_gray: float = 0.1
    p_fade: float = 0.12
    """Fade the colours toward a light grey."""
    p_jpeg: float = 0.25
    """Shrink, quantise 8x8 blocks as JPEG does, and enlarge again."""
    p_noise: float = 0.1
    shear: float = 0.0
    """Largest slant in degrees, either way."""
    shift: float = 0.0
    """Largest shift either way beyond that of the crop, as a share of the side."""
    elastic: float = 0.0
    """Standard deviation of a smooth random displacement of every point, as a share of the side."""
    class_elastic: float = 0.0
    """The same, but one displacement for all views of a class in a batch, with a random strength up to this value.
    Two thirds of the classes change, as if drawn by a hand that is not in the training set. For losses over pairs and
    triplets; a classifier would have to give all variants the same class."""
    p_stroke: float = 0.0
    """Make dark strokes thicker or thinner, as another pen would."""
    p_erase: float = 0.0
    """Fill a rectangle of 2 to 25 % of the view with one random grey."""
    interpolation: Interpolation = "bilinear"
    """Interpolation between pixels. `bicubic` costs three times as much and keeps small pictures sharp; bilinear views
    are blurred, unlike the pictures that the encoder will see later."""
    border: Border = "varied"
    """Fill beyond the picture's edge: `varied` chooses black, grey, white or the mirrored picture for each batch; the
    others are constant (`white` for ink on paper)."""


@dataclass(frozen=True)
class JoinConfig:
    """How the learned embedding is joined with descriptors of colours and edges: `search.encoders.networks.joined`.

    The three weights are relative to each other.
    """

    learned: float = 0.9
    colors: float = 0.05
    edges: float = 0.05
    dim: int = 256
    """Dimensions of the joined vector, after the projection to principal axes."""
    whitening: float = 0.5
    """0 keeps the distances, 1 gives all principal axes the same weight."""
    pictures: int = 8000
    """Largest number of training pictures that the axes are fitted on."""


@dataclass(frozen=True)
class PartConfig:
    """A part of a combined encoder: either a pretrained network, or the network of an encoder."""

    network: dict[str, Any] = field(default_factory=dict)
    """Spec of an `efficientnet_lite`, whose head is then fitted to pictures."""
    size: int = 256
    """Side in pixels of the pictures that this network gets; an encoder has its own size."""
    encoder: str | None = None
    """An encoder that this package ships, or a folder that `twinlens train` wrote."""
    part: int | None = None
    """The part of that encoder to take, if it is combined itself; None takes all of it."""
    weight: float = 1.0
    """Its part of the squared distance, relative to the other weights."""


@dataclass(frozen=True)
class DiscriminantConfig:
    """How the projection of a combined encoder is fitted to classes: `indexer.training.discriminant`."""

    sets: dict[str, float]
    """Folders directly below that of the pictures, which hold one folder per class, and how much each counts."""
    shrinkage: float = 0.3
    """Part of the mean variance within classes that is added along every axis."""


@dataclass(frozen=True)
class TeacherConfig:
    """A pretrained network whose pooled features a fine-tuned network keeps close to."""

    variant: str
    size: int
    """Side in pixels of the pictures that it gets."""
    weight: float = 1.0
    """Its part of the squared distance, relative to the other teachers."""


@dataclass(frozen=True)
class FineTuneConfig:
    """How the last stages of a pretrained network are trained: `indexer.training.fine_tuning`."""

    name: str
    network: dict[str, Any]
    """Spec of an `efficientnet_lite`."""
    teachers: tuple[TeacherConfig, ...]
    size: int = 256
    """Side in pixels of the pictures."""
    stage: int = 5
    """The first stage that is trained, counted from 0."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """How the altered view of each picture is made; half of a batch are altered views."""
    shrinkage: float = 3.0
    """Of the discriminant axes that the head starts from: `indexer.training.discriminant`."""
    steps: int = 600
    classes_per_batch: int = 24
    classes_per_folder: int = 8
    views_per_class: int = 4
    folder_power: float = 0.5
    learning_rate: float = 2e-4
    head_rate: float = 1e-3
    """Learning rate of the head."""
    weight_decay: float = 1e-4
    temperature: float = 0.07
    """Of the cosines that are compared with the teachers'."""
    triplet: float = 1.0
    """Weight of the triplet loss, beside 1 for the difference from the teachers."""
    width: float = 0.05
    """Width of the soft corner of the triplet loss."""
    kept: float = 0.7
    """Share of the trained weights in the average with those before the training."""
    held_out: tuple[str, ...] = ()
    """Folders, directly below that of the pictures, that are measured and not trained on."""
    seed: int = 0


@dataclass(frozen=True)
class CombineConfig:
    """How several networks become one encoder: `indexer.training.combining`."""

    name: str
    parts: tuple[PartConfig, ...]
    dim: int
    """Dimensions of the combined vector, after the projection to principal axes."""
    whitening: float = 0.0
    """Of fitted heads: 0 keeps the distances, 1 gives all principal axes the same weight."""
    discriminant: DiscriminantConfig | None = None
    """Fits the projection to classes; defaults to principal axes."""
    heads: DiscriminantConfig | None = None
    """How fitted heads are chosen by classes; None takes principal axes."""
    held_out: tuple[str, ...] = ()
    """Folders, directly below that of the pictures, whose pictures are never opened."""
    pictures: int = 4000
    """Largest number of pictures to fit to."""


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
    """An encoder (`small`, or a folder that `twinlens train` wrote) whose learned network this run starts from;
    `network` must be its spec. Defaults to random weights, or to the backbone's pretrained ones."""
    name: str | None = None
    """Name of the encoder; defaults to the name of its folder."""

    labelled: bool = True
    """If false, there are no classes: every picture is its own class, its views are the positive pairs, and folders
    are ignored."""
    classes: tuple[str, ...] = ("*",)
    """Patterns (`*` and `?`) of the classes to train on. A class is named by its folder, relative to PICTURES."""
    validation: tuple[str, ...] = ()
    """Patterns of the validation classes, which are measured but never trained on."""
    held_out: tuple[str, ...] = ()
    """Patterns of the classes that training never opens."""
    validation_share: float = 0.0
    """Share of the classes, subjects or pictures (see `split_by`) used for validation, drawn by `seed`; only if
    `validation` is empty."""
    split_by: SplitBy = "class"
    """What must not be in both training and validation: a `class`, a `subject` (a column of the CSV: a person, a
    writer), or only the `picture` itself, for a classifier that has to know the same classes later."""
    validation_pictures: int = 1000
    """Largest number of validation pictures, the same number from each class."""

    input_size: int = 64
    """Side in pixels of the stored pictures, and of the encoder's input."""
    train_sizes: tuple[tuple[float, int], ...] = ()
    """Pairs (share of the run, side in pixels of a view from then on); defaults to `input_size` throughout. Starting
    with small views trains several times faster. The last ones should also be smaller than `input_size`, because a
    crop shows objects larger than a whole picture does (Touvron et al., "Fixing the train-test resolution
    discrepancy", NeurIPS 2019)."""
    augment: AugmentConfig | None = field(default_factory=AugmentConfig)
    """None turns augmentation off: a view is the picture itself."""

    sampling: Sampling = "p-x-k"
    """`p-x-k`: P classes, K views of each. `random`: pictures in random order, each once per epoch.
    `random-triplets`: anchor, positive and negative drawn at random, one triplet for every three views, without
    `mining`."""
    classes_per_batch: int = 32
    """P of the P x K batches; with any sampling, a batch has P x K views."""
    views_per_class: int = 4
    """K of the P x K batches."""
    class_draw: ClassDraw = "evenly"
    """`evenly`: every class is equally likely. `by-size`: in proportion to its pictures, so that many small classes do
    not displace a few large ones. `by-folder`: `classes_per_folder` at a time from one folder, for collections whose
    neighbouring classes (letters of an alphabet, signatures of a writer) are the hard negatives."""
    classes_per_folder: int = 8
    """With `by-folder`, the largest number of classes from one folder in a batch. The folder of a class is the part of
    its name before the last `/`."""
    class_orientations: Orientations = 1
    """4: every class rotated by 90, 180 and 270 degrees is another class; 8: mirrored too. This adds training classes
    where a rotated object is another object, as with characters."""
    repeats: int = 1
    """How many of the K views of a class are second views of a picture that is already in the batch."""

    normalize: bool = True
    """If false, training and validation use embeddings without scaling them to unit length; only for the losses of
    `indexer.training.losses.UNSCALED`. The encoder's vectors and the report are unit length all the same;
    `CheckpointEncoder.forward` returns the unscaled embedding."""
    loss: str = "triplet"
    """A name from `indexer.training.losses.LOSSES`; not every loss uses `margin` and `mining`."""
    margin: float = 0.1
    """Euclidean; between unit vectors unless `normalize` is false."""
    mining: str = "violating"
    """A name from `indexer.training.mining.MINERS`."""
    class_weight: float = 1.0
    """Weight of the loss over classes."""
    instance_weight: float = 0.5
    """Weight of the loss over pictures: two views of one picture against all other pictures. 0 turns it off."""
    instance_loss: str = "triplet"
    """The loss over pictures."""
    warmup_loss: str | None = None
    """A loss over classes that is used instead of `loss` at first; None means no warm-up."""
    warmup_instance_loss: str = "supcon"
    """The loss over pictures during the warm-up."""
    warmup_share: float = 0.0
    """Share of the run used for the warm-up."""
    teacher: str | None = None
    """A folder of embeddings to distil from, as `indexer.training.teacher` reads it."""
    teacher_weight: float = 1.0

    optimizer: Literal["adamw", "adam"] = "adamw"
    learning_rate: float = 2e-3
    """Highest rate, reached after the first `rise_share` of the run. `cosine` then lowers it to zero. `plateau`
    multiplies it by `plateau_factor` whenever validation mAP@R has not risen for `plateau_patience` evaluations."""
    schedule: Schedule = "cosine"
    rise_share: float = 0.03
    plateau_factor: float = 0.5
    plateau_patience: int = 3
    early_stopping: int | None = None
    """Stop when validation mAP@R has not risen for this many evaluations, and keep the best weights; None turns it
    off."""
    weight_decay: float = 0.05
    ema: float = 0.0
    """Decay per step of a moving average of the weights, which is then validated and saved; 0 uses the last weights."""
    join: JoinConfig | None = None
    """Join the trained network with descriptors of colours and edges at the end; None leaves the network alone."""
    steps: int = 5000
    """Batches in the run."""
    max_minutes: float | None = None
    """Shorten the run, including its schedules, to this many minutes. Runs of the same minutes differ; runs of the
    same steps do not."""
    evaluate_every: int = 250
    """Steps between two rows of the history; each also saves the state to resume from."""
    precision: Precision = "auto"
    """`auto`: bfloat16 on a GPU that supports it, float32 elsewhere."""
    compile: bool = False
    """Use `torch.compile` while training."""
    seed: int = 0
    device: Device = "auto"
    workers: int = 4
    """Threads that decode pictures."""
    stop_after: int | None = None
    """Pause at the first evaluation after this many batches, without changing the schedule. The same run without
    `stop_after` continues."""
    report: bool = True
    """Draw curves, distances, a map and a gallery into `report/` at the end."""
