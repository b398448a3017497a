"""Style sheet and script of the page that `indexer.plots.map_page` writes."""

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1f2933; --soft: #55606c; --line: #d5dbe1; --mark: #0b63ce }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15191e; --ink: #e8edf2; --soft: #a3afbb; --line: #3a434d; --mark: #7db4ff }
}
* { box-sizing: border-box }
html, body { height: 100%; margin: 0 }
body { display: grid; grid-template: auto 1fr / 17rem 1fr; font: 15px/1.45 system-ui, sans-serif;
  color: var(--ink); background: var(--paper) }
header { grid-column: 1 / 3; padding: .7rem 1rem; border-bottom: 1px solid var(--line) }
h1 { font-size: 1.15rem; margin: 0 } h2 { font-size: .95rem; margin: 1rem 0 .3rem }
header p, .how { margin: 0; color: var(--soft) }
aside { padding: .8rem 1rem; overflow: auto; border-right: 1px solid var(--line) }
aside input[type=search] { width: 100%; font: inherit; padding: .35rem .5rem }
#found { min-height: 1.45em; margin: .3rem 0; color: var(--soft) }
#legend { list-style: none; margin: 0; padding: 0 }
#legend li { display: flex; align-items: center; gap: .3rem }
#legend button, .tools button, dialog button { font: inherit; color: inherit; background: none; cursor: pointer;
  border: 1px solid transparent; border-radius: 4px; padding: .15rem .4rem }
#legend button { flex: 1; text-align: left; overflow-wrap: anywhere; min-width: 0 }
#legend button::before { content: ""; display: inline-block; width: .75em; height: .75em; margin-right: .4em;
  border-radius: 2px; background: var(--c) }
#legend button[aria-pressed=true] { border-color: var(--mark); font-weight: 600 }
.tools { display: flex; gap: .3rem; margin: .6rem 0 } .tools button, dialog button { border-color: var(--line) }
main { position: relative; overflow: hidden; touch-action: none; cursor: grab; outline-offset: -3px }
main.moving { cursor: grabbing }
#plane { position: absolute; left: 0; top: 0; transform-origin: 0 0 }
#plane img { position: absolute; background: #c8c8c8; border-bottom: 4px solid var(--c, transparent);
  object-fit: cover; cursor: pointer; user-select: none }
#plane img.away { display: none } #plane img.dim { opacity: .12 }
#plane img:focus-visible { outline: 4px solid var(--mark); z-index: 2 }
#hover { position: fixed; z-index: 5; pointer-events: none; max-width: 21rem; padding: .5rem; border-radius: 6px;
  background: var(--paper); border: 1px solid var(--line); box-shadow: 0 4px 18px #0005; overflow-wrap: anywhere }
#hover img { display: block; width: 10rem } #hover[hidden] { display: none }
dialog { max-width: 92vw; color: var(--ink); background: var(--paper); border: 1px solid var(--line) }
dialog img { display: block; width: min(70vh, 80vw); image-rendering: auto } dialog p { overflow-wrap: anywhere }
@media (max-width: 45rem) { body { grid-template: auto minmax(6rem, 34vh) 1fr / 1fr } header { grid-column: 1 }
  aside { border-right: 0; border-bottom: 1px solid var(--line) } }
"""

SCRIPT = r"""
"use strict";
const $ = name => document.getElementById(name), view = document.querySelector("main"), plane = $("plane");
const pictures = [...plane.children], buttons = [...document.querySelectorAll("#legend button")];
const boxes = [...document.querySelectorAll("#legend input")];
const texts = pictures.map(p => p.dataset.caption.toLowerCase());
const WIDTH = plane.offsetWidth, HEIGHT = plane.offsetHeight;
const shown = new Image(), enlarged = new Image();
$("hover").prepend(shown); $("box").prepend(enlarged);
let scale = 1, x = 0, y = 0, current = pictures[0];
const move = () => { plane.style.transform = `translate(${x}px, ${y}px) scale(${scale})` };

function zoom(factor, atX = view.clientWidth / 2, atY = view.clientHeight / 2) {
  const next = Math.min(8, Math.max(least() / 2, scale * factor));
  x = atX - (atX - x) * next / scale; y = atY - (atY - y) * next / scale; scale = next; move();
}
function least() { return Math.min(view.clientWidth / WIDTH, view.clientHeight / HEIGHT) || 1 }
function all() {
  scale = least() * .97;
  x = (view.clientWidth - WIDTH * scale) / 2; y = (view.clientHeight - HEIGHT * scale) / 2; move();
}

function sift() {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const marked = new Set(buttons.filter(b => b.getAttribute("aria-pressed") == "true").map(b => b.dataset.label));
  const hidden = new Set(boxes.filter(b => !b.checked).map(b => b.dataset.label));
  let count = 0;
  pictures.forEach((picture, n) => {
    const fits = words.every(word => texts[n].includes(word)) && (!marked.size || marked.has(picture.dataset.label));
    const away = hidden.has(picture.dataset.label);
    picture.classList.toggle("away", away); picture.classList.toggle("dim", !fits); count += fits && !away;
  });
  $("found").textContent = words.length || marked.size || hidden.size ? `${count} of ${pictures.length} pictures` : "";
}
$("search").addEventListener("input", sift);
boxes.forEach(box => box.addEventListener("change", sift));
buttons.forEach(button => button.addEventListener("click", () => {
  button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") != "true"); sift();
}));
$("in").onclick = () => zoom(1.4); $("out").onclick = () => zoom(1 / 1.4); $("all").onclick = all;
$("reset").onclick = () => {
  $("search").value = ""; boxes.forEach(box => { box.checked = true });
  buttons.forEach(button => button.setAttribute("aria-pressed", "false")); sift(); all();
};

function large(picture) {
  const [path, label] = picture.dataset.caption.split("\n");
  enlarged.src = picture.src; enlarged.alt = picture.alt; $("path").textContent = path;
  $("label").textContent = label || ""; $("box").showModal();
}
$("close").onclick = () => $("box").close();
$("box").addEventListener("click", event => { if (event.target == $("box")) $("box").close() });
$("box").addEventListener("close", () => current.focus({preventScroll: true}));

const fingers = new Map();
let moved = 0;
function place(event) {
  const box = view.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}
view.addEventListener("wheel", event => {
  event.preventDefault(); zoom(Math.exp(-event.deltaY * (event.deltaMode ? .05 : .0015)), ...place(event)); hide();
}, {passive: false});
view.addEventListener("pointerdown", event => {
  if (event.button) return;
  if (!fingers.size) moved = 0;
  fingers.set(event.pointerId, place(event));
});
window.addEventListener("pointermove", event => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const [nowX, nowY] = place(event), stepX = nowX - before[0], stepY = nowY - before[1];
  moved += Math.abs(stepX) + Math.abs(stepY);
  if (moved > 5) { view.classList.add("moving"); hide() }
  if (fingers.size == 1) { x += stepX; y += stepY; move() }
  else {
    const other = [...fingers].find(([id]) => id != event.pointerId)[1];
    const apart = Math.hypot(before[0] - other[0], before[1] - other[1]);
    if (apart > 1) zoom(Math.hypot(nowX - other[0], nowY - other[1]) / apart, other[0], other[1]);
  }
  fingers.set(event.pointerId, [nowX, nowY]);
});
for (const end of ["pointerup", "pointercancel"])
  window.addEventListener(end, event => { fingers.delete(event.pointerId); view.classList.remove("moving") });
view.addEventListener("dragstart", event => event.preventDefault());
plane.addEventListener("click", event => {
  if (moved <= 5 && event.target != plane) { enter(event.target); large(event.target) }
});

const hide = () => { $("hover").hidden = true };
plane.addEventListener("mouseover", event => {
  const picture = event.target;
  if (picture == plane || fingers.size) return;
  shown.src = picture.src; $("caption").innerText = picture.dataset.caption; $("hover").hidden = false;
  const box = picture.getBoundingClientRect(), own = $("hover").getBoundingClientRect();
  $("hover").style.left = Math.max(4, Math.min(innerWidth - own.width - 4, box.right + 8)) + "px";
  $("hover").style.top = Math.max(4, Math.min(innerHeight - own.height - 4, box.top)) + "px";
});
plane.addEventListener("mouseout", hide);

function enter(picture) { current.tabIndex = -1; current = picture; current.tabIndex = 0 }
function middle(picture) { return [picture.offsetLeft, picture.offsetTop] }
function step(across, down) {
  const [hereX, hereY] = middle(current);
  let best = null, least = Infinity;
  for (const picture of pictures) {
    const [thereX, thereY] = middle(picture), ahead = (thereX - hereX) * across + (thereY - hereY) * down;
    if (ahead <= 0 || picture.classList.contains("away") || picture.classList.contains("dim")) continue;
    const cost = ahead + 2 * Math.abs((thereX - hereX) * down + (thereY - hereY) * across);
    if (cost < least) { least = cost; best = picture }
  }
  if (best) {
    enter(best); best.focus({preventScroll: true});
    const box = best.getBoundingClientRect(), frame = view.getBoundingClientRect();
    x += Math.max(0, frame.left - box.left) - Math.max(0, box.right - frame.right);
    y += Math.max(0, frame.top - box.top) - Math.max(0, box.bottom - frame.bottom); move();
  }
}
const KEYS = {ArrowLeft: () => step(-1, 0), ArrowRight: () => step(1, 0), ArrowUp: () => step(0, -1),
  ArrowDown: () => step(0, 1), Enter: () => large(current), " ": () => large(current), "+": () => zoom(1.4),
  "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), "0": all};
view.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault(); KEYS[event.key]();
});
document.addEventListener("keydown", event => {
  if (event.key == "/" && document.activeElement != $("search")) { event.preventDefault(); $("search").focus() }
});
addEventListener("resize", move);
if (current) current.tabIndex = 0;
all();
"""
