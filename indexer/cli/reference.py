"""docs/commands.md, written from the commands: `python -m indexer.cli.reference > docs/commands.md`.

The page comes from the signatures and docstrings of the commands, not from the text of `--help`, which depends on the
width of the terminal and on the version of Typer.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from typer.models import ArgumentInfo, Context, OptionInfo

from indexer.cli.app import SECTIONS, function_of

PAGE_COMMAND = "python -m indexer.cli.reference > docs/commands.md"

INTRODUCTION = f"""\
# Commands

<!-- Written by `{PAGE_COMMAND}`. Change the command's help, not this page. -->

Every command of `twinlens`, with its arguments, options and defaults. `twinlens COMMAND --help` prints the same,
`twinlens --version` the version.

A path or name that begins with `-` goes after `--`: `twinlens query --index photos.index -- -odd.png`. An option marked
*repeatable* may be given more than once.

Long commands report their progress on standard error: as a bar on a terminal, otherwise as one line every ten seconds.

## Exit codes

| code | meaning |
|---:|---|
| 0 | done |
| 1 | an error; also a query picture that does not exist |
| 2 | an invalid option or filter |
| 3 | done, but pictures were skipped, or were kept because their whole folder is missing |
| 141 | the reader of the output closed it, as in `twinlens ... \\| head` |

`python -m indexer` is the same as `twinlens`.
"""

_TYPE_NAMES = {"Path": "path", "str": "text", "int": "integer", "float": "number"}
_DEFAULT_IN_HELP = re.compile(r"\s*\[default: (.*)\]$")
"""How an option states a default that is not a value, such as "that of the index"."""


def reference() -> str:
    """Write the whole page."""
    parts = [INTRODUCTION, "## All commands\n"]
    for heading, names in SECTIONS.items():
        rows = [(f"[`twinlens {name}`](#twinlens-{name})", _paragraphs(function_of(name))[0]) for name in names]
        parts.append(f"### {heading}\n\n{_table(('command', 'what it does'), rows)}")
    parts += [_command(name, function_of(name)) for names in SECTIONS.values() for name in names]
    return "\n".join(parts)


@dataclass(frozen=True, slots=True)
class _Parameter:
    """An argument or option, in the words of the page."""

    names: list[str]
    value: str
    meaning: str
    default: str
    usage: str
    """Its place in the usage line; empty for an option that may be left out."""
    is_argument: bool


def _command(name: str, function: Callable[..., None]) -> str:
    """One command: usage, description, arguments and options."""
    parameters = _parameters(function)
    arguments = [(f"`{each.names[0]}`", each.meaning, each.default) for each in parameters if each.is_argument]
    options = [
        (", ".join(f"`{name}`" for name in each.names), each.value, each.meaning, each.default)
        for each in parameters
        if not each.is_argument
    ]
    usage = [each.usage for each in parameters if each.usage]
    if len(usage) < len(parameters):
        usage.append("[OPTIONS]")
    parts = [f"## twinlens {name}\n", f"```sh\n{' '.join(['twinlens', name, *usage])}\n```\n"]
    parts += [f"{each}\n" for each in _paragraphs(function)]
    if arguments:
        parts.append(_table(("argument", "meaning", "default"), arguments))
    if options:
        parts.append(_table(("option", "value", "meaning", "default"), options))
    return "\n".join(parts)


def _paragraphs(function: Callable[..., None]) -> list[str]:
    """The docstring, each of its paragraphs on one line."""
    return [_escape(" ".join(part.split())) for part in (inspect.getdoc(function) or "").split("\n\n")]


def _parameters(function: Callable[..., None]) -> list[_Parameter]:
    """Arguments and options in the order of the signature."""
    hints = get_type_hints(function, include_extras=True)
    parameters = []
    for name, parameter in inspect.signature(function).parameters.items():
        if get_origin(hints[name]) is Annotated:
            annotation, *extras = get_args(hints[name])
            info = next(each for each in extras if isinstance(each, ArgumentInfo | OptionInfo))
            parameters.append(_parameter(name, annotation, info, parameter.default))
        elif hints[name] is not Context:
            raise TypeError(f"{function.__name__}: the parameter {name} is neither an argument nor an option")
    return parameters


def _parameter(name: str, annotation: Any, info: ArgumentInfo | OptionInfo, default: Any) -> _Parameter:
    kind, repeatable = _without_list(annotation)
    required = default is inspect.Parameter.empty
    stated = _DEFAULT_IN_HELP.search(info.help or "")
    meaning = _escape(_DEFAULT_IN_HELP.sub("", info.help or ""))
    if isinstance(info, ArgumentInfo):
        word = (info.metavar or name).removesuffix("...").upper()
        usage = word + ("..." if repeatable else "")
        return _Parameter(
            [word], "", meaning, "required" if required else "", usage if required else f"[{usage}]", is_argument=True
        )
    names = _spellings(name, info, is_flag=kind is bool)
    value = "" if kind is bool else _value(kind, info) + (", repeatable" if repeatable else "")
    shown = _escape(stated[1]) if stated else _default_text(default, names, is_flag=kind is bool)
    return _Parameter(
        names, value, meaning, shown, f"{names[0]} {value.upper()}" if required else "", is_argument=False
    )


def _spellings(name: str, info: OptionInfo, *, is_flag: bool) -> list[str]:
    """The names of an option, the long ones first."""
    written = (info.default, *(info.param_decls or ()))  # in Annotated, the first one lands in `default`
    spelled = [part for each in written if isinstance(each, str) and each.startswith("-") for part in each.split("/")]
    if spelled:
        return sorted(spelled, key=lambda spelling: not spelling.startswith("--"))
    word = name.replace("_", "-")
    return [f"--{word}", f"--no-{word}"] if is_flag else [f"--{word}"]


def _value(kind: Any, info: OptionInfo) -> str:
    """What an option takes: a placeholder, the choices, or a type with its limits."""
    if info.metavar:
        return f"`{info.metavar}`"
    if get_origin(kind) is Literal:
        *first, last = (f"`{choice}`" for choice in get_args(kind))
        return f"{', '.join(first)} or {last}"
    low, high = (None if each is None else _number(each) for each in (info.min, info.max))
    if low and high:
        return f"{_TYPE_NAMES[kind.__name__]}, {low} to {high}"
    return _TYPE_NAMES[kind.__name__] + (f", at least {low}" if low else f", at most {high}" if high else "")


def _number(limit: float) -> str:
    return f"{int(limit):,}" if limit == int(limit) else f"{limit:g}"


def _default_text(default: Any, names: list[str], *, is_flag: bool) -> str:
    if default is inspect.Parameter.empty:
        return "required"
    if is_flag:
        off = [name for name in names if name.startswith("--no-")]
        return f"`{names[0] if default else off[0]}`" if off else ""
    return "" if default is None else f"`{default}`"


def _without_list(annotation: Any) -> tuple[Any, bool]:
    """The type of one value, and whether several may be given: `list[int] | None` is (int, True)."""
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(each for each in get_args(annotation) if each is not type(None))
    if get_origin(annotation) is list:
        return get_args(annotation)[0], True
    return annotation, False


def _escape(text: str) -> str:
    """Text of a help as Markdown: each character stays what it is; names of docs pages become links."""
    escaped = re.sub(r"([\\`*<|]|\b_|_\b)", r"\\\1", text)
    return re.sub(r"docs/(\w+)\.md", r"[\1](\1.md)", escaped)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
