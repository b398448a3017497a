"""Names and values that look like Markdown, emoji shortcodes, formulas or HTML are shown as text."""

import csv
import re
import shutil
from dataclasses import replace

import pytest

from indexer.collection.add import add
from indexer.collection.build import build
from indexer.metadata.file import open_metadata
from indexer.metadata.load import load_metadata
from tests.app.page import click, offered, path_of, sound, started
from tests.conftest import FAST, draw

HOSTILE = [
    "**bold**",
    ":cat:",
    "$x_1$ and $y$",
    "<b>html</b>",
    "[a](https://example.org)",
    ":red[alarm]",
    "`tick`",
    "# head",
    "![p](https://example.org/p.png)",
    ":material/home:",
    "a``b",
    "> quoted",
    "$$z$$",
]
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
"""A code span, which contains no Markdown. Source: CommonMark 0.31, 6.1."""


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    folder = tmp_path / "pics **b** :cat:"
    folder.mkdir()
    rows = []
    for number, label in enumerate(HOSTILE):
        draw(number).save(folder / f"{number} :dog: $x$ **b**.png")
        rows.append((f"{number} :dog: $x$ **b**.png", label))
    for name, head, more in (("labels.csv", ["path", "label"], ()), ("meta.csv", ["path", ":dog: **c**", "$m$"], (1,))):
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([head, *((*row, *more) for row in rows)])
    index = tmp_path / "ix :cat: **i**"
    build(folder, index, replace(FAST, labels=str(tmp_path / "labels.csv")))
    load_metadata(index, open_metadata(tmp_path / "meta.csv"), root=folder)
    monkeypatch.setenv("TWINLENS_INDEX", str(index))
    return index


def interpreted(page):
    """Every text on the page that Streamlit reads as Markdown, without the contents of code spans."""
    found = [
        element.value
        for kind in ("markdown", "caption", "error", "info", "warning", "success", "subheader", "header", "title")
        for element in page.get(kind)
    ]
    widgets = [
        element
        for kind in (
            "button",
            "selectbox",
            "slider",
            "toggle",
            "text_input",
            "expander",
            "checkbox",
            "multiselect",
            "radio",
        )
        for element in page.get(kind)
    ]
    found += [text for element in widgets for text in (element.label, getattr(element, "help", "")) if text]
    return [CODE.sub("", str(text)) for text in found]


def parts(page):
    texts = interpreted(page)
    assert texts
    marks = ["**", ":cat:", ":dog:", "$", "<b>", "](", ":red[", "tick", "# head", ":material/home", "> quoted"]
    return [(text, mark) for text in texts for mark in marks if mark in text]


def test_the_collection_and_the_hits_show_names_as_text(hostile):
    page = started()
    assert parts(page) == []
    page = click(page, f"pick-{offered(page)[0]}")
    assert parts(page) == []
    shown = " \n".join(element.value for element in page.text)
    assert sum(label in shown for label in HOSTILE) >= 9, "labels of the neighbours"
    assert ":dog: **c**" in shown, "a column"


def test_a_comparison_shows_names_as_text(hostile):
    page = started("compare", a="1")
    page.file_uploader[0].set_value(("<b>**up**</b> :cat:.png", path_of(hostile, 2).read_bytes(), "image/png"))
    page = sound(page.run())
    assert parts(page) == []
    shown = [element.value for element in page.text]
    assert "<b>**up**</b> :cat:.png" in shown
    assert path_of(hostile, 1).name in shown
    assert parts(started("compare", a="**a** :cat:", b="$b$", threshold="<b>")) == []


def test_duplicates_show_names_as_text(hostile):
    copy = path_of(hostile, 1).with_name("`copy` :dog: **b** <b>.png")
    shutil.copy(path_of(hostile, 1), copy)
    add(hostile, [copy])
    page = started("duplicates")
    while page.get("progress"):
        page = sound(page.run())
    assert parts(page) == []
    assert copy.name in [element.value for element in page.text]
    assert parts(started("duplicates", threshold="**a**", keep=":cat: <b>")) == []


def test_errors_show_the_input_as_text(hostile):
    assert parts(started(where="**a** = :cat:")) == []
    assert parts(started(picture=":cat: **b**")) == []


def test_a_missing_index_shows_its_name_as_text(tmp_path, monkeypatch):
    monkeypatch.setenv("TWINLENS_INDEX", str(tmp_path / "no :cat: **b** $x$"))
    assert parts(started()) == []
