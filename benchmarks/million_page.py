"""Write the page of `benchmarks.million`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from search.text import utc_today

if TYPE_CHECKING:
    import argparse

    from benchmarks.million_vectors import Collection, Grown


def page(rows: list[Grown], collection: Collection, options: argparse.Namespace, real: int) -> str:
    """Markdown with tables of memory, times and searches."""
    count, batches, left, dim = len(collection.alive), options.batches, int(collection.alive.sum()), collection.dim
    lines = [
        f"# {count:,} vectors",
        "",
        f"Written by `python -m benchmarks.million` on {utc_today()}; {os.cpu_count()} cores,"
        f" perhaps shared with other work, no GPU. {count:,} vectors of {dim} dimensions ({mib(count * dim * 4)} MiB) "
        f"were imported in {batches} batches of {mib(count * dim * 4 / batches)} MiB. After each batch, vectors drawn "
        f"from the whole index were removed, {options.removed:.0%} of the size of a batch; {left:,} were left. Then "
        f"`rebuild` merged them into one segment ({mib(left * dim * 4)} MiB). Each vector is one of {real:,} "
        f"embeddings from {options.about or options.source.name}, plus {options.noise} times the difference of two "
        "others, normalised to unit length.",
        "",
        "Every step runs in a process of its own; its seconds exclude Python's start. *Own* memory is the memory "
        "that no file backs, sampled 50 times a second. *Resident* memory also counts pages of mapped files, which "
        "the system drops when it needs memory. *Nothing* is a process with the same libraries and no vectors. What "
        "a step needs beyond that is bounded by the segment that it builds, not by the index: compare the first "
        "batch with the last.",
        "",
        "| kind | nothing, MiB | batch: own, first, MiB | own, last | resident, last | remove: own, most"
        " | rebuild: own | resident |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        most = max((each["peak"] for each in row.removals), default=0)
        figures = [
            row.nothing["peak"],
            row.imports[0]["peak"],
            row.imports[-1]["peak"],
            row.imports[-1]["resident"],
            most,
            row.rebuild["peak"],
            row.rebuild["resident"],
        ]
        lines.append(f"| {row.kind} | {' | '.join(map(mib, figures))} |")
    lines += [
        "",
        "| kind | a batch, s (median, most) | removing, s (median, most) | rebuild, s |",
        "|---|---:|---:|---:|",
    ]
    for row in rows:
        seconds = [each["seconds"] for each in row.imports]
        gone = [each["seconds"] for each in row.removals] or [0.0]
        lines.append(
            f"| {row.kind} | {np.median(seconds):.1f}, {max(seconds):.1f} | {np.median(gone):.1f}, {max(gone):.1f}"
            f" | {row.rebuild['seconds']:.1f} |"
        )
    lines += [
        "",
        "Searches before and after `rebuild`. Recall@10 is measured against brute force in float64 over the "
        "remaining vectors, for 200 queries made in the same way; an answer no farther than the true tenth counts. "
        "*Stated* is the lowest recall of any segment, measured on held-out rows when the segment was built. `flat` "
        "gave the same answers as brute force, before and after. For every kind, each distance was that of its "
        "picture, no answer was a removed picture, and `twinlens check` found no damage.",
        "",
        "| kind | | segments | recall stated | recall@10 | all exact"
        " | a query, ms (median) | opening, s | own, MiB | index, MiB |",
        "|---|---|---:|---:|---:|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        for when, search, built in (("grown", row.before, row.imports), ("rebuilt", row.after, [row.rebuild])):
            stated = [f"{each['recall']:.4f}" for each in built if each["recall"] is not None]
            equal = "yes" if search["equal"] else "no"
            recalls = f"{min(stated, default='exact')} | {search['recall']:.4f}"
            lines.append(
                f"| {row.kind} | {when} | {search['segments']} | {recalls} | {equal}"
                f" | {1000 * search['median']:.1f} | {search['open']:.2f} | {mib(search['peak'])}"
                f" | {mib(search['size'])} |"
            )
    return "\n".join(lines) + "\n"


def mib(size: float) -> str:
    """Format a size in MiB."""
    return f"{size / 2**20:,.0f}"
