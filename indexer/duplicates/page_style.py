"""Logo and style sheet of the page: the colours of the app, in light or dark as set in the reader's system."""

from __future__ import annotations

LOGO = (
    '<svg viewBox="0 0 32 32" width="44" height="44" fill="none" stroke-width="3.5" aria-hidden="true">'
    '<circle cx="12" cy="16" r="9.5" stroke="var(--primary)"/><circle cx="20" cy="16" r="9.5" stroke="#d99a4e"/></svg>'
)

STYLE = """
:root { --ground: #fcfbf8; --panel: #f2f0ea; --text: #24272b; --quiet: #6c6f70; --line: #e2dfd6; --primary: #1d6b66;
  --spare: #a8590f; --on: #fff }
@media (prefers-color-scheme: dark) { :root { --ground: #15171a; --panel: #1f2226; --text: #e9e7e1; --quiet: #9a9c9b;
  --line: #33373c; --primary: #5fc0b4; --spare: #e0a35c; --on: #15171a } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1280px; padding: 2rem 1.5rem 4rem; background: var(--ground); color: var(--text);
  font: 15px/1.45 system-ui, sans-serif }
header { display: flex; gap: 1rem; align-items: center }
h1 { margin: 0; font: 600 2rem/1.1 Georgia, serif }
header p { margin: .2rem 0 0; color: var(--quiet); overflow-wrap: anywhere }
dl { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.5rem 0 1rem }
dl div { flex: 1 1 9rem; padding: .75rem 1rem; border: 1px solid var(--line); border-radius: .6rem;
  background: var(--panel) }
dt { color: var(--quiet); font-size: .85rem }
dd { margin: 0; font: 600 1.5rem/1.3 Georgia, serif; font-variant-numeric: tabular-nums }
.how { max-width: 70ch; color: var(--quiet) }
section { margin-top: 2rem; padding-top: 1rem; border-top: 1px solid var(--line);
  content-visibility: auto; contain-intrinsic-size: auto 340px }
h2 { margin: 0 0 .8rem; font: 600 1.15rem/1.3 Georgia, serif }
h2 small { margin-left: .4rem; color: var(--quiet); font: .9rem system-ui, sans-serif }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(172px, 1fr)); gap: 1rem }
figure { margin: 0; min-width: 0; border: 1px solid var(--line); border-radius: .6rem; overflow: hidden }
figure.keep { border-color: var(--primary); box-shadow: 0 0 0 1px var(--primary) }
.frame { position: relative; display: grid; place-items: center; aspect-ratio: 1; background: var(--panel) }
.frame img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain }
.frame b { position: absolute; left: .5rem; top: .5rem; max-width: calc(100% - 1rem); padding: .05rem .5rem;
  border-radius: 1rem; background: var(--quiet); color: var(--on); font-size: .75rem; font-weight: 600 }
.frame b.keep { background: var(--primary) }
.frame b.spare { background: var(--spare) }
.gone { padding: 1rem; color: var(--quiet); font-size: .85rem; text-align: center }
figcaption { display: grid; gap: .1rem; padding: .6rem .7rem .7rem; font-size: .8rem }
figcaption > * { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
figcaption em { color: var(--quiet); font-style: normal }
figcaption span { font-variant-numeric: tabular-nums }
.near { color: var(--spare) }
.representative, .exact { color: var(--primary) }
.more { margin: .8rem 0 0; color: var(--quiet) }
"""
