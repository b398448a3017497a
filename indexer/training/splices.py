"""Classes cut in half and joined anew: the left half of one letter and the right half of another are a third letter.

Every batch brings classes that no other batch had, which differ from each other by a half each: of the thousand
characters of Omniglot there are a million of pairs. In the spirit of Yun et al., "CutMix", ICCV 2019, which pastes a
part of one picture into another and mixes their labels; here the pair is a class of its own.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LINE = (0.4, 0.6)
"""Where a picture may be cut, as a share of its side."""


def spliced(pixels: Tensor, views: int, block: int, share: float, generator: torch.Generator) -> Tensor:
    """Splice the classes of some blocks of a batch, each with the class after it, the last with the first.

    Args:
        pixels: `(P * views, S, S, 3)`, class by class.
        views: of each class; view k is joined with view k of the other class.
        block: so many classes lie side by side in the data and are spliced among themselves.
        share: of the blocks, by chance.
        generator: decides which blocks, and where and how each is cut: along one line, left and right or above and
            below.
    """
    joined = pixels.view(-1, views, *pixels.shape[1:]).clone()
    for start in range(0, len(joined), block):
        chance, place, upright = torch.rand(3, generator=generator).tolist()
        if chance >= share:
            continue
        part = joined[start : start + block]
        cut = round(pixels.shape[1] * (_LINE[0] + place * (_LINE[1] - _LINE[0])))
        others = part.roll(-1, dims=0)
        if upright < 0.5:
            part[:, :, :, cut:] = others[:, :, :, cut:]
        else:
            part[:, :, cut:] = others[:, :, cut:]
    return joined.flatten(0, 1)
