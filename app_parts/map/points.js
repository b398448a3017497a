// Points on a canvas: what Python sent, which of them a lasso holds, which is nearest, and their pixels. They are drawn by
// the processor alone, so that the map looks and works the same without a graphics card.

const CELLS = 256; // cells per side of the grid that finds points

// Data of Python: the length of a JSON header, the header, padding, x and y of all points, a colour number of each.
function unpacked(bytes) {
  const copy = bytes.slice().buffer;
  const length = new DataView(copy).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(copy, 4, length)));
  const start = Math.ceil((4 + length) / 4) * 4;
  const xy = new Float32Array(copy, start, 2 * header.count);
  return { ...header, xy, colour: new Uint8Array(copy, start + 8 * header.count, header.count) };
}

// Even-odd rule, with the same operations as `app_parts/map/selection.py`.
function inside(corners, x, y) {
  let within = false;
  for (let i = 0, j = corners.length - 1; i < corners.length; j = i++) {
    const [x1, y1] = corners[j];
    const [x2, y2] = corners[i];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) within = !within;
  }
  return within;
}

// Finds the point nearest to a place, by cells over [-1, 1] x [-1, 1].
class Grid {
  constructor(xy) {
    this.xy = xy;
    const count = xy.length / 2;
    const cell = new Int32Array(count);
    this.starts = new Int32Array(CELLS * CELLS + 1);
    for (let n = 0; n < count; n++) {
      cell[n] = Grid.at(xy[2 * n + 1]) * CELLS + Grid.at(xy[2 * n]);
      this.starts[cell[n] + 1]++;
    }
    for (let c = 0; c < CELLS * CELLS; c++) this.starts[c + 1] += this.starts[c];
    this.order = new Int32Array(count);
    const next = this.starts.slice();
    for (let n = 0; n < count; n++) this.order[next[cell[n]]++] = n;
  }

  static at(value) {
    return Math.max(0, Math.min(CELLS - 1, Math.floor(((value + 1) / 2) * CELLS)));
  }

  // Points in the cells that a rectangle touches.
  countWithin(left, low, right, high) {
    let count = 0;
    for (let row = Grid.at(low); row <= Grid.at(high); row++)
      count += this.starts[row * CELLS + Grid.at(right) + 1] - this.starts[row * CELLS + Grid.at(left)];
    return count;
  }

  nearest(x, y, radius, allowed) {
    let best = -1;
    let least = radius * radius;
    for (let row = Grid.at(y - radius); row <= Grid.at(y + radius); row++) {
      for (let column = Grid.at(x - radius); column <= Grid.at(x + radius); column++) {
        for (let k = this.starts[row * CELLS + column]; k < this.starts[row * CELLS + column + 1]; k++) {
          const n = this.order[k];
          const apart = (this.xy[2 * n] - x) ** 2 + (this.xy[2 * n + 1] - y) ** 2;
          if (apart <= least && allowed(n)) {
            least = apart;
            best = n;
          }
        }
      }
    }
    return best;
  }
}

const numbers = (css) => (css.match(/[\d.]+/g) || [255, 255, 255]).slice(0, 3).map(Number);
const colourOf = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

// The pixels of a disc: those that it covers, and those at its edge with their coverage, from 0 to 256.
function discOf(radius) {
  const reach = Math.ceil(radius);
  const disc = { reach, most: [], full: [], edge: [] };
  for (let y = -reach; y <= reach; y++)
    for (let x = -reach; x <= reach; x++) {
      const cover = Math.round(256 * Math.max(0, Math.min(1, radius + 0.5 - Math.hypot(x, y))));
      if (cover >= 128) disc.most.push([x, y, 256]);
      if (cover >= 240) disc.full.push([x, y, 256]);
      else if (cover) disc.edge.push([x, y, cover]);
    }
  return disc;
}

// The colours of a palette as pixels, each mixed with the ground by an opacity.
function mixed(palette, ground, opacity) {
  const mix = (colour) => colour.map((value, at) => Math.round(ground[at] + (value - ground[at]) * opacity));
  return Uint32Array.from(palette, (colour) => pixelOf(mix(colour)));
}

const pixelOf = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

// Draw the wanted points into an image; `scale`, `left` and `top` take the plane to its pixels. A draft has hard edges
// and mixes nothing, which takes a fraction of the time: it is for the frames of a movement.
function paintPoints(image, { xy, colour, count, palette }, { scale, left, top }, disc, wanted, { ground, opacity, draft }) {
  const { width, height, data } = image;
  const pixels = new Uint32Array(data.buffer);
  const solid = mixed(palette, ground, draft ? Math.sqrt(opacity) : 1);
  const { reach } = disc;
  const opaque = draft ? disc.most : opacity < 1 ? [] : disc.full;
  const blended = draft ? [] : opacity < 1 ? [...disc.full, ...disc.edge] : disc.edge;
  const jumps = Int32Array.from(opaque, ([x, y]) => y * width + x);
  const steps = Int32Array.from(blended, ([x, y]) => 4 * (y * width + x));
  const covers = Int32Array.from(blended, ([, , cover]) => cover * opacity);
  for (let n = 0; n < count; n++) {
    const px = Math.round(xy[2 * n] * scale + left);
    const py = Math.round(top - xy[2 * n + 1] * scale);
    if (px < reach || py < reach || px + reach >= width || py + reach >= height || !wanted(n)) continue;
    const at = py * width + px;
    const pixel = solid[colour[n]];
    for (let k = 0; k < jumps.length; k++) pixels[at + jumps[k]] = pixel;
    if (!steps.length) continue;
    const red = pixel & 255;
    const green = (pixel >> 8) & 255;
    const blue = (pixel >> 16) & 255;
    for (let k = 0; k < steps.length; k++) {
      const to = 4 * at + steps[k];
      const part = covers[k];
      data[to] += ((red - data[to]) * part) >> 8;
      data[to + 1] += ((green - data[to + 1]) * part) >> 8;
      data[to + 2] += ((blue - data[to + 2]) * part) >> 8;
    }
  }
}
