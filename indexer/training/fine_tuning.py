"""Train the last stages of a pretrained network with triplets, with larger networks as its teachers.

    python -m indexer.training.fine_tuning photo .cache/datasets/varied --work .cache/photo --out .cache/photo/lite0

The stages below are computed once for each picture and for one altered view of it, and kept in `--work` (about 4 GB);
a run that is started again uses them. Two losses are added. Triplets: the nearest picture of the same class is nearer
than the nearest of another. Distillation: the cosines within a batch are ordered as those of the teachers, which keeps
what the network knows about things that are not in the training pictures. The result is the average of the weights
before and after, which does better on folders that were held out than either.

Source: Xuan, Stylianou, Pless, WACV 2020 (triplets); Park et al., "Relational Knowledge Distillation", CVPR 2019;
Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022 (the average).
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from indexer.metrics.retrieval import retrieval
from indexer.training.cached_maps import Above, Below, cached, computed
from indexer.training.config import DiscriminantConfig
from indexer.training.data import digest, read_pictures, split_of
from indexer.training.discriminant import Folders, discriminant_projection
from indexer.training.losses import LossSettings, make_loss
from indexer.training.mining import make_miner
from indexer.training.recipes import fine_tuning_names, load_fine_tuning
from indexer.training.sampling import BatchesByClass
from indexer.training.schedule import cosine_rate
from search.chunks import chunks
from search.encoders.base import unit_rows
from search.encoders.borrowed_weights import FromPackage, leave_out
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.networks import build_network
from search.encoders.networks.efficientnet_lite import PACKAGES, EfficientNetLite
from search.errors import DataError, TwinlensError
from search.text import utc_today

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from indexer.training.config import FineTuneConfig
    from indexer.training.data import Split
    from search.types import Floats

_RISE = 0.06
_REPORT = 25
_EMBED = 128


@dataclass(frozen=True, slots=True)
class Material:
    """What is computed once: `maps` per view `(N, H * W * C)`, `teacher (N, T)` unit rows, and who is trained on."""

    maps: tuple[NDArray[np.float16], ...]
    side: int
    """H = W of the maps."""
    teacher: NDArray[np.float16]
    pictures: Split
    folders: tuple[str, ...]
    """The first folder of each picture's path."""
    rows: NDArray[np.int64]
    """`(M,)` rows to train on; the others are held out."""

    def batch(self, rows: NDArray[np.int64], views: NDArray[np.int64]) -> Tensor:
        """Maps `(B, H, W, C)` of rows, each in one view."""
        flat = np.stack([self.maps[view][row] for row, view in zip(rows, views, strict=True)])
        return torch.from_numpy(flat).view(len(rows), self.side, self.side, -1)


def fine_tune(
    pictures: Path, work: Path, out: Path, config: FineTuneConfig, *, say: Callable[[str], None] = lambda line: None
) -> CheckpointEncoder:
    """Train, and save the encoder in `out`; weights that the package provides are left out. `say` receives progress.

    Raises:
        DataError: there are no such pictures, or too few to train on.
        EncoderError: a package of weights is missing.
        PictureError: a picture cannot be read.
    """
    network = build_network(config.network, pretrained=True).eval()
    assert isinstance(network, EfficientNetLite)
    work.mkdir(parents=True, exist_ok=True)
    material = _material(pictures, work, network, config, say)
    above = Above(network, config.stage)
    _start_head(above, material, config)
    before = copy.deepcopy(above.state_dict())
    say(f"before: {_measured(above, material)}")
    _train(above, material, config, say)
    after = above.state_dict()
    above.load_state_dict({key: _between(before[key], after[key], config.kept) for key in after})
    _round(above, before)
    figures = _measured(above, material)
    say(f"average with share {config.kept} of the trained weights: {figures}")
    encoder = CheckpointEncoder(
        network,
        config.network,
        name=config.name,
        input_size=config.size,
        dim=config.network["dim"],
        card=_card(material, config, figures),
        device="cpu",
    )
    out.mkdir(parents=True, exist_ok=True)
    encoder.save(out)
    leave_out(out, encoder.network.state_dict(), [FromPackage("trunk.", PACKAGES[config.network["variant"]])])
    return encoder


def _material(
    pictures: Path, work: Path, network: EfficientNetLite, config: FineTuneConfig, say: Callable[[str], None]
) -> Material:
    listed = read_pictures(pictures)
    split = split_of([(each.label, each.path) for each in listed])
    folders = tuple(split.names[number].partition("/")[0] for number in split.classes.tolist())
    rows = np.array([row for row, folder in enumerate(folders) if folder not in config.held_out], dtype=np.int64)
    if len(rows) == 0:
        raise DataError(f"{pictures}: all its folders are held out: {', '.join(config.held_out)}")
    key = digest(pictures, {"all": split})

    def kept(name: str, size: int, compute: Any, view: Any = None) -> NDArray[np.float16]:
        done, start = [0], time.monotonic()

        def advance(count: int) -> None:
            done[0] += count
            if done[0] % (100 * count) == 0:
                say(f"{name}: {done[0]} of {len(split.paths)}, {done[0] / (time.monotonic() - start):.0f}/s")

        return cached(work / f"{name}-{key}.npy", split.paths, size, compute, view=view, advance=advance)

    side = config.size // 16
    below = Below(network, config.stage).eval()
    width = int(below(torch.zeros(1, 3, config.size, config.size)).shape[1])
    maps = computed(below, config.size, width)
    plain = kept(f"{config.network['variant']}-{config.size}-maps", config.size, maps)
    altered = kept(f"{config.network['variant']}-{config.size}-altered", config.size, maps, (config.augment, 1))
    parts = []
    for teacher in config.teachers:
        backbone = build_network(
            {"kind": "efficientnet_lite", "variant": teacher.variant, "dim": None}, pretrained=True
        )
        compute = computed(backbone, teacher.size, int(backbone.features))  # type: ignore[arg-type]
        features = kept(f"{teacher.variant}-{teacher.size}-features", teacher.size, compute)
        parts.append(teacher.weight**0.5 * unit_rows(np.asarray(features, dtype=np.float32)))
    joined = unit_rows(np.concatenate(parts, axis=1))
    # Centred, because features that are never negative all point in one direction.
    centred = unit_rows(joined - joined[rows].mean(axis=0)).astype(np.float16)
    return Material((plain, altered), side, centred, split, folders, rows)


@torch.no_grad()
def _start_head(above: Above, material: Material, config: FineTuneConfig) -> None:
    """Start the head from shrunk discriminant axes of the pretrained features."""
    pooled = [above.pooled(material.batch(rows, np.zeros_like(rows))).numpy() for rows in chunks(material.rows, _EMBED)]
    everything = Folders(material.pictures.classes[material.rows], np.full(len(material.rows), ""))
    weight, bias = discriminant_projection(
        np.concatenate(pooled), everything, DiscriminantConfig({"": 1.0}, config.shrinkage), config.network["dim"]
    )
    above.head.weight.copy_(torch.from_numpy(weight))
    above.head.bias.copy_(torch.from_numpy(bias))


def _train(above: Above, material: Material, config: FineTuneConfig, say: Callable[[str], None]) -> None:
    torch.manual_seed(config.seed)
    generator = np.random.default_rng((config.seed, 1))
    classes = material.pictures.classes[material.rows]
    sampler = BatchesByClass(
        classes,
        classes_per_batch=config.classes_per_batch,
        views_per_class=config.views_per_class,
        repeats=0,
        seed=config.seed,
        folders=[name.partition("/")[0] for name in material.pictures.names],
        classes_per_folder=config.classes_per_folder,
        folder_power=config.folder_power,
    )
    loss = make_loss(
        "triplet-soft-cosine", LossSettings(config.width, len(material.pictures.names), config.network["dim"])
    )
    miner = make_miner("easy-positive", config.width)
    assert miner is not None
    head = list(above.head.parameters())
    body = [each for name, each in above.named_parameters() if not name.startswith("head.")]
    optimizer = torch.optim.AdamW(
        [{"params": body, "lr": config.learning_rate}, {"params": head, "lr": config.head_rate}],
        weight_decay=config.weight_decay,
    )
    start, sums = time.monotonic(), np.zeros(2)
    for step in range(config.steps):
        for group, highest in zip(optimizer.param_groups, (config.learning_rate, config.head_rate), strict=True):
            group["lr"] = cosine_rate(step / config.steps, highest, _RISE)
        rows = material.rows[sampler.batch(step)]
        labels = torch.from_numpy(material.pictures.classes[rows])
        maps = material.batch(rows, generator.integers(0, len(material.maps), len(rows)))
        with torch.autocast("cpu", torch.bfloat16):
            vectors = above(maps)
        vectors = vectors.float()
        distilled = difference(vectors, torch.from_numpy(material.teacher[rows].astype(np.float32)), config.temperature)
        triplets = loss(vectors, labels, miner(vectors, labels))
        optimizer.zero_grad()
        (distilled + config.triplet * triplets).backward()
        torch.nn.utils.clip_grad_norm_(above.parameters(), 1.0)
        optimizer.step()
        sums += distilled.item(), triplets.item()
        if step % _REPORT == _REPORT - 1:
            shown = " ".join(f"{each / _REPORT:.4f}" for each in sums)
            say(f"step {step + 1} of {config.steps}, {time.monotonic() - start:.0f} s: distilled and triplet {shown}")
            sums[:] = 0.0


def difference(vectors: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Mean divergence of each row's neighbours from the teacher's, from unit rows `(B, D)` and `(B, T)`.

    A row's cosines with all others, divided by the temperature, are made shares that sum to 1 (softmax) for both; the
    loss is the Kullback-Leibler divergence of the shares of `vectors` from those of `teacher`.
    """
    itself = torch.eye(len(vectors), dtype=torch.bool)
    own = (vectors @ vectors.T / temperature).masked_fill(itself, -1e4)
    theirs = (teacher @ teacher.T / temperature).masked_fill(itself, -1e4)
    return functional.kl_div(own.log_softmax(dim=1), theirs.softmax(dim=1), reduction="batchmean")


@torch.inference_mode()
def _measured(above: Above, material: Material) -> dict[str, Any]:
    """R@1 and mAP@R of each folder that is held out, and their means; empty if none is."""
    held = np.setdiff1d(np.arange(len(material.folders)), material.rows)
    if len(held) == 0:
        return {}
    parts: list[Floats] = []
    for rows in chunks(held, _EMBED):
        with torch.autocast("cpu", torch.bfloat16):
            parts.append(above(material.batch(rows, np.zeros_like(rows))).float().numpy())
    vectors, of = unit_rows(np.concatenate(parts)), np.array(material.folders)[held]
    figures = {}
    for folder in sorted(set(of)):
        labels = [str(number) for number in material.pictures.classes[held][of == folder]]
        result = retrieval(vectors[of == folder], labels, ks=(1,))
        figures[folder] = [round(result.recall_at[1], 4), round(result.map_at_r, 4)]
    return {"mean": np.mean(list(figures.values()), axis=0).round(4).tolist(), **figures}


def _between(before: Tensor, after: Tensor, share: float) -> Tensor:
    return torch.lerp(before, after, share) if before.is_floating_point() else after


@torch.no_grad()
def _round(above: Above, before: dict[str, Tensor]) -> None:
    """Round what was trained to half precision, in which it ships; what was not trained stays as the package has it."""
    for name, tensor in above.state_dict().items():
        if tensor.is_floating_point() and not torch.equal(tensor, before[name]):
            tensor.copy_(tensor.half().float())


def _card(material: Material, config: FineTuneConfig, figures: dict[str, Any]) -> dict[str, Any]:
    return {
        "made_with": f"indexer.training.fine_tuning, torch {torch.__version__}",
        "date": utc_today(),
        "trained_on": {
            "pictures": len(material.rows),
            "folders": sorted({material.folders[row] for row in material.rows}),
        },
        "held_out": figures,
        "config": asdict(config),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description="Train the last stages of a pretrained network.")
    parser.add_argument("recipe", choices=fine_tuning_names())
    parser.add_argument("pictures", type=Path, help="folder of pictures, SET/CLASS/FILE")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is computed once")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--steps", type=int, help="number of batches")
    parser.add_argument(
        "--hold-out", action="append", metavar="FOLDER", help="measure this folder, and do not train on it"
    )
    options = parser.parse_args(arguments)
    config = load_fine_tuning(options.recipe)
    config = replace(config, steps=options.steps or config.steps, held_out=tuple(options.hold_out or config.held_out))
    try:
        encoder = fine_tune(options.pictures, options.work, options.out, config, say=_print)
    except TwinlensError as error:
        parser.exit(1, f"error: {error}\n")
    _print(f"{options.out}: {encoder.dim} dimensions, {encoder.fingerprint}")


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
