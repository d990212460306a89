/** Six shapes that tell groups apart without colour, on a map, in a legend and in a picture. */
import { Camera } from "./camera";
import { Group } from "./data";
import { Points } from "./points";

/** Paths over [-1, 1], filled by the even-odd rule. The painters draw the same. */
export const MARKS = [
  "M-1 0A1 1 0 1 0 1 0A1 1 0 1 0-1 0Z",
  "M-.8-.8H.8V.8H-.8Z",
  "M0-1L1 0L0 1L-1 0Z",
  "M0-1L1 .8H-1Z",
  "M0 1L1-.8H-1Z",
  "M-1 0A1 1 0 1 0 1 0A1 1 0 1 0-1 0ZM-.45 0A.45 .45 0 1 0 .45 0A.45 .45 0 1 0-.45 0Z",
];

export const SHAPED = 4; // pixels across from which a point has a shape

/** By id, which stays from night to night. */
export const shapeOf = ({ id }: Group): number => (id < 0 ? 0 : id % MARKS.length);

/** How far (x, y) lies outside a shape, negative within; y points down, as on a screen. */
export function outside(shape: number, x: number, y: number): number {
  const far = Math.hypot(x, y);
  if (shape === 1) return Math.max(Math.abs(x), Math.abs(y)) - 0.8;
  if (shape === 2) return (Math.abs(x) + Math.abs(y) - 1) / Math.SQRT2;
  if (shape === 3) return Math.max(y - 0.8, (1.8 * Math.abs(x) - y - 1) / 2.06);
  if (shape === 4) return Math.max(-y - 0.8, (1.8 * Math.abs(x) + y - 1) / 2.06);
  return shape === 5 ? Math.abs(far - 0.725) - 0.275 : far - 1;
}

export interface Sign {
  left: number;
  top: number;
  shape: number;
  colour: string;
}

const ROOM = 34; // pixels that a sign has for itself, at least
export const RADIUS = 4.2; // pixels
const TRIED = 40_000; // points, of a random order

/**
 * Where points are too small to have shapes, a few that are drawn large: evenly over what is in
 * colour, and at the same places while the map moves.
 */
export function placeSigns(camera: Camera, { xy, colours, loud, lines }: Points): Sign[] {
  const cell = 2 ** Math.ceil(Math.log2(ROOM / camera.scale));
  const taken = new Set<number>();
  const signs: Sign[] = [];
  for (let i = loud; i < Math.min(lines, loud + TRIED); i++) {
    const [x, y] = [xy[2 * i] / 65535, xy[2 * i + 1] / 65535];
    const key = Math.floor(x / cell) * 65536 + Math.floor(y / cell);
    if (taken.has(key)) continue;
    taken.add(key);
    const [left, top] = camera.toScreen(x, y);
    if (!camera.sees(left, top)) continue;
    const [r, g, b, shape] = colours.subarray(4 * i, 4 * i + 4);
    signs.push({ left, top, shape: 255 - shape, colour: `rgb(${r} ${g} ${b})` });
  }
  return signs;
}

const paths: Path2D[] = [];

export function drawSigns(context: CanvasRenderingContext2D, signs: Sign[]): void {
  context.lineJoin = "round";
  for (const { left, top, shape, colour } of signs) {
    paths[shape] ??= new Path2D(MARKS[shape]);
    context.save();
    context.translate(left, top);
    context.scale(RADIUS, RADIUS);
    context.lineWidth = 2.6 / RADIUS;
    context.strokeStyle = "white";
    context.stroke(paths[shape]);
    context.fillStyle = colour;
    context.fill(paths[shape], "evenodd");
    context.restore();
  }
}
