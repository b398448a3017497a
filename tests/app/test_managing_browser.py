"""Make an index through the page in a real browser, and sign in with a password."""

from __future__ import annotations

import re

from indexer.cli.app_server import Serving, app_command
from tests.app.browser import IN_BROWSER, LOOKS, OTHER_LOOKS, choose, free_port, looks_sound, served, settled
from tests.conftest import fill

pytestmark = IN_BROWSER
SECRET = "correct horse battery"


def command(index=None, **options):
    """That of `twinlens app`."""
    return app_command(Serving(index, **options), free_port())


def test_an_index_is_made_through_the_page_which_is_reloaded_meanwhile(page, tmp_path):
    pictures = tmp_path / "my pictures"
    fill(pictures, 30)
    (pictures / "letter <b>.jpg").write_text("no picture")
    with served(None, tmp_path, command=command(manage=True)) as address:
        page.goto(address)
        page.get_by_role("heading", name="No index to search yet").wait_for()
        settled(page)
        looks_sound(page, [*LOOKS, *OTHER_LOOKS])
        page.get_by_role("textbox", name="Folder of pictures").fill(str(pictures))
        choose(page, page.get_by_role("combobox", name=re.compile("Encoder")), re.compile("^color-layout"))
        page.get_by_role("button", name="Make the index").click()
        page.locator(".st-key-job").wait_for()
        page.reload()
        page.locator('img[alt*="0000.png"]').first.wait_for()
        page.goto(f"{address}/index")
        page.get_by_text("30 added").wait_for()
        assert page.get_by_text("30 with 3 labels").count() == 1
        page.get_by_text("1 file skipped").click()
        page.get_by_text(f"{pictures}/letter <b>.jpg: ").wait_for()
        looks_sound(page, LOOKS)


def test_a_password_is_asked_for_and_signing_out_ends_the_session(page, gallery, tmp_path):
    file = tmp_path / "password"
    file.write_text(SECRET + "\n")
    with served(gallery, tmp_path, command=command(gallery, password_file=file)) as address:
        page.goto(f"{address}/index?k=3")
        page.get_by_label("Password of this app").fill("not the password")
        looks_sound(page, LOOKS)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("alert").wait_for()
        assert page.get_by_text("40 with 3 labels").count() == 0
        page.get_by_label("Password of this app").fill(SECRET)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text("40 with 3 labels").wait_for()
        assert page.url.endswith("/index?k=3")
        (cookie,) = [each for each in page.context.cookies() if each["name"].startswith("twinlens-")]
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        stranger = page.context.browser.new_page()
        stranger.goto(address)
        assert stranger.get_by_label("Password of this app").count() == 1
        stranger.close()
        page.goto(f"{address}/sign-out")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("Password of this app").wait_for()
        page.context.add_cookies([cookie])
        page.goto(address)
        assert page.get_by_label("Password of this app").count() == 1, "the old cookie is void"
