"""The app: look through a collection of pictures in a browser.

    streamlit run app.py -- --index DIR [--manage] [--runs DIR] [--password-file FILE]
    streamlit run app.py -- --url http://127.0.0.1:8080 [--index-name NAME] [...]

The address of a page defines what it shows (`?picture=12&k=20&label=cat`), so that a search can be shared as a link.
Each page is a file in `app_parts/pages/`, listed in `app_parts/menu.py`.

Streamlit runs this file as a script on every visit, and imports it once for `app`, the server with its guard.
"""

from __future__ import annotations

import streamlit as st
from starlette.middleware import Middleware
from streamlit.starlette import App

from app_parts.arguments import arguments, arguments_or_exit
from app_parts.guard import Guard
from app_parts.menu import menu
from app_parts.sign_in import COOKIE, SignIn, password_or_exit

LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke-width="3.5">
<circle cx="12" cy="16" r="9.5" stroke="#1d6b66"/><circle cx="20" cy="16" r="9.5" stroke="#d99a4e"/></svg>"""


def main() -> None:
    """Run the page that the address names; Streamlit does so again after every click."""
    st.set_page_config("Twinlens", page_icon=LOGO, layout="wide")
    st.navigation(menu(arguments()), position="top").run()
    if any(name.startswith(COOKIE) for name in st.context.cookies):
        st.caption("[Sign out](./sign-out)")


if __name__ == "__main__":
    main()
elif __name__ != "__mp_main__":  # which is what a spawned process imports the main script as
    password = password_or_exit(arguments_or_exit().password_file, st.get_option("server.address"))
    app = App(__file__, middleware=[Middleware(Guard), Middleware(SignIn, password=password)])
