from __future__ import annotations

import os
import shutil
import tomllib

import pytest

from app_parts.tiles import GROUNDS
from indexer.metadata.load import load_metadata
from search import open_index
from search.config import QueryConfig
from tests.app.page import APP, click, jpeg, neighbours, offered, path_of, sound, started, texts, upload
from tests.awkward import broken_files, good_files
from tests.conftest import draw, fill


def test_without_an_index_the_page_explains_how_to_build_one(monkeypatch):
    monkeypatch.delenv("TWINLENS_INDEX", raising=False)
    page = started()
    assert "No index" in page.error[0].value
    assert "twinlens build" in page.code[0].value


def test_a_folder_that_is_not_an_index_is_reported(monkeypatch, tmp_path):
    monkeypatch.setenv("TWINLENS_INDEX", str(tmp_path))
    page = started()
    assert str(tmp_path) in page.error[0].value
    assert not page.file_uploader


def test_the_command_line_takes_precedence_over_the_environment(gallery, monkeypatch, tmp_path):
    monkeypatch.setenv("TWINLENS_INDEX", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["app.py", "--index", str(gallery)])
    assert str(gallery) in texts(started("index"))


def test_a_page_describes_the_index(app, gallery):
    shown = texts(started("index"))
    assert str(gallery) in shown
    assert "color-layout" in shown
    assert "40 with 3 labels" in shown
    assert "flat" in shown


def test_an_upload_finds_its_original_first(app, gallery):
    page = upload(app, "holiday.jpg", jpeg(draw(5, (300, 250))))
    found = neighbours(page)
    assert len(found) == QueryConfig.k
    assert path_of(gallery, found[0]).parts[-2:] == ("label2", "0005.png")
    assert "1. label2" in texts(page)
    for step in ("decoded", "encoded", "searched"):
        assert f"{step} " in texts(page)


def test_hits_match_those_of_the_engine(app, gallery):
    data = jpeg(draw(3))
    with open_index(gallery) as engine:
        expected = engine.search(data, QueryConfig.k)
    page = upload(app, "three.jpg", data)
    assert neighbours(page) == [hit.id for hit in expected]
    shown = texts(page)
    for hit in expected:
        assert f"{hit.distance:.4f}" in shown
        assert f"{hit.similarity:.4f}" in shown


def test_a_picked_picture_is_not_its_own_neighbour(app, gallery):
    chosen = offered(app)[9]
    page = click(app, f"pick-{chosen}")
    with open_index(gallery) as engine:
        expected = [hit.id for hit in engine.search_id(chosen, QueryConfig.k + 1) if hit.id != chosen]
    assert neighbours(page) == expected[: QueryConfig.k]
    assert page.query_params["picture"] == str(chosen)
    assert "looked up" in texts(page)
    assert "decoded" not in texts(page)


def test_a_neighbour_can_be_the_next_query(app):
    page = upload(app, "three.jpg", jpeg(draw(3)))
    second = neighbours(page)[1]
    page = click(page, f"from-{second}")
    assert page.query_params["picture"] == str(second)
    assert second not in neighbours(page)
    assert not page.file_uploader[0].value
    assert not page.session_state.held


def test_an_upload_replaces_the_picked_picture(app, gallery):
    page = click(app, f"pick-{offered(app)[0]}")
    page = upload(page, "three.jpg", jpeg(draw(3)))
    assert "picture" not in page.query_params
    assert path_of(gallery, neighbours(page)[0]).parts[-2:] == ("label0", "0003.png")


def test_the_back_button_leads_to_the_collection(app):
    page = click(app, f"pick-{offered(app)[0]}")
    page = sound(next(b for b in page.button if "Back" in b.label).click().run())
    assert offered(page)
    assert "picture" not in page.query_params


def test_an_address_shows_its_search(gallery, monkeypatch):
    monkeypatch.setenv("TWINLENS_INDEX", str(gallery))
    page = started(picture="5", k="3")
    assert len(neighbours(page)) == 3
    assert "Picture 5" in [header.value for header in page.header]


def test_an_address_without_a_valid_picture_is_reported(app):
    for picture in ("999999", "-1", "cat", "", "²", "9" * 40):
        app.query_params["picture"] = picture
        page = sound(app.run())
        assert len(page.error) == 1, picture
        assert offered(page), picture


def test_k_is_the_number_of_neighbours(app):
    page = click(app, f"pick-{offered(app)[0]}")
    page.slider(key="k").set_value(4)
    assert len(neighbours(sound(page.run()))) == 4


def test_a_label_filters_the_neighbours(app, gallery):
    page = click(app, f"pick-{offered(app)[0]}")
    page.selectbox(key="label").set_value("label1")
    found = neighbours(sound(page.run()))
    assert len(found) == QueryConfig.k
    assert "10 of 13 pictures" in texts(page)
    assert {path_of(gallery, picture).parent.name for picture in found} == {"label1"}


def test_the_collection_is_shown_by_label_and_page(app, gallery):
    assert offered(app) == list(range(1, 33))
    app.pagination[0].set_value(2)
    assert offered(sound(app.run())) == list(range(33, 41))
    app.selectbox(key="shown").set_value("label2")
    shown = offered(sound(app.run()))
    assert len(shown) == 13
    assert {path_of(gallery, picture).parent.name for picture in shown} == {"label2"}


def test_unusual_pictures_can_be_queries(app, tmp_path):
    files = good_files(tmp_path)
    page = app
    for kind in ("heic orientation 6", "png 16-bit rgb", "png palette alpha", "webp animated", "jpeg named png"):
        page = upload(page, files[kind].name, files[kind].read_bytes())
        assert [error.value for error in page.error] == [], kind
        assert len(neighbours(page)) == QueryConfig.k, kind
        assert files[kind].name in texts(page), kind


def test_pictures_of_any_shape_can_be_queries(app):
    page = app
    for width, height in ((1, 1), (4000, 3), (2, 900)):
        page = upload(page, "strip.jpg", jpeg(draw(1, (width, height))))
        assert len(neighbours(page)) == QueryConfig.k
        assert f"{width} × {height} pixels" in texts(page)


def test_an_invalid_upload_is_reported_and_the_page_still_works(app, gallery, tmp_path):
    reasons = {"text": "text", "empty": "empty", "jpeg truncated": "truncated", "png bomb": "too many pixels"}
    files = broken_files(tmp_path)
    page = app
    for kind, reason in reasons.items():
        page = upload(page, files[kind].name, files[kind].read_bytes())
        assert len(page.error) == 1, kind
        assert files[kind].name in page.error[0].value
        assert reason in page.error[0].value
        assert offered(page), kind
    page = upload(page, "three.jpg", jpeg(draw(3)))
    assert not page.error
    assert path_of(gallery, neighbours(page)[0]).parts[-2:] == ("label0", "0003.png")


def test_a_commit_is_visible_after_the_next_click(own):
    pictures, rebuild = own
    page = started()
    fill(pictures, 2, first=12)
    rebuild()
    page = sound(page.run())
    assert "14 pictures" in texts(page)
    assert len(offered(page)) == 14


def test_an_index_that_vanishes_is_reported(own, index):
    page = started()
    shutil.rmtree(index)
    page = sound(page.run())
    assert str(index) in page.error[0].value


def test_a_missing_file_keeps_its_card(own):
    pictures, _ = own
    gone = pictures / "label0" / "0003.png"
    gone.unlink()
    page = started(k="12")
    first, second = offered(page)[:2]
    assert str(gone) in texts(page)
    page = click(page, f"pick-{first}")
    assert second in neighbours(page)
    assert str(gone) in texts(page)


@pytest.mark.skipif(os.name != "posix", reason="file names are Unicode there")
def test_any_file_name_and_label_is_shown_as_text(own):
    pictures, rebuild = own
    label = os.fsdecode(b"caf\xe9 <b>*_x_*\n")
    (pictures / label).mkdir()
    names = [b"\xff\xfe.png", b"line\nbreak.png", b"`tick``s` $x$ [y](z).png", b":smile: &amp;.png"]
    names += [b"%d.png" % number for number in range(36)]
    for seed, name in enumerate(names):
        draw(seed, (8, 8)).save(pictures / label / os.fsdecode(name))
    rebuild()
    page = started(k="50")
    page.selectbox(key="label").set_value(label)
    page.selectbox(key="shown").set_value(label)
    page = sound(page.run())
    assert "caf\\udce9 <b>*_x_*\\n (40)" in page.selectbox(key="shown").options
    page.pagination[0].set_value(2)
    assert len(offered(sound(page.run()))) == 40 - 32
    page = click(page, f"pick-{offered(page)[0]}")
    assert len(neighbours(page)) == 40 - 1
    assert "caf\\udce9 <b>*_x_*\\n" in texts(page)
    assert "\\n/`tick``s` $x$ [y](z).png ```" in texts(page)


def test_the_configuration_keeps_the_app_on_this_machine():
    config = tomllib.loads((APP.parent / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["server"]["address"] == "127.0.0.1"
    assert config["browser"]["gatherUsageStats"] is False
    assert "://" not in str(config), "the page loads nothing from other hosts"


def test_thumbnail_backgrounds_match_the_theme():
    theme = tomllib.loads((APP.parent / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    assert {name: theme[name]["secondaryBackgroundColor"] for name in ("light", "dark")} == GROUNDS


@pytest.fixture
def annotated(own, index, tmp_path):
    """The user's own index, with metadata for every picture but the last."""
    rows = [f"label{n % 3}/{n:04d}.png,{n},{n / 2},2024-05-{n + 1:02d},<b>`{n}`</b>" for n in range(11)]
    (tmp_path / "m.csv").write_text("\n".join(["path,number,price,day,<b>note", *rows]))
    load_metadata(index, tmp_path / "m.csv", root=own[0])
    return index


def filtered(page, text):
    page.text_input(key="where").set_value(text)
    return sound(page.run())


def test_the_metadata_of_hits_is_shown_as_text(annotated):
    page = upload(started(), "five.png", jpeg(draw(5)))
    assert "number: 5\nprice: 2.5\nday: 2024-05-06\n<b>note: <b>`5`</b>" in [text.value for text in page.text]


def test_a_filter_expression_applies_to_neighbours_and_is_kept_in_the_address(annotated):
    page = filtered(click(started(), f"pick-{offered(started())[0]}"), "number between 2 and 6 and not price = 2")
    with open_index(annotated) as engine:
        assert sorted(neighbours(page)) == engine.ids("number in (2, 3, 5, 6)")
    assert "4 of 4 pictures" in texts(page)
    page.selectbox(key="label").set_value("label0")
    assert len(neighbours(sound(page.run()))) == 2
    assert len(neighbours(started(picture="1", where="number >= 8"))) == 3


def test_an_invalid_filter_is_explained_and_nothing_is_searched(annotated):
    page = click(started(), f"pick-{offered(started())[0]}")
    for text, says in (("nummer > 3", "Did you mean number?"), ("number >", "expected a value"), ("'", "not closed")):
        page = filtered(page, text)
        assert says in page.code[0].value
        assert page.code[0].value.endswith("^")
        assert len(page.error) == 1
        assert neighbours(page) == []
    page = filtered(page, "number > 3")
    assert not page.error
    assert len(neighbours(page)) == 7
    assert len(neighbours(filtered(page, "  "))) == 10


def test_the_columns_are_listed_and_hits_need_no_metadata(app, gallery):
    assert "`` taken ``" in app.text_input(key="where").help or "` taken `" in app.text_input(key="where").help
    page = upload(app, "three.jpg", jpeg(draw(3)))
    assert "number:" not in texts(page)


def test_an_index_of_imported_vectors_is_searched_by_its_own_pictures(monkeypatch, tmp_path):
    import numpy as np

    from indexer.exchange.config import ImportConfig
    from indexer.exchange.import_vectors import import_vectors

    np.save(tmp_path / "v.npy", np.eye(6, 8, dtype=np.float32))
    paths = fill(tmp_path / "p", 5)
    (tmp_path / "v.txt").write_text("\n".join(map(str, [*paths, tmp_path / "never-there.jpg"])))
    config = ImportConfig(encoder="clip `b` 32", foreign=True, paths=tmp_path / "v.txt")
    import_vectors(tmp_path / "v.npy", tmp_path / "i", config)
    monkeypatch.setenv("TWINLENS_INDEX", str(tmp_path / "i"))
    page = started()
    assert not page.file_uploader
    assert "made elsewhere, by `` clip `b` 32 ``" in page.info[0].value
    assert len(offered(page)) == 6
    assert "never-there.jpg" in texts(page), "a missing file is named"
    page = click(page, "pick-2")
    assert neighbours(page) == [1, 3, 4, 5, 6]
    assert not page.error
