"""Draw the pictures of `benchmarks.verified_copies`: originals, alterations of copies, and lookalikes."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = ("the", "and", "to", "you", "that", "it", "was", "for", "they", "with", "have", "from", "word", "but")
_OTHER_DIGIT = dict(zip("0123456789", "6785369132", strict=True))


@dataclass(frozen=True, slots=True)
class Alteration:
    """A change that turns a picture into a copy."""

    name: str
    alter: Callable[[Image.Image], Image.Image]


def encoded(image: Image.Image, form: str, quality: int) -> Image.Image:
    """Write a picture and read it again."""
    data = io.BytesIO()
    image.convert("RGB").save(data, form, quality=quality)
    return Image.open(io.BytesIO(data.getvalue())).convert("RGB")


def scaled(image: Image.Image, factor: float, how: Image.Resampling = Image.Resampling.LANCZOS) -> Image.Image:
    """Resize both sides by `factor`."""
    return image.resize((max(1, round(image.width * factor)), max(1, round(image.height * factor))), how)


def _jpeg(quality: int) -> Alteration:
    return Alteration(f"JPEG {quality}", partial(encoded, form="JPEG", quality=quality))


COPIES = (
    *(_jpeg(quality) for quality in (95, 75, 50, 30)),
    Alteration("WebP 80", partial(encoded, form="WEBP", quality=80)),
    Alteration("1/2", partial(scaled, factor=0.5)),
    Alteration("1/2, bilinear", partial(scaled, factor=0.5, how=Image.Resampling.BILINEAR)),
    Alteration("1/4", partial(scaled, factor=0.25)),
    Alteration("1/2, JPEG 75", lambda image: encoded(scaled(image, 0.5), "JPEG", 75)),
    Alteration("1/2, JPEG 30", lambda image: encoded(scaled(image, 0.5), "JPEG", 30)),
    Alteration("1/4, JPEG 50", lambda image: encoded(scaled(image, 0.25), "JPEG", 50)),
    Alteration("JPEG 80, then 70", lambda image: encoded(encoded(image, "JPEG", 80), "JPEG", 70)),
    Alteration("brighter by 4 %", lambda image: ImageEnhance.Brightness(image).enhance(1.04)),
    Alteration("more contrast by 5 %", lambda image: ImageEnhance.Contrast(image).enhance(1.05)),
    Alteration("sharpened", lambda image: image.filter(ImageFilter.UnsharpMask(1, 60, 2))),
)
"""Copies, all of which should be recognised."""


def _cropped(image: Image.Image, share: float) -> Image.Image:
    wide, high = round(image.width * (1 - share) / 2), round(image.height * (1 - share) / 2)
    return image.crop((wide, high, image.width - wide, image.height - high))


NEAR = (
    Alteration("crop, 95 %", partial(_cropped, share=0.95)),
    Alteration("crop, 90 %", partial(_cropped, share=0.9)),
    Alteration("brighter by 30 %", lambda image: ImageEnhance.Brightness(image).enhance(1.3)),
    Alteration("darker by 40 %", lambda image: ImageEnhance.Brightness(image).enhance(0.6)),
    Alteration("grey", lambda image: image.convert("L").convert("RGB")),
    Alteration("blurred by 1 %", lambda image: image.filter(ImageFilter.GaussianBlur(max(image.size) / 100))),
)
"""Near copies, which should not be spare and should stay in their groups."""
VARIANTS = (
    Alteration("as it is", lambda image: image),
    *(each for each in COPIES if each.name in ("JPEG 75", "JPEG 30", "1/2", "1/2, JPEG 75", "1/4", "1/4, JPEG 50")),
)
"""Alterations of the second picture of a pair of lookalikes."""


def scene(seed: int, size: tuple[int, int] = (800, 600)) -> Image.Image:
    """Draw shapes on a coloured background."""
    random_ = np.random.default_rng(seed)
    cells = random_.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    for _ in range(25):
        left, top, side = random_.integers(size[0]), random_.integers(size[1]), random_.integers(10, size[1] // 4)
        ink = tuple(int(level) for level in random_.integers(0, 256, 3))
        draw = pen.ellipse if random_.random() < 0.5 else pen.rectangle
        draw([int(left), int(top), int(left + side), int(top + side)], fill=ink)
    return image.filter(ImageFilter.GaussianBlur(0.7))


def page(seed: int, changed: int | None = None) -> Image.Image:
    """Draw a page of text, with one different word in line `changed`."""
    image, choice, number, top = Image.new("L", (1240, 1754), 255), random.Random(seed), 0, 120
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(26)
    while top < 1650:
        top += 60 * (choice.random() < 0.12)
        line = [choice.choice(WORDS) for _ in range(choice.randrange(8, 16))]
        if number == changed:
            line[4] = "seven"
        pen.text((120, top), " ".join(line), fill=0, font=font)
        top, number = top + 38, number + 1
    return image.convert("RGB")


def receipt(seed: int, changed: int | None = None, ink: int = 40) -> Image.Image:
    """Draw a list of prices, with a different last digit in line `changed`."""
    image, choice = Image.new("L", (600, 1100), 245), random.Random(seed)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(22)
    pen.text((180, 40), "CORNER SHOP", fill=ink, font=font)
    for number in range(22):
        price = f"{choice.randrange(1, 30)}.{choice.randrange(100):02}"
        if number == changed:
            price = price[:-1] + _OTHER_DIGIT[price[-1]]
        pen.text((60, 120 + 40 * number), f"{choice.choice(WORDS)} {choice.choice(WORDS)}", fill=ink, font=font)
        pen.text((430, 120 + 40 * number), price, fill=ink, font=font)
    return image.convert("RGB")


def chat(seed: int, message: str = "see you at five") -> Image.Image:
    """Draw a screenshot of a phone with messages."""
    image, choice = Image.new("RGB", (1080, 1920), (236, 229, 221)), random.Random(seed)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(34)
    pen.rectangle([0, 0, 1080, 80], fill=(18, 140, 126))
    for number in range(12):
        mine, top = choice.random() < 0.5, 100 + 140 * number
        words = message if number == 6 else " ".join(choice.choice(WORDS) for _ in range(5))
        left, paper = (400, (220, 248, 198)) if mine else (40, (255, 255, 255))
        pen.rounded_rectangle([left, top, left + 620, top + 110], 20, fill=paper)
        pen.text((left + 20, top + 30), words, fill=(20, 20, 20), font=font)
    return image


def line_art(seed: int, shapes: int = 6, ink: str = "black") -> Image.Image:
    """Draw an icon of outlines."""
    image, choice = Image.new("RGB", (256, 256), "white"), random.Random(seed)
    pen = ImageDraw.Draw(image)
    for _ in range(shapes):
        left, top, side = choice.randrange(200), choice.randrange(200), choice.randrange(20, 120)
        draw = choice.choice([pen.ellipse, pen.rectangle])
        draw([left, top, left + side, top + side], outline=ink, width=12)
    return image


def moved(image: Image.Image, seed: int, by: int, side: int = 40) -> tuple[Image.Image, Image.Image]:
    """Draw a scene with one object, and the same scene with the object `by` pixels to the right."""
    choice = random.Random(seed)
    left, top = choice.randrange(image.width - 100), choice.randrange(image.height - 100)
    ink = (choice.randrange(256), choice.randrange(256), choice.randrange(256))
    pair = []
    for away in (0, by):
        drawn = image.copy()
        ImageDraw.Draw(drawn).ellipse([left + away, top, left + away + side, top + side], fill=ink)
        pair.append(drawn)
    return pair[0], pair[1]


def next_frame(image: Image.Image, seed: int, by: int) -> tuple[Image.Image, Image.Image]:
    """Two frames of a burst: the second is shifted by `by` pixels and has other noise."""
    width, height = image.size
    boxes = ((0, 0, width - by, height), (by, 0, width, height))
    noise = np.random.default_rng(seed)
    frames = []
    for box in boxes:
        levels = np.asarray(image.crop(box), dtype=np.float64)
        levels = levels + noise.normal(0, 3, levels.shape)
        frames.append(Image.fromarray(np.clip(levels + 0.5, 0, 255).astype(np.uint8)))
    return frames[0], frames[1]
