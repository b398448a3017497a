"""The search of the page as a command and as Python code, which find the same pictures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app_parts.search.searching import looked_up, number_asked, shows_views

if TYPE_CHECKING:
    from app_parts.search.question import Part, Question
    from app_parts.search.searching import SearchSettings

IDS_FILE = "ids.json"
"""File with the ids of an area of the map."""
_READ_IDS = "import json\nfrom pathlib import Path\n\n"
_SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


def command_of(index: str, question: Question, settings: SearchSettings) -> str:
    """The command line, for a shell such as bash or zsh; the ids that `settings.listed` has are left out."""
    words = ["twinlens", "query"]
    picture_id = looked_up(question)
    if picture_id is not None:
        words += ["--id", str(picture_id)]
    else:
        words += [word for part in question.parts for word in _argument(part, "--text", None)]
        words += [word for part in question.without for word in _argument(part, "--not-text", "--not")]
        if len(question.parts) > 1:
            words.append("--together")
        if (weights := question.weights) is not None:
            ordered = sorted(zip(question.parts, weights, strict=True), key=lambda pair: bool(pair[0].text))
            words += ["--weights", ",".join(f"{weight:g}" for _, weight in ordered)]
        if question.crop is not None:
            words += ["--crop", str(question.crop)]
    words += ["--index", index, "-k", str(number_asked(question, settings))]
    words += ["--where", settings.where] if settings.where else []
    words += [f"--{name.replace('_', '-')}" for name in ("same_only", "collapse") if settings.options[name]]
    radius, diversity = settings.options["radius"], settings.options["diversity"]
    words += ["--radius", f"{radius:g}"] if radius is not None else []
    words += ["--diversity", f"{diversity:g}"] if diversity else []
    words += ["--views"] if shows_views(question, settings) else []
    words += [word for each in question.liked for word in ("--like", str(each))]
    words += [word for each in question.disliked for word in ("--unlike", str(each))]
    return " ".join(map(quoted, words))


def python_of(index: str, question: Question, settings: SearchSettings) -> str:
    """Python code that prints the hits; the ids that `settings.listed` has are read from `IDS_FILE`."""
    call, arguments, names = _call(question)
    arguments.append(f"k={number_asked(question, settings)}")
    arguments += [f"where={_where(settings)}"] if settings.where or settings.listed else []
    arguments += [f"{name}=True" for name in ("same_only", "collapse") if settings.options[name]]
    arguments += [f"{name}={settings.options[name]!r}" for name in ("radius", "diversity") if settings.options[name]]
    arguments += ["radius=0.0"] if settings.options["radius"] == 0 else []
    arguments += ["views=True"] if shows_views(question, settings) else []
    arguments += [f"liked={list(question.liked)}"] if question.liked else []
    arguments += [f"disliked={list(question.disliked)}"] if question.disliked else []
    return (
        (_READ_IDS if settings.listed else "") + f"from search import {', '.join([*names, 'open_index'])}\n"
        f"{_filters(settings)}\n"
        f"with open_index({index!a}) as engine:\n"
        f"    for hit in engine.{call}({', '.join(arguments)}):\n"
        "        print(hit.id, hit.distance, hit.path)\n"
    )


def _filters(settings: SearchSettings) -> str:
    """The imports of `_where`."""
    if not settings.listed:
        return ""
    text = "from search.filters.language import all_of, parse_where\n" if settings.where else ""
    return f"from search.filters.conditions import HasId\n{text}"


def _where(settings: SearchSettings) -> str:
    """The filter as a Python expression."""
    if not settings.listed:
        return ascii(settings.where)
    among = f"HasId(tuple(json.loads(Path({IDS_FILE!a}).read_text())))"
    return f"all_of([parse_where({settings.where!a}), {among}])" if settings.where else among


def _call(question: Question) -> tuple[str, list[str], list[str]]:
    """The method of the engine, its first arguments, and the names to import."""
    picture_id = looked_up(question)
    if picture_id is not None:
        return "search_id", [str(picture_id)], []
    names = [*["Crop"] * (question.crop is not None), *["Text"] * question.has_text]
    examples = ", ".join(map(_example, question.parts))
    together = len(question.parts) > 1
    arguments = [f"[{examples}]" if together else examples]
    arguments += [f"weights={question.weights}"] if question.weights is not None else []
    without = ", ".join(map(_example, question.without))
    arguments += [f"without=[{without}]"] if without else []
    arguments += [f"crop=Crop{question.crop.ends}"] if question.crop is not None else []
    return "search_together" if together else "search", arguments, names


def _example(part: Part) -> str:
    return f"Text({part.text!a})" if part.text else ascii(part.name)


def _argument(part: Part, text: str, picture: str | None) -> list[str]:
    if part.text:
        return [text, part.text]
    name = f"./{part.name}" if part.name.startswith("-") else part.name
    return [name] if picture is None else [picture, name]


def quoted(word: str) -> str:
    """A word for the shell. Control characters and bytes that are not UTF-8 are written as `$'...'` has them."""
    if _SAFE.fullmatch(word):
        return word
    if word.isprintable():
        return "'" + word.replace("'", "'\"'\"'") + "'"
    return "$'" + "".join(map(_escaped, word)) + "'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
