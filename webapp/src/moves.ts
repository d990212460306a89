/** Lines that lie in another cluster in the other night, drawn from where they were. */
import { Camera } from "./camera";
import { Rgb } from "./data";
import { Night } from "./night";
import { Pair } from "./pair";
import { spread } from "./points";

const MOST = 1500; // drawn at once; more are a sample of them
const REACH = 4; // pixels; nearer places are one

export interface Moves {
  /** Of the unit square: from x, y to x, y, four numbers a move. */
  places: Float32Array;
  colours: Rgb[];
  /** How many lines moved in all. */
  total: number;
}

/** Of the lines picked, or of all; from the earlier night's place to the later one's. */
export function findMoves(pair: Pair, night: Night): Moves {
  const [moved, clusters] = [night.facets.get("moved")!, night.facets.get("cluster")!];
  const { picked } = night.selection;
  const rows: number[] = [];
  let total = 0;
  for (const row of spread(night.data.lines)) {
    const code = moved.codes[row];
    if (code < 1 || code > 3 || (picked && !picked[row])) continue;
    total++;
    if (rows.length < MOST) rows.push(row);
  }
  const places = new Float32Array(4 * rows.length);
  rows.forEach((row, i) => {
    const here = night.placeOf(row);
    const other = pair.other(night).placeOf(pair.partner(row, night));
    places.set(night.earlier ? [...here, ...other] : [...other, ...here], 4 * i);
  });
  const colours = rows.map((row) => clusters.groups[clusters.codes[row]].colour);
  return { places, colours, total };
}

/** Each move on the screen: from x, y to x, y, and its colour; those out of sight are left out. */
export function* seenMoves({ places, colours }: Moves, camera: Camera) {
  for (let i = 0; i < colours.length; i++) {
    const [fromX, fromY] = camera.toScreen(places[4 * i], places[4 * i + 1]);
    const [toX, toY] = camera.toScreen(places[4 * i + 2], places[4 * i + 3]);
    if (!camera.sees(fromX, fromY) && !camera.sees(toX, toY)) continue;
    if (Math.hypot(toX - fromX, toY - fromY) < REACH) continue;
    yield { fromX, fromY, toX, toY, colour: `rgb(${colours[i].join(" ")})` };
  }
}

export function drawMoves(context: CanvasRenderingContext2D, moves: Moves, camera: Camera): void {
  context.globalAlpha = 0.55;
  context.lineWidth = 1;
  for (const { fromX, fromY, toX, toY, colour } of seenMoves(moves, camera)) {
    context.strokeStyle = context.fillStyle = colour;
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(toX, toY);
    context.stroke();
    context.beginPath();
    context.arc(toX, toY, 2.5, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
}
