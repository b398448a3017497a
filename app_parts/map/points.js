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

// Coverage of the pixels of a disc, from 0 to 256.
function discOf(radius) {
  const reach = Math.ceil(radius);
  const side = 2 * reach + 1;
  const cover = new Uint16Array(side * side);
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++) {
      const apart = Math.hypot(row - reach, column - reach);
      cover[row * side + column] = 256 * Math.max(0, Math.min(1, radius + 0.5 - apart)) * 0.9;
    }
  return { reach, side, cover };
}

// Blend the wanted points over an image; `scale`, `left` and `top` take the plane to its pixels.
function paintPoints(image, { xy, colour, count, palette }, { scale, left, top }, { reach, side, cover }, wanted, opacity) {
  const { width, height, data } = image;
  for (let n = 0; n < count; n++) {
    const px = Math.round(xy[2 * n] * scale + left) - reach;
    const py = Math.round(top - xy[2 * n + 1] * scale) - reach;
    if (px + side <= 0 || py + side <= 0 || px >= width || py >= height || !wanted(n)) continue;
    const [red, green, blue] = palette[colour[n]];
    for (let row = Math.max(0, -py); row < side && py + row < height; row++) {
      for (let column = Math.max(0, -px); column < side && px + column < width; column++) {
        const part = (cover[row * side + column] * opacity) | 0;
        if (!part) continue;
        const at = 4 * ((py + row) * width + px + column);
        data[at] += ((red - data[at]) * part) >> 8;
        data[at + 1] += ((green - data[at + 1]) * part) >> 8;
        data[at + 2] += ((blue - data[at + 2]) * part) >> 8;
      }
    }
  }
}
