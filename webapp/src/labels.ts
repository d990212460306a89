/** Names on the map: themes first, then clusters, then a cluster's terms; never one over another. */
import { Camera } from "./camera";
import { Grouping, groupName } from "./facets";

export interface Label {
  left: number;
  top: number;
  text: string;
  size: number;
  colour: string;
}

const CLUSTERS_FROM = 1.8; // times the first view
const TERMS_FROM = 5;
const FONT = '"View", "Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif';

export const labelFont = (size: number): string => `600 ${size}px ${FONT}`;

export function placeLabels(
  camera: Camera,
  themes: Grouping | undefined,
  clusters: Grouping | undefined,
  width: (text: string, size: number) => number,
): Label[] {
  const placed: { box: [number, number, number, number]; label: Label }[] = [];
  const put = (at: [number, number], text: string, size: number, colour: string): void => {
    const [left, top] = camera.toScreen(...at);
    const half = width(text, size) / 2 + 4;
    const box: [number, number, number, number] = [left - half, top - size, left + half, top + size * 0.6];
    if (box[0] < 0 || box[1] < 0 || box[2] > camera.width || box[3] > camera.height) return;
    const clashes = placed.some(
      ({ box: other }) =>
        box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1],
    );
    if (!clashes) placed.push({ box, label: { left, top, text, size, colour } });
  };
  const close = camera.zoom;
  if (themes && close < CLUSTERS_FROM) {
    for (const { at, group, number } of named(themes)) {
      put(at, groupName(themes, number), 17, dark(group.colour));
    }
  }
  if (clusters) {
    const size = close < CLUSTERS_FROM ? 11 : 14;
    for (const { at, group, number } of named(clusters)) {
      const terms = group.terms ?? [];
      const text =
        close < TERMS_FROM
          ? close < CLUSTERS_FROM
            ? group.name
            : groupName(clusters, number)
          : `${groupName(clusters, number)} · ${terms.slice(3, 9).join(" ")}`;
      put(at, text, size, dark(group.colour));
    }
  }
  return placed.map(({ label }) => label);
}

function* named(grouping: Grouping) {
  for (const number of grouping.order) {
    const group = grouping.groups[number];
    if (group.at && group.id >= 0 && group.name) yield { at: group.at, group, number };
  }
}

function dark([r, g, b]: [number, number, number]): string {
  const light = (0.3 * r + 0.59 * g + 0.11 * b) / 255;
  const by = light > 0.35 ? 0.35 / light : 1;
  return `rgb(${[r, g, b].map((part) => Math.round(part * by)).join(" ")})`;
}

export function drawLabels(context: CanvasRenderingContext2D, labels: Label[]): void {
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  context.lineJoin = "round";
  for (const { left, top, text, size, colour } of labels) {
    context.font = labelFont(size);
    context.lineWidth = size / 4;
    context.strokeStyle = "rgb(255 255 255 / 0.9)";
    context.strokeText(text, left, top);
    context.fillStyle = colour;
    context.fillText(text, left, top);
  }
}
