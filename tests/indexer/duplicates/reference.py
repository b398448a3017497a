"""The definition of a group, as a slow loop."""

from __future__ import annotations

from collections import defaultdict

import numpy as np


def apart(a: np.ndarray, b: np.ndarray) -> float:
    return min(2.0, float(np.float32(np.sqrt(((a.astype(np.float64) - b.astype(np.float64)) ** 2).sum()))))


def slow_groups(vectors, contents, sizes, threshold):
    """Members of each group, and the distance of each member to its representative."""
    points: list[list[int]] = []
    for number in range(len(vectors)):
        for point in points:
            if any(contents[number] == contents[p] or (vectors[number] == vectors[p]).all() for p in point):
                point.append(number)
                break
        else:
            points.append([number])
    distance = [[apart(vectors[a[0]], vectors[b[0]]) for b in points] for a in points]
    near = [[j for j in range(len(points)) if j != i and distance[i][j] <= threshold] for i in range(len(points))]

    def rank(i: int):
        pixels = max(sizes[p][0] * sizes[p][1] for p in points[i])
        return (-len(near[i]), -pixels, min(contents[p] for p in points[i]))

    representatives: list[int] = []
    for i in sorted(range(len(points)), key=rank):
        if not any(r in near[i] for r in representatives):
            representatives.append(i)
    groups = defaultdict(dict)
    for i in range(len(points)):
        mine = i
        if i not in representatives:
            mine = min((r for r in representatives if r in near[i]), key=lambda r: distance[i][r])
        for p in points[i]:
            groups[mine][p] = distance[i][mine]
    return {frozenset(group.items()) for group in groups.values() if len(group) > 1}


def told(report):
    """Groups of a report in the form of `slow_groups`."""
    return {frozenset((m.id - 1, m.distance) for m in group.members) for group in report.groups}
