"""Find the copies in an index, every stage on one page: points, candidates, neighbours, groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.duplicates.candidates import candidates
from indexer.duplicates.grouping import group_points
from indexer.duplicates.neighbours import Neighbours
from indexer.duplicates.points import read_points
from indexer.duplicates.report import DuplicateReport, Group, Member, RecallCheck
from indexer.duplicates.separate import separate, sketching
from indexer.pipeline.progress import Silent, Stages
from search.config import DuplicatesConfig
from search.engine import open_index
from search.indexes import resolve_device
from search.indexes.products import products_for
from search.query.copy_threshold import CopyThreshold, copy_threshold

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from indexer.duplicates.points import Points
    from indexer.duplicates.report import Match
    from indexer.pipeline.progress import Progress
    from search.engine import SearchEngine
    from search.filters.columns import MetadataValue
    from search.indexes.products import Products
    from search.store.records import PictureRecord

_PROBES = 1000
"""Number of pictures that are compared with all others to measure the recall of an approximate search."""
_SAMPLE = 1024
"""Number of vectors on which the precision of the products is chosen."""


def find_duplicates(
    index: str | os.PathLike[str], config: DuplicatesConfig | None = None, *, progress: Progress | None = None
) -> DuplicateReport:
    """Group the exact and near copies of an index.

    Exact copies are files with the same bytes, known from the catalog. Near copies are within a distance of the group's
    representative, see `indexer.duplicates.grouping`. The groups do not depend on the order of the pictures.

    Raises:
        IndexFolderError: no index in the folder, or a damaged one.
        QueryError: an invalid threshold, probability or filter.
    """
    config = config or DuplicatesConfig()
    with open_index(index, device=config.device) as engine:
        return duplicates_in(engine, config, progress=progress)


def duplicates_in(
    engine: SearchEngine, config: DuplicatesConfig | None = None, *, progress: Progress | None = None
) -> DuplicateReport:
    """Like `find_duplicates`, for the snapshot of an open index."""
    config = config or DuplicatesConfig()
    threshold = None if config.exact_only else copy_threshold(engine.calibration, engine.cut_points, config)
    stages = Stages(progress or Silent())
    with stages.stage("read", len(engine)):
        points = read_points(engine, config.where, contents_only=config.exact_only, advance=stages.progress.advance)
    owner, distance = np.arange(len(points)), np.zeros(len(points))
    exhaustive, recall = True, None
    if threshold is not None and threshold.distance > 0 and len(points) > 1:
        exhaustive = config.exhaustive or all(segment.structure.exact for segment in points.segments)
        chosen = np.arange(len(points))
        if not exhaustive:
            chosen, recall = _candidates(engine, config, points, threshold, stages)
        neighbours = Neighbours(points, chosen, threshold.distance, _products(config, points, len(chosen)))
        with stages.stage("compare", len(chosen)):
            degrees = neighbours.degrees(stages.progress.advance)
        near = degrees > 0
        neighbours, chosen, degrees = neighbours.among(near), chosen[near], degrees[near]
        with stages.stage("group", len(chosen)):
            owners, distances = group_points(points, chosen, neighbours, degrees, stages.progress.advance)
        owner[chosen], distance[chosen] = chosen[owners], distances
    with stages.stage("list"):
        groups = _groups(engine, points, owner, distance)
    if threshold is not None:
        groups = _separated(engine, groups, threshold.distance, stages)
    return DuplicateReport(
        index=engine.folder,
        encoder=engine.info().encoder,
        pictures=engine.count(config.where),
        threshold=None if threshold is None else threshold.distance,
        source=None if threshold is None else threshold.source,
        exhaustive=exhaustive,
        recall=recall,
        groups=groups,
        seconds=stages.seconds,
    )


def _separated(engine: SearchEngine, groups: tuple[Group, ...], threshold: float, stages: Stages) -> tuple[Group, ...]:
    """Groups without pictures that have similar vectors but other content, in the order of a report."""
    separated: list[Group] = []
    with stages.stage("compare files", sum(len(group.members) for group in groups)), sketching() as pool:
        for group in groups:
            separated += separate(group, threshold, engine.vectors_of, pool)
            stages.progress.advance(len(group.members))
    return tuple(sorted(separated, key=_by_size))


def _by_size(group: Group) -> tuple[int, str]:
    return -len(group.members), str(group.representative.path)


def _candidates(
    engine: SearchEngine, config: DuplicatesConfig, points: Points, threshold: CopyThreshold, stages: Stages
) -> tuple[NDArray[np.int64], RecallCheck]:
    """Points that may have a near copy, and the recall of this search, measured on a sample."""
    allowed = [engine.chosen(segment, config.where) for segment in points.segments]
    with stages.stage("search", len(points)):
        chosen = candidates(points, threshold.distance, allowed, stages.progress.advance)
    with stages.stage("check"):
        blocks = _products(config, points, len(points))
        probes = np.sort(np.random.default_rng(0).permutation(len(points))[:_PROBES])
        recall = _recall(points, probes, chosen, Neighbours(points, np.arange(len(points)), threshold.distance, blocks))
    return chosen, recall


def _recall(points: Points, probes: NDArray[np.int64], chosen: NDArray[np.int64], every: Neighbours) -> RecallCheck:
    """Which pairs of the probes with any point are pairs of candidates, all of which are compared."""
    is_chosen = np.zeros(len(points), dtype=np.bool_)
    is_chosen[chosen] = True
    which, others, _ = every.around(probes)
    found = is_chosen[probes[which]] & is_chosen[others]
    with_copy = np.unique(probes[which])
    return RecallCheck(
        len(probes), len(with_copy), int(is_chosen[with_copy].sum()), len(which), int(np.count_nonzero(found))
    )


def _products(config: DuplicatesConfig, points: Points, count: int) -> Products:
    """How to compare `count` points with one another."""
    sample = points.vectors(np.arange(min(_SAMPLE, len(points))))
    return products_for(sample, count, gpu=resolve_device(config.device, "flat") == "cuda")


def _groups(
    engine: SearchEngine, points: Points, owner: NDArray[np.int64], distance: NDArray[np.float64]
) -> tuple[Group, ...]:
    """Groups of two or more pictures, with their records from the catalog."""
    of = owner[points.picture_point]
    joined = np.flatnonzero(np.bincount(of, minlength=len(points))[of] > 1) if len(of) else of
    joined = joined[np.argsort(of[joined], kind="stable")]
    starts = np.flatnonzero(np.diff(of[joined], prepend=-1))
    records = {each.id: each for each in engine.catalog.pictures.of(points.picture[joined].tolist())}
    known = engine.metadata(list(records))
    groups = []
    for places in np.split(joined, starts[1:]) if len(joined) else []:
        mine = points.picture_point[places]
        pictures = [records[picture] for picture in points.picture[places].tolist()]
        at_representative = (mine == of[places[0]]).tolist()
        groups.append(_group(pictures, at_representative, distance[mine].tolist(), known))
    return tuple(sorted(groups, key=_by_size))


def _group(
    pictures: Sequence[PictureRecord],
    at_representative: Sequence[bool],
    distances: Sequence[float],
    known: dict[int, dict[str, MetadataValue]],
) -> Group:
    best = min((each for each, there in zip(pictures, at_representative, strict=True) if there), key=largest_first)

    def match(picture: PictureRecord) -> Match:
        if picture is best:
            return "representative"
        return "exact" if picture.content and picture.content == best.content else "near"

    members = [
        Member(
            p.id,
            p.path,
            p.label,
            apart,
            p.width,
            p.height,
            p.bytes,
            match(p),
            p.content,
            p.mtime_ns,
            known.get(p.id, {}),
        )
        for p, apart in zip(pictures, distances, strict=True)
    ]
    rank = {"representative": 0, "exact": 1, "near": 2}
    return Group(tuple(sorted(members, key=lambda m: (m.distance, rank[m.match], str(m.path)))))


def largest_first(picture: PictureRecord) -> tuple[int, int, int, str]:
    """Sort key: most pixels, then most bytes, then the oldest file, then by path."""
    return (-picture.width * picture.height, -picture.bytes, picture.mtime_ns, str(picture.path))
