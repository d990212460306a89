/** Names on the map: themes, then clusters, then their terms, then lines; never one over another. */
import { Camera } from "./camera";
import { Rgb } from "./data";
import { Grouping, groupName } from "./facets";
import { Night } from "./night";

export interface Label {
  /** The middle of the text's base. */
  left: number;
  top: number;
  text: string;
  size: number;
  colour: string;
  bold: boolean;
}

const CLUSTERS_FROM = 1.8; // times the first view
const TERMS_FROM = 5;
const TERMS = 9;
const INK = "#3a3a42";
const LINES = 600; // in sight; of more none is written out
const FEW = 60; // picked lines that are written out from afar
const LONGEST = 18; // characters of a line
const BESIDE = 9; // pixels from a point to its line
const MOST_SEEN = 20_000; // lines whose groups are counted
const LEAST_SEEN = 5;
const FONT = '"View", "Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif';
const UNSEEN = /\p{C}+/gu;
const PILED = /(\p{M}{2})\p{M}+/gu;

type Spot = [number, number];
type Measure = (text: string, size: number, bold: boolean) => number;
/** Texts that stand together, the first on top. */
type Part = Pick<Label, "text" | "size" | "colour" | "bold">;

export const labelFont = (size: number, bold = true): string => `${bold ? 600 : 400} ${size}px ${FONT}`;

export function placeLabels(camera: Camera, night: Night, measure: Measure): Label[] {
  const labels: Label[] = [];
  const boxes: [number, number, number, number][] = [];
  /** At a place of the screen, beside it to the right (1) or the left (-1); whether there was room. */
  const put = ([x, top]: Spot, parts: Part[], side = 0): boolean => {
    const wide = Math.max(...parts.map(({ text, size, bold }) => measure(text, size, bold)));
    const left = x + side * (BESIDE + wide / 2);
    const high = parts.slice(1).reduce((sum, { size }) => sum + 1.45 * size, 0.6 * parts[0].size);
    const half = wide / 2 + 3;
    const box: (typeof boxes)[0] = [left - half, top - parts[0].size, left + half, top + high];
    if (box[0] < 0 || box[1] < 0 || box[2] > camera.width || box[3] > camera.height) return false;
    if (boxes.some((b) => box[0] < b[2] && box[2] > b[0] && box[1] < b[3] && box[3] > b[1])) return false;
    boxes.push(box);
    let down = top;
    parts.forEach((part, i) => {
      if (i) down += 1.45 * part.size;
      labels.push({ left, top: down, ...part });
    });
    return true;
  };
  const write = (rows: Iterable<number>): void => {
    for (const row of rows) {
      const text = shortened(night.texts.line(row));
      const [left, top] = camera.toScreen(...night.placeOf(row));
      const part = { text, size: 12, colour: INK, bold: false };
      if (text && camera.sees(left, top) && !put([left, top + 4], [part], 1)) put([left, top + 4], [part], -1);
    }
  };
  const { selection, data } = night;
  const few = selection.picked !== null && selection.size <= FEW;
  if (few && data.header.chunks) write(selection.chosen());
  const close = camera.zoom;
  const [themes, clusters] = [night.facets.get("theme")!, night.facets.get("cluster")!];
  if (close < CLUSTERS_FROM) {
    for (const { at, group, number } of named(themes)) {
      const part = { text: groupName(themes, number), size: 17, colour: dark(group.colour), bold: true };
      put(camera.toScreen(...at), [part]);
    }
  }
  const seen = close < TERMS_FROM ? null : rowsSeen(camera, night, MOST_SEEN);
  const middles = seen && middlesOf(seen, clusters, night);
  for (const { at, group, number } of named(clusters)) {
    const afar = close < CLUSTERS_FROM;
    const text = afar ? group.name : groupName(clusters, number);
    const parts: Part[] = [{ text, size: afar ? 12 : 15, colour: dark(group.colour), bold: true }];
    const terms = (group.terms ?? []).slice(3, TERMS).join(" ");
    if (close >= TERMS_FROM && terms) parts.push({ text: terms, size: 13, colour: INK, bold: false });
    const spot = camera.toScreen(...at);
    const middle = middles?.get(number);
    put(!camera.sees(...spot) && middle ? camera.toScreen(...middle) : spot, parts);
  }
  if (seen && seen.length <= LINES && !few && data.header.chunks) write(seen);
  return labels;
}

/** Lines that are in sight, or null where there are more than so many. */
function rowsSeen(camera: Camera, { grid, selection }: Night, most: number): number[] | null {
  const [left, top] = camera.toMap(0, 0);
  const [right, bottom] = camera.toMap(camera.width, camera.height);
  return grid.within([left, bottom, right, top], most, selection.picked);
}

/** Where each group lies of which enough is in sight. */
function middlesOf(rows: number[], { codes }: Grouping, night: Night): Map<number, Spot> {
  const sums = new Map<number, [number, number, number]>();
  for (const row of rows) {
    const sum = sums.get(codes[row]) ?? [0, 0, 0];
    const [x, y] = night.placeOf(row);
    sums.set(codes[row], [sum[0] + x, sum[1] + y, sum[2] + 1]);
  }
  const enough = [...sums].filter(([, [, , size]]) => size >= LEAST_SEEN);
  return new Map(enough.map(([code, [x, y, size]]) => [code, [x / size, y / size]]));
}

/** A line as it fits onto a map, without what turns or hides what stands around it. */
export function shortened(text: string): string {
  const plain = text.slice(0, 20 * LONGEST).replace(UNSEEN, "").replace(PILED, "$1").trim();
  const signs = [...plain];
  return signs.length > LONGEST ? `${signs.slice(0, LONGEST).join("")}…` : plain;
}

function* named(grouping: Grouping) {
  for (const number of grouping.order) {
    const group = grouping.groups[number];
    if (group.at && group.id >= 0 && group.name) yield { at: group.at, group, number };
  }
}

/** Dark enough to be read on white (4.5 : 1 and more), in the hue of the group. */
function dark([r, g, b]: Rgb): string {
  const light = (0.3 * r + 0.59 * g + 0.11 * b) / 255;
  const by = light > 0.28 ? 0.28 / light : 1;
  return `rgb(${[r, g, b].map((part) => Math.round(part * by)).join(" ")})`;
}

export const haloOf = (size: number): number => Math.max(4, size / 3);

export function drawLabels(context: CanvasRenderingContext2D, labels: Label[]): void {
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  context.lineJoin = "round";
  for (const { left, top, text, size, colour, bold } of labels) {
    context.font = labelFont(size, bold);
    context.lineWidth = haloOf(size);
    context.strokeStyle = "rgb(255 255 255 / 0.88)";
    context.strokeText(text, left, top);
    context.fillStyle = colour;
    context.fillText(text, left, top);
  }
}
