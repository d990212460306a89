/** The points in the order in which they are drawn: a random sample first, what is picked on top. */
import { Rgb } from "./data";

const GREY = 0xd8; // of what is not selected
export const SHAPES = 6;

export class Points {
  readonly lines: number;
  /** Two numbers a point, 0 to 65535. */
  readonly xy: Uint16Array;
  /** Red, green, blue, and 255 minus the shape's number. */
  readonly colours: Uint8Array;
  /** Points before this one are context, the others picked. */
  front = 0;
  private readonly shuffled: Uint32Array;

  constructor(private readonly places: Uint16Array) {
    this.lines = places.length / 2;
    this.xy = new Uint16Array(places.length);
    this.colours = new Uint8Array(4 * this.lines);
    this.shuffled = shuffle(this.lines);
  }

  /** codes: the group of each line. picked: which stay in colour, null for all. */
  restyle(codes: ArrayLike<number>, palette: Rgb[], shaped: boolean, picked: Uint8Array | null): void {
    const { shuffled, places, xy, colours, lines } = this;
    const packed = palette.map((rgb, i) => [...rgb, 255 - (shaped ? i % SHAPES : 0)]);
    let at = 0;
    const put = (row: number, colour: number[]): void => {
      xy[2 * at] = places[2 * row];
      xy[2 * at + 1] = places[2 * row + 1];
      colours.set(colour, 4 * at++);
    };
    if (!picked) {
      this.front = 0;
      for (let i = 0; i < lines; i++) put(shuffled[i], packed[codes[shuffled[i]]]);
      return;
    }
    const grey = [GREY, GREY, GREY, 255];
    for (let i = 0; i < lines; i++) if (!picked[shuffled[i]]) put(shuffled[i], grey);
    this.front = at;
    for (let i = 0; i < lines; i++) {
      if (picked[shuffled[i]]) put(shuffled[i], packed[codes[shuffled[i]]]);
    }
  }
}

/** 0..n-1 in an order of which every beginning is spread evenly, always the same. */
function shuffle(n: number): Uint32Array {
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
