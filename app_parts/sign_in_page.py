"""The pages that ask for the password, and to sign out: plain HTML that loads nothing."""

from __future__ import annotations

from html import escape

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title} – Twinlens</title>
<style>
:root {{ color-scheme: light dark; --ground: #fcfbf8; --text: #101214; --line: #8a8678; --own: #1d6b66;
  --on: #ffffff; --bad: #a3261b; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ground: #15171a; --text: #e9e7e1; --line: #7c838b; --own: #87cfc6;
  --on: #101214; --bad: #ff9c90; }} }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--ground);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }}
main {{ width: min(22rem, calc(100vw - 3rem)); }}
h1 {{ font: 600 2rem/1.2 Georgia, serif; margin: 0 0 1rem; }}
label {{ display: block; margin-bottom: .25rem; }}
input, button {{ box-sizing: border-box; width: 100%; font: inherit; padding: .6rem .75rem; border-radius: .5rem; }}
input {{ border: 1px solid var(--line); background: transparent; color: inherit; }}
button {{ margin-top: 1rem; border: 0; background: var(--own); color: var(--on); cursor: pointer; }}
:focus-visible {{ outline: 3px solid var(--own); outline-offset: 2px; }}
.problem {{ color: var(--bad); }}
a {{ color: inherit; }}
</style>
</head>
<body><main><h1>Twinlens</h1>{body}</main></body>
</html>
"""


def sign_in_page(action: str, target: str, problem: str = "") -> str:
    """The form for the password; `target` is where the visitor wanted to go."""
    shown = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    return _PAGE.format(
        title="Sign in",
        body=f"""{shown}<form method="post" action="{escape(action)}">
<input type="hidden" name="next" value="{escape(target)}">
<label for="password">Password of this app</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button></form>""",
    )


def sign_out_page(action: str, back: str) -> str:
    """The question whether to sign out."""
    return _PAGE.format(
        title="Sign out",
        body=f"""<form method="post" action="{escape(action)}"><button>Sign out</button></form>
<p><a href="{escape(back)}">Back to the app</a></p>""",
    )
