/** What is seen as a picture: PNG twice as large, or SVG with its words as words. */
import { Camera } from "./camera";
import { Grouping, groupName } from "./facets";
import { Label, drawLabels, labelFont } from "./labels";
import { ByHand } from "./painter";
import { MARKS, shapeOf } from "./marks";
import { Moves, drawMoves, seenMoves } from "./moves";
import { Points, pickedSize } from "./points";
import { say } from "./words";

const RATIO = 2;
const LEGEND = 230;
const FOOT = 34;
const MOST = 26;

export interface Scene {
  camera: Camera;
  points: Points;
  pointSize: number;
  labels: Label[];
  grouping: Grouping;
  moves: Moves | null;
  caption: string;
}

/** The points alone, on white. */
function paintPoints({ camera, points, pointSize }: Scene): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  const painter = new ByHand(canvas);
  painter.resize(Math.round(camera.width * RATIO), Math.round(camera.height * RATIO));
  painter.load(points);
  painter.clear();
  painter.draw(camera, RATIO, pointSize * RATIO, 0, points.front);
  painter.draw(camera, RATIO, pickedSize(points, pointSize) * RATIO, points.front, points.lines);
  return canvas;
}

interface Entry {
  colour: string;
  text: string;
  shape: number;
}

function legend({ grouping }: Scene, height: number): Entry[] {
  const most = Math.min(MOST, Math.floor((height - 60) / 20));
  return grouping.order.slice(0, most).map((number) => ({
    colour: `rgb(${grouping.groups[number].colour.join(" ")})`,
    text: groupName(grouping, number).slice(0, 26),
    shape: shapeOf(grouping.groups[number]),
  }));
}

export async function png(scene: Scene): Promise<Blob> {
  const { camera } = scene;
  const out = document.createElement("canvas");
  out.width = (camera.width + LEGEND) * RATIO;
  out.height = (camera.height + FOOT) * RATIO;
  const context = out.getContext("2d")!;
  context.fillStyle = "white";
  context.fillRect(0, 0, out.width, out.height);
  context.drawImage(paintPoints(scene), 0, 0);
  context.scale(RATIO, RATIO);
  if (scene.moves) drawMoves(context, scene.moves, camera);
  drawLabels(context, scene.labels);
  context.textAlign = "left";
  context.font = labelFont(13);
  legend(scene, camera.height).forEach(({ colour, text, shape }, i) => {
    context.fillStyle = colour;
    context.save();
    context.translate(camera.width + 18, 28 + 20 * i);
    context.scale(6, 6);
    context.fill(new Path2D(MARKS[shape]), "evenodd");
    context.restore();
    context.fillStyle = "#222";
    context.fillText(text, camera.width + 32, 33 + 20 * i);
  });
  context.fillStyle = "#444";
  context.fillText(`${scene.caption} · ${say("axes")}`, 12, camera.height + 22);
  return new Promise((done) => out.toBlob((blob) => done(blob!), "image/png"));
}

export function svg(scene: Scene): Blob {
  const { camera } = scene;
  const [width, height] = [camera.width + LEGEND, camera.height + FOOT];
  const holder = document.implementation.createDocument("http://www.w3.org/2000/svg", "svg", null);
  const root = holder.documentElement;
  const put = (tag: string, attributes: Record<string, string | number>, text = ""): void => {
    const element = holder.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
    element.textContent = text;
    root.append(element);
  };
  root.setAttribute("viewBox", `0 0 ${width} ${height}`);
  root.setAttribute("font-family", "Noto Sans CJK SC, Noto Sans SC, PingFang SC, sans-serif");
  put("rect", { width, height, fill: "white" });
  const href = paintPoints(scene).toDataURL("image/png");
  put("image", { href, width: camera.width, height: camera.height });
  for (const { fromX, fromY, toX, toY, colour } of scene.moves ? seenMoves(scene.moves, camera) : []) {
    put("path", { d: `M${fromX.toFixed(1)} ${fromY.toFixed(1)}L${toX.toFixed(1)} ${toY.toFixed(1)}`, stroke: colour, "stroke-opacity": 0.55 });
    put("circle", { cx: toX.toFixed(1), cy: toY.toFixed(1), r: 2.5, fill: colour });
  }
  for (const { left, top, text, size, colour } of scene.labels) {
    const style = { "paint-order": "stroke", stroke: "white", "stroke-width": size / 4 };
    const place = { x: left, y: top, "font-size": size, "font-weight": 600, "text-anchor": "middle" };
    put("text", { ...place, ...style, fill: colour }, text);
  }
  legend(scene, camera.height).forEach(({ colour, text, shape }, i) => {
    const transform = `translate(${camera.width + 18} ${28 + 20 * i}) scale(6)`;
    put("path", { d: MARKS[shape], transform, fill: colour, "fill-rule": "evenodd" });
    put("text", { x: camera.width + 32, y: 33 + 20 * i, "font-size": 13, fill: "#222" }, text);
  });
  const caption = `${scene.caption} · ${say("axes")}`;
  put("text", { x: 12, y: camera.height + 22, "font-size": 13, fill: "#444" }, caption);
  return new Blob([new XMLSerializer().serializeToString(root)], { type: "image/svg+xml" });
}
