/** Which line lies nearest to a place: squares over the unit square, and the lines in each. */
import { Box } from "./camera";

const SIDE = 512;
const SHIFT = 7; // 65536 / 512

const cell = (value: number): number => Math.min(SIDE - 1, Math.max(0, Math.floor(value) >> SHIFT));

export class Grid {
  private readonly begins = new Uint32Array(SIDE * SIDE + 1);
  private readonly rows: Uint32Array;

  constructor(private readonly xy: Uint16Array) {
    const n = xy.length / 2;
    this.rows = new Uint32Array(n);
    for (let i = 0; i < n; i++) this.begins[this.square(i) + 1]++;
    for (let i = 0; i < SIDE * SIDE; i++) this.begins[i + 1] += this.begins[i];
    const next = this.begins.slice(0, SIDE * SIDE);
    for (let i = 0; i < n; i++) this.rows[next[this.square(i)]++] = i;
  }

  private square(row: number): number {
    return (this.xy[2 * row + 1] >> SHIFT) * SIDE + (this.xy[2 * row] >> SHIFT);
  }

  /** The lines in a box (x, y, x, y) of the unit square, or null where there are more than `most`. */
  within(box: Box, most: number, allowed: Uint8Array | null): number[] | null {
    const [left, low, right, high] = box.map((value) => value * 65535);
    const found: number[] = [];
    for (let v = cell(low); v <= cell(high); v++) {
      for (let u = cell(left); u <= cell(right); u++) {
        const square = v * SIDE + u;
        for (let i = this.begins[square]; i < this.begins[square + 1]; i++) {
          const row = this.rows[i];
          if (allowed && !allowed[row]) continue;
          const [x, y] = [this.xy[2 * row], this.xy[2 * row + 1]];
          if (x < left || x > right || y < low || y > high) continue;
          if (found.length === most) return null;
          found.push(row);
        }
      }
    }
    return found;
  }

  /** The line nearest to (x, y) of the unit square within `reach`, -1 for none. */
  nearest(x: number, y: number, reach: number, allowed: Uint8Array | null): number {
    const [atX, atY, far] = [x * 65535, y * 65535, reach * 65535];
    let best = -1;
    let closest = far * far;
    for (let v = cell(atY - far); v <= cell(atY + far); v++) {
      for (let u = cell(atX - far); u <= cell(atX + far); u++) {
        const square = v * SIDE + u;
        for (let i = this.begins[square]; i < this.begins[square + 1]; i++) {
          const row = this.rows[i];
          if (allowed && !allowed[row]) continue;
          const dx = this.xy[2 * row] - atX;
          const dy = this.xy[2 * row + 1] - atY;
          const away = dx * dx + dy * dy;
          if (away < closest) {
            closest = away;
            best = row;
          }
        }
      }
    }
    return best;
  }
}
