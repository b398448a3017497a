"""The search of the page as a command and as Python code, which find the same pictures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app_parts.search.searching import looked_up, number_asked, shows_views

if TYPE_CHECKING:
    from collections.abc import Callable

    from app_parts.search.question import Part, Question
    from app_parts.search.searching import SearchSettings
    from app_parts.service_index import ServiceIndex

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


def python_of(index: str | ServiceIndex, question: Question, settings: SearchSettings) -> str:
    """Python code that prints the hits; the ids that `settings.listed` has are read from `IDS_FILE`."""
    call, arguments, names = _call(question, _example if isinstance(index, str) else _sent_example)
    arguments.append(f"k={number_asked(question, settings)}")
    arguments += [f"where={_where(settings)}"] if settings.where or settings.listed else []
    arguments += [f"{name}=True" for name in ("same_only", "collapse") if settings.options[name]]
    arguments += [f"{name}={settings.options[name]!r}" for name in ("radius", "diversity") if settings.options[name]]
    arguments += ["radius=0.0"] if settings.options["radius"] == 0 else []
    arguments += ["views=True"] if shows_views(question, settings) else []
    arguments += [f"liked={list(question.liked)}"] if question.liked else []
    arguments += [f"disliked={list(question.disliked)}"] if question.disliked else []
    opening, modules = _opening(index, names)
    return (
        (_READ_IDS if settings.listed else "") + f"{modules}"
        f"{_filters(settings)}\n"
        f"with {opening} as engine:\n"
        f"    for hit in engine.{call}({', '.join(arguments)}):\n"
        "        print(hit.id, hit.distance, hit.path)\n"
    )


def _opening(index: str | ServiceIndex, names: list[str]) -> tuple[str, str]:
    """The expression that opens the index, and the imports that it and the `names` of the package need."""
    if isinstance(index, str):
        return f"open_index({index!a})", f"from search import {', '.join([*names, 'open_index'])}\n"
    modules = f"from search import {', '.join(names)}\n" if names else ""
    modules += "from search.client import Client\nfrom search.client.endpoint import key_of_environment\n"
    where = [repr(index.url), *([] if index.name is None else [repr(index.name)])]
    return f"Client({', '.join(where)}, key=key_of_environment())", modules


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


def _call(question: Question, example: Callable[[Part], str]) -> tuple[str, list[str], list[str]]:
    """The method of the engine, its first arguments, and the names to import."""
    picture_id = looked_up(question)
    if picture_id is not None:
        return "search_id", [str(picture_id)], []
    names = [*["Crop"] * (question.crop is not None), *["Text"] * question.has_text]
    examples = ", ".join(map(example, question.parts))
    together = len(question.parts) > 1
    arguments = [f"[{examples}]" if together else examples]
    arguments += [f"weights={question.weights}"] if question.weights is not None else []
    without = ", ".join(map(example, question.without))
    arguments += [f"without=[{without}]"] if without else []
    arguments += [f"crop=Crop{question.crop.ends}"] if question.crop is not None else []
    return "search_together" if together else "search", arguments, names


def _example(part: Part) -> str:
    return f"Text({part.text!a})" if part.text else ascii(part.name)


def _sent_example(part: Part) -> str:
    """An example for a client: a picture of the collection comes from the service."""
    return _example(part) if part.id is None else f"engine.image({part.id})"


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
