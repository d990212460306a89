/** The points in the order in which they are drawn: a random sample first, what is picked on top. */
import { Rgb } from "./data";

const GREY = 0xdc; // of what is not selected
const LIT = 0x50; // of what is selected and is noise, whose own grey would be lost among the others
const PALE = 0.62; // how much is left of the grey of noise, which is beneath all and most of all
const LARGEST = 7; // pixels across of a few points that are picked

export interface Style {
  colour: Rgb;
  shape: number;
  quiet: boolean;
}

export class Points {
  readonly lines: number;
  /** Two numbers a point, 0 to 65535. */
  readonly xy: Uint16Array;
  /** Red, green, blue, and 255 minus the shape's number. */
  readonly colours: Uint8Array;
  /** Points before this one are context, the others picked. */
  front = 0;
  /** From this one on points are of a group that is no noise, and in colour. */
  loud = 0;
  private readonly shuffled: Uint32Array;

  constructor(private readonly places: Uint16Array) {
    this.lines = places.length / 2;
    this.xy = new Uint16Array(places.length);
    this.colours = new Uint8Array(4 * this.lines);
    this.shuffled = spread(this.lines);
  }

  /**
   * codes: the group of each line. styles: of each group; quiet ones lie beneath, as noise does.
   * picked: which stay in colour, null for all.
   */
  restyle(codes: ArrayLike<number>, styles: Style[], picked: Uint8Array | null): void {
    const { shuffled, places, xy, lines } = this;
    const colours = new Uint32Array(this.colours.buffer);
    const packed = styles.map(({ colour, shape, quiet }) => {
      const [r, g, b] = quiet ? colour.map((part) => (picked ? LIT : 255 - PALE * (255 - part))) : colour;
      return pack(r, g, b, shape);
    });
    const grey = pack(GREY, GREY, GREY, 0);
    let at = 0;
    const layer = (holds: (row: number) => boolean, coloured: boolean): void => {
      for (let i = 0; i < lines; i++) {
        const row = shuffled[i];
        if (!holds(row)) continue;
        xy[2 * at] = places[2 * row];
        xy[2 * at + 1] = places[2 * row + 1];
        colours[at++] = coloured ? packed[codes[row]] : grey;
      }
    };
    if (picked) layer((row) => !picked[row], false);
    this.front = at;
    const on = (row: number): boolean => !picked || picked[row] === 1;
    if (styles.some(({ quiet }) => quiet)) layer((row) => on(row) && styles[codes[row]].quiet, true);
    this.loud = at;
    layer((row) => on(row) && !styles[codes[row]].quiet, true);
  }
}

/** Pixels across of picked points, `size` being that of the others: a few are to be seen among a million. */
export function pickedSize(points: Points, size: number): number {
  const { front, lines } = points;
  return front ? Math.max(size + 1, Math.min(LARGEST, 120 / Math.sqrt(lines - front + 1))) : size;
}

/** As four bytes in a row, on the little-endian machines that there are. */
function pack(red: number, green: number, blue: number, shape: number): number {
  return (((255 - shape) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** 0..n-1 in an order of which every beginning is spread evenly, always the same. */
export function spread(n: number): Uint32Array {
  const out = new Uint32Array(n);
  let seed = 42;
  for (let i = 0; i < n; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; // Numerical Recipes' generator
    const j = Math.floor((seed / 4294967296) * (i + 1));
    out[i] = out[j];
    out[j] = i;
  }
  return out;
}
