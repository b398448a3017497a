// The plane of the map: points with zoom, lasso and box, and the picture of the point under the pointer. `points.js` and
// `legend.js` come before this file.

const SLACK = 12; // pixels within which a point is hit
const STEP = 3; // pixels between two corners of a lasso
const MOST_CORNERS = 300;
const REST = 90; // milliseconds on a point before its picture is asked for
const MOST_ZOOM = 400;
const MARGIN = 1.08;
const PAUSE = 120; // milliseconds without a movement after which all of it is drawn
const MOST_PIXELS = 4e6; // that the points in view may cover, each counted
const FADED = 0.13; // opacity of points outside of the selection
const rounded = (value) => Math.round(value * 1e6) / 1e6; // so that an address can hold a selection exactly
const TURN = 2 * Math.PI;

class Plane {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.box = this.find(".plane");
    this.canvas = this.find("canvas.points");
    this.over = this.find("canvas.over");
    this.zoom = 1;
    this.centre = [0, 0];
    this.corners = null;
    this.only = null;
    this.pointers = new Map();
    this.hovered = -1;
    this.thumbs = new Map();
    this.useTool(window.matchMedia("(pointer: coarse)").matches ? "move" : "lasso");
    this.listen();
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(this.box);
  }

  listen() {
    this.stop = new AbortController();
    const on = (target, name, act, more) =>
      target.addEventListener(name, act, { signal: this.stop.signal, ...more });
    for (const button of this.root.querySelectorAll("[data-tool]"))
      on(button, "click", () => this.useTool(button.dataset.tool));
    for (const button of this.root.querySelectorAll("[data-zoom]"))
      on(button, "click", () => this.zoomBy({ in: 1.6, out: 1 / 1.6, all: 0 }[button.dataset.zoom]));
    on(this.find("[data-clear]"), "click", () => this.select(null));
    on(this.canvas, "wheel", (event) => this.wheel(event), { passive: false });
    on(this.canvas, "pointerdown", (event) => this.down(event));
    on(this.canvas, "pointermove", (event) => this.moved(event));
    on(this.canvas, "pointerup", (event) => this.up(event));
    on(this.canvas, "pointercancel", (event) => this.up(event));
    on(this.canvas, "pointerleave", (event) => this.left(event));
    on(this.canvas, "keydown", (event) => this.key(event));
    on(window, "twinlens-map-thumb", (event) => this.receive(event.detail));
  }

  close() {
    this.stop.abort();
    this.resized.disconnect();
  }

  update(data) {
    const next = unpacked(data);
    if (this.data?.version === next.version) return;
    if (this.data?.layout !== next.layout) {
      this.grid = new Grid(next.xy);
      this.thumbs.clear();
      this.hover(-1);
    }
    this.data = next;
    if (!this.palette) this.start(next.middle);
    this.palette = next.palette.map(colourOf);
    this.only = null;
    this.canvas.setAttribute("aria-label", next.about);
    this.choose();
    this.legend();
    this.fit();
  }

  // Begin where most points are: a few far away would leave little room for them.
  start([x, y, extent]) {
    this.centre = [x, y];
    this.zoom = 1 / extent;
  }

  // Places: screen pixels <-> the plane, [-1, 1] with y up -------------------------------------------------------

  get scale() {
    return (Math.min(this.width, this.height) / 2 / MARGIN) * this.zoom;
  }

  toPlane(px, py) {
    return [(px - this.width / 2) / this.scale + this.centre[0], (this.height / 2 - py) / this.scale + this.centre[1]];
  }

  toScreen(x, y) {
    return [(x - this.centre[0]) * this.scale + this.width / 2, this.height / 2 - (y - this.centre[1]) * this.scale];
  }

  placeOf(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  zoomBy(factor, px = this.width / 2, py = this.height / 2) {
    const fixed = this.toPlane(px, py);
    this.zoom = Math.max(0.5, Math.min(MOST_ZOOM, factor ? this.zoom * factor : 1));
    const now = this.toPlane(px, py);
    this.centre = factor ? this.centre.map((value, axis) => value + fixed[axis] - now[axis]) : [0, 0];
    this.draw();
  }

  pan(dx, dy) {
    this.centre = [this.centre[0] - dx / this.scale, this.centre[1] + dy / this.scale];
    this.draw();
  }

  // What the visitor does ----------------------------------------------------------------------------------------

  useTool(tool) {
    this.tool = tool;
    for (const button of this.root.querySelectorAll("[data-tool]"))
      button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    this.canvas.style.cursor = tool === "move" ? "grab" : "crosshair";
  }

  wheel(event) {
    event.preventDefault();
    this.zoomBy(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), ...this.placeOf(event));
  }

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.placeOf(event));
    this.path = null;
    this.travelled = 0;
    if (this.pointers.size === 1 && this.tool !== "move" && event.button === 0) this.path = [this.placeOf(event)];
  }

  moved(event) {
    const place = this.placeOf(event);
    if (!this.pointers.has(event.pointerId)) return this.hover(this.pointAt(place), place);
    const before = this.pointers.get(event.pointerId);
    this.pointers.set(event.pointerId, place);
    const [dx, dy] = [place[0] - before[0], place[1] - before[1]];
    this.travelled += Math.hypot(dx, dy);
    if (this.pointers.size === 2) this.pinch(event.pointerId, before, place);
    else if (this.path) this.extend(place);
    else this.pan(dx, dy);
  }

  // A finger leaves after every tap: what it tapped stays.
  left(event) {
    if (event.pointerType !== "touch" && !this.pointers.size) this.hover(-1);
  }

  pinch(id, before, place) {
    const [other] = [...this.pointers].filter(([key]) => key !== id).map(([, at]) => at);
    const apart = (one) => Math.max(1, Math.hypot(one[0] - other[0], one[1] - other[1]));
    this.pan((place[0] - before[0]) / 2, (place[1] - before[1]) / 2);
    this.zoomBy(apart(place) / apart(before), (place[0] + other[0]) / 2, (place[1] + other[1]) / 2);
  }

  extend(place) {
    const last = this.path[this.path.length - 1];
    if (this.tool === "box") this.path = [this.path[0], place];
    else if (this.path.length < MOST_CORNERS && Math.hypot(place[0] - last[0], place[1] - last[1]) >= STEP)
      this.path.push(place);
    this.outline();
  }

  up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const path = this.path;
    this.path = null;
    if (this.travelled < 2 * STEP) {
      const place = this.placeOf(event); // a click or a tap
      this.hover(this.pointAt(place), place, true);
    } else if (path && event.type === "pointerup") this.select(this.polygonOf(path));
    this.outline();
  }

  polygonOf(path) {
    let corners = path;
    if (this.tool === "box") {
      const [[left, top], [right, bottom]] = [path[0], path[path.length - 1]];
      corners = [[left, top], [right, top], [right, bottom], [left, bottom]];
    }
    return corners.length < 3 ? null : corners.map((at) => this.toPlane(...at).map(rounded));
  }

  key(event) {
    const pans = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
    if (pans[event.key]) this.pan(...pans[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoomBy(1.3);
    else if (event.key === "-") this.zoomBy(1 / 1.3);
    else if (event.key === "0") this.zoomBy(0);
    else if (event.key === "Escape") this.select(null);
    else return;
    event.preventDefault();
  }

  select(corners) {
    this.corners = corners;
    this.choose();
    this.draw(false);
    this.send("selection", corners);
  }

  choose() {
    this.find("[data-clear]").disabled = !this.corners;
    this.find(".chosen").textContent = "";
    this.chosen = null;
    if (!this.corners) return;
    let held = 0;
    const { xy, count } = this.data;
    const [xs, ys] = [0, 1].map((axis) => this.corners.map((corner) => corner[axis]));
    const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    this.chosen = new Uint8Array(count);
    for (let n = 0; n < count; n++) {
      const [x, y] = [xy[2 * n], xy[2 * n + 1]];
      if (x >= left && x <= right && y >= low && y <= high && inside(this.corners, x, y))
        held += this.chosen[n] = 1;
    }
    this.find(".chosen").textContent = `${held.toLocaleString("en")} selected`;
  }

  // The picture of a point ---------------------------------------------------------------------------------------

  pointAt(place) {
    const shown = (n) => this.only === null || this.data.colour[n] === this.only;
    return this.grid ? this.grid.nearest(...this.toPlane(...place), SLACK / this.scale, shown) : -1;
  }

  hover(number, place, now = false) {
    if (number === this.hovered && !now) return;
    this.hovered = number;
    clearTimeout(this.resting);
    const tip = this.find(".tip");
    tip.hidden = number < 0;
    if (number >= 0) {
      this.fill(this.thumbs.get(number));
      this.beside(tip, this.toScreen(this.data.xy[2 * number], this.data.xy[2 * number + 1]));
      if (!this.thumbs.has(number)) this.resting = setTimeout(() => this.send("hovered", number), now ? 0 : REST);
    }
    this.outline();
  }

  beside(tip, [x, y]) {
    const [wide, high] = [tip.offsetWidth, tip.offsetHeight];
    tip.style.left = `${x + 14 + wide < this.width ? x + 14 : Math.max(0, x - 14 - wide)}px`;
    tip.style.top = `${Math.max(0, Math.min(this.height - high, y - high / 2))}px`;
  }

  receive(thumb) {
    if (thumb.layout !== this.data?.layout) return;
    if (this.thumbs.size > 500) this.thumbs.clear();
    this.thumbs.set(thumb.number, thumb);
    if (thumb.number === this.hovered) {
      this.fill(thumb);
      this.beside(this.find(".tip"), this.toScreen(this.data.xy[2 * thumb.number], this.data.xy[2 * thumb.number + 1]));
    }
  }

  fill(thumb) {
    const image = this.find(".tip img");
    image.hidden = !thumb?.url;
    if (thumb?.url) image.src = thumb.url;
    this.find(".tip figcaption").textContent = thumb ? thumb.text : "…";
  }

  // Drawing ------------------------------------------------------------------------------------------------------

  fit() {
    [this.width, this.height] = [this.box.clientWidth, this.box.clientHeight];
    if (!this.width || !this.height) return;
    this.ratio = Math.min(2, window.devicePixelRatio || 1);
    for (const canvas of [this.canvas, this.over]) {
      canvas.width = Math.round(this.width * this.ratio);
      canvas.height = Math.round(this.height * this.ratio);
    }
    this.draw(false);
  }

  // Draw in the next frame: a draft while something moves, and all of it once nothing has moved for a moment.
  draw(draft = true) {
    if (!this.data) return;
    clearTimeout(this.settling);
    if (draft) this.settling = setTimeout(() => this.draw(false), PAUSE);
    this.draft = draft;
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
      this.outline();
    });
  }

  // Pixels; smaller where so many points are in view that drawing them would take long.
  get radius() {
    const least = Math.max(1.1, Math.min(5, 260 / Math.sqrt(this.data.count)));
    const wanted = Math.min(9, least * Math.sqrt(this.zoom));
    const most = Math.sqrt(MOST_PIXELS / (4 * Math.max(1, this.inView()))) / this.ratio;
    return Math.max(1.1, Math.min(wanted, most));
  }

  inView() {
    const [left, high] = this.toPlane(0, 0);
    const [right, low] = this.toPlane(this.width, this.height);
    return this.grid.countWithin(left, low, right, high);
  }

  paint() {
    const began = performance.now();
    const disc = discOf(this.radius * this.ratio);
    const width = this.canvas.width + 2 * disc.reach; // with room for points that are half outside
    const height = this.canvas.height + 2 * disc.reach;
    const context = this.canvas.getContext("2d", { alpha: false });
    if (this.image?.width !== width || this.image?.height !== height) this.image = context.createImageData(width, height);
    const ground = numbers(this.groundColour());
    new Uint32Array(this.image.data.buffer).fill(pixelOf(ground));
    const scale = this.scale * this.ratio;
    const to = { scale, left: width / 2 - this.centre[0] * scale, top: height / 2 + this.centre[1] * scale };
    const points = { ...this.data, palette: this.palette };
    const { chosen, only, draft } = this;
    const shown = (n) => (!chosen || chosen[n] === 1) && (only === null || points.colour[n] === only);
    const faded = { ground, opacity: FADED, draft };
    if (chosen || only !== null) paintPoints(this.image, points, to, disc, (n) => !shown(n), faded);
    paintPoints(this.image, points, to, disc, shown, { ground, opacity: 1, draft });
    context.putImageData(this.image, -disc.reach, -disc.reach);
    this.box.dataset.paintMs = (performance.now() - began).toFixed(1);
  }

  groundColour() {
    let at = this.root.host || this.root;
    while (at && at.nodeType === 1) {
      const colour = getComputedStyle(at).backgroundColor;
      if (colour && !/, 0\)$|transparent/.test(colour)) return colour;
      at = at.parentElement;
    }
    return "rgb(255, 255, 255)";
  }

  // The lasso, and a ring around the point under the pointer.
  outline() {
    const context = this.over.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.strokeStyle = getComputedStyle(this.box).color;
    context.lineWidth = 1.5;
    const drawn = this.path && this.path.length > 1 ? this.polygonOf(this.path) : this.corners;
    if (drawn) {
      context.setLineDash([5, 4]);
      context.beginPath();
      for (const corner of drawn) context.lineTo(...this.toScreen(...corner));
      context.closePath();
      context.stroke();
      context.setLineDash([]);
    }
    if (this.hovered >= 0 && this.data) {
      context.beginPath();
      const at = this.toScreen(this.data.xy[2 * this.hovered], this.data.xy[2 * this.hovered + 1]);
      context.arc(...at, this.radius + 3, 0, TURN);
      context.stroke();
    }
  }

  legend() {
    showLegend(this.root, this.data, (colour) => {
      this.only = colour;
      this.draw(false);
    });
  }
}

const planes = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  if (!planes.has(parentElement)) planes.set(parentElement, new Plane(parentElement));
  const plane = planes.get(parentElement);
  plane.send = setStateValue;
  plane.update(data);
  return () => {
    plane.close();
    planes.delete(parentElement);
  };
}
