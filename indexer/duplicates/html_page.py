"""Write the report as a page: one HTML file of bounded size that loads nothing and runs no script."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from indexer.duplicates.page_style import LOGO, STYLE
from search.chunks import chunks
from search.config import BuildConfig
from search.errors import PictureError
from search.pictures.thumbnails import jpeg, thumbnail
from search.text import counted, html_line, megabytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexer.duplicates.keep import Choice
    from indexer.duplicates.report import DuplicateReport, Group, Member

MOST_GROUPS = 200
MOST_IN_GROUP = 24
MOST_THUMBNAILS = 1000
"""Largest number of thumbnails on the page: about ten kilobytes each."""
_SIDE = 240
"""Longer side of a thumbnail in pixels: enough for a card on a high-resolution screen."""
_AT_ONCE = 64
"""Thumbnails in memory."""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Content Security Policy: the page loads nothing and runs nothing, whatever a name contains."""


def write_page(report: DuplicateReport, choices: Sequence[Choice], stream: IO[bytes]) -> None:
    """Write the page group by group; groups and pictures beyond its limits are counted but not shown."""
    shown = _within_limits(report.groups)
    pictures = _thumbnails([member.path for group, count in shown for member in group.members[:count]])
    head = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>Duplicates in {html_line(report.index.name)}</title>",
        f"<style>{STYLE}</style></head><body>",
        f"<header>{LOGO}<div><h1>Duplicates</h1><p>{html_line(str(report.index))}</p></div></header>",
        _figures(report, choices),
        f"<p class=how>{how_text(report)}</p>",
        "<main>",
    ]
    _write(stream, "\n".join(head))
    for number, ((group, count), choice) in enumerate(zip(shown, choices, strict=False), 1):
        _write(stream, _section(number, group, choice, list(islice(pictures, count))))
    if len(shown) < len(report.groups):
        _write(
            stream,
            f"<p class=more>{len(report.groups) - len(shown):,} more groups are not shown here."
            " The JSON and the CSV contain all groups.</p>",
        )
    if not report.groups:
        _write(stream, "<p class=more>No copies were found.</p>")
    _write(stream, "</main></body></html>")


def how_text(report: DuplicateReport) -> str:
    """Describe the search in up to four sentences of plain text, which need no escaping."""
    if report.threshold is None:
        return "Exact copies only: files with the same bytes."
    sources = {
        "given": "as specified",
        "probability": "from the specified probability",
        "calibration": "the threshold of the calibration",
        "encoder": "measured for the encoder of this index",
        "default": "the default, not measured for the encoder of this index",
    }
    source = "" if report.source is None else f" ({sources[report.source]})"
    text = (
        f"Near copies have a distance of {report.threshold:.4f} or less{source} from the representative of their group."
        " A near copy is spare only if the complete content of its file was compared and is a copy of a file to keep."
    )
    if report.exhaustive:
        return text + " Every pair was compared."
    recall, every = report.recall, "--exact compares every pair."
    if recall is None or not recall.with_copy:
        return f"{text} Candidates come from approximate search, which can miss some. {every}"
    return (
        f"{text} Candidates come from approximate search: in a sample of {recall.sampled:,} pictures, "
        f"{recall.with_copy:,} have a copy, and {recall.found:,} of these were found, with {recall.pairs_found:,} of "
        f"their {counted(recall.pairs, 'pair')}. {every}"
    )


class Thumbnail(NamedTuple):
    """A `data:image/jpeg` URI, or None and the reason for an unreadable picture."""

    uri: str | None
    problem: str


def _thumbnails(paths: Sequence[Path]) -> Iterator[Thumbnail]:
    """The thumbnail of each picture, in order."""
    with ThreadPoolExecutor(BuildConfig.workers, thread_name_prefix="thumbnail") as pool:
        for chunk in chunks(paths, _AT_ONCE):
            yield from pool.map(_thumbnail, chunk)


def _thumbnail(path: Path) -> Thumbnail:
    try:
        data = jpeg(thumbnail(path, _SIDE), quality=80)
    except PictureError as error:
        return Thumbnail(None, error.reason)
    return Thumbnail("data:image/jpeg;base64," + base64.b64encode(data).decode("ascii"), "")


def _within_limits(groups: Sequence[Group]) -> list[tuple[Group, int]]:
    """The groups to show, and the number of members to show of each."""
    shown, left = [], MOST_THUMBNAILS
    for group in groups[:MOST_GROUPS]:
        count = min(len(group.members), MOST_IN_GROUP)
        if count > left:
            break
        shown.append((group, count))
        left -= count
    return shown


def _figures(report: DuplicateReport, choices: Sequence[Choice]) -> str:
    spare = [member for choice in choices for member in choice.spare]
    figures = {
        "pictures compared": f"{report.pictures:,}",
        "groups": f"{len(report.groups):,}",
        "pictures in them": f"{report.members:,}",
        "spare copies": f"{len(spare):,}",
        "space to reclaim": megabytes(sum(member.bytes for member in spare)),
    }
    return "<dl>" + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures.items()) + "</dl>"


def _section(number: int, group: Group, choice: Choice, pictures: Sequence[Thumbnail]) -> str:
    shown = zip(group.members, pictures, strict=False)
    cards = "\n".join(_card(member, group, choice, picture) for member, picture in shown)
    more = len(group.members) - len(pictures)
    rest = f"<p class=more>and {more:,} more in this group</p>" if more else ""
    far = max(member.distance for member in group.members)
    near = f"{len(choice.spare):,} spare, distances up to {far:.3f}"
    kind = "exact copies" if group.exact else near
    return (
        f"<section><h2>Group {number} <small>{len(group.members):,} pictures, {kind}</small></h2>"
        f"<div class=cards>\n{cards}\n</div>{rest}</section>"
    )


def _card(member: Member, group: Group, choice: Choice, thumbnail: Thumbnail) -> str:
    name, folder = html_line(member.path.name), member.path.parent
    nearby = ("…/" if len(folder.parts) > 3 else "") + str(Path(*folder.parts[-2:]))
    picture = _gone(thumbnail.problem) if thumbnail.uri is None else _img(thumbnail.uri, name)
    near = f"distance {member.distance:.4f}" if member.match == "near" else member.match
    word = choice.word(member)
    of = next((each for each in group.members if each.id == choice.copy_of.get(member.id)), None)
    copy = "" if of is None else f'<span title="{html_line(str(of.path))}">copy of {html_line(of.path.name)}</span>'
    kind = word if word in ("keep", "spare") else "left"
    label = f"<span>{html_line(member.label)}</span>" if member.label else ""
    return (
        f"<figure class={kind}><div class=frame>{picture}<b class={kind}>{html_line(word)}</b></div>"
        f'<figcaption><strong title="{name}">{name}</strong>'
        f'<em title="{html_line(str(folder))}">{html_line(nearby)}</em>'
        f"<span>{member.width:,} × {member.height:,} · {_size(member.bytes)}</span>"
        f"<span class={member.match}>{near}</span>{copy}{label}</figcaption></figure>"
    )


def _img(uri: str, name: str) -> str:
    return f'<img src="{uri}" alt="{name}" loading="lazy" decoding="async">'


def _gone(problem: str) -> str:
    return f"<span class=gone>missing or unreadable<br><small>{html_line(problem)}</small></span>"


def _size(size: int) -> str:
    return megabytes(size) if size >= 2**20 else f"{size / 1024:,.1f} KiB"


def _write(stream: IO[bytes], text: str) -> None:
    stream.write(text.encode("utf-8") + b"\n")
