/** What is seen as a picture: PNG twice as large, or SVG with its words as words. */
import { Camera } from "./camera";
import { Grouping, groupName } from "./facets";
import { Label, drawLabels, haloOf, labelFont } from "./labels";
import { ByHand } from "./painter";
import { MARKS, RADIUS, Sign, drawSigns, shapeOf } from "./marks";
import { Moves, drawMoves, seenMoves } from "./moves";
import { Points, pickedSize } from "./points";
import { say } from "./words";

const RATIO = 2;
const LEGEND = 230;
const FOOT = 34;
const MOST = 26;

/** A map as it is seen. */
export interface Pane {
  camera: Camera;
  points: Points;
  pointSize: number;
  signs: Sign[];
  labels: Label[];
  moves: Moves | null;
  title: string;
}

/** Maps of one size from left to right, their legend and what is said below. */
export interface Scene {
  panes: Pane[];
  grouping: Grouping;
  caption: string;
}

/** The points alone, on white. */
function paintPoints({ camera, points, pointSize }: Pane): HTMLCanvasElement {
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
  const { width, height } = scene.panes[0].camera;
  const wide = scene.panes.length * width;
  const out = document.createElement("canvas");
  out.width = (wide + LEGEND) * RATIO;
  out.height = (height + FOOT) * RATIO;
  const context = out.getContext("2d")!;
  context.fillStyle = "white";
  context.fillRect(0, 0, out.width, out.height);
  for (const [i, pane] of scene.panes.entries()) {
    context.setTransform(1, 0, 0, 1, i * width * RATIO, 0);
    context.drawImage(paintPoints(pane), 0, 0);
    context.scale(RATIO, RATIO);
    context.save();
    context.beginPath();
    context.rect(0, 0, width, height);
    context.clip();
    if (pane.moves) drawMoves(context, pane.moves, pane.camera);
    drawSigns(context, pane.signs);
    drawLabels(context, pane.labels);
    context.restore();
    context.textAlign = "left";
    context.font = labelFont(13);
    context.fillStyle = "#444";
    if (scene.panes.length > 1) context.fillText(pane.title, 12, 20);
  }
  context.setTransform(RATIO, 0, 0, RATIO, 0, 0);
  legend(scene, height).forEach(({ colour, text, shape }, i) => {
    context.fillStyle = colour;
    context.save();
    context.translate(wide + 18, 28 + 20 * i);
    context.scale(6, 6);
    context.fill(new Path2D(MARKS[shape]), "evenodd");
    context.restore();
    context.fillStyle = "#222";
    context.fillText(text, wide + 32, 33 + 20 * i);
  });
  context.fillStyle = "#444";
  context.fillText(`${scene.caption} · ${say("axes")}`, 12, height + 22);
  return new Promise((done) => out.toBlob((blob) => done(blob!), "image/png"));
}

export function svg(scene: Scene): Blob {
  const { width, height } = scene.panes[0].camera;
  const wide = scene.panes.length * width;
  const holder = document.implementation.createDocument("http://www.w3.org/2000/svg", "svg", null);
  const root = holder.documentElement;
  let into: Element = root;
  const put = (tag: string, attributes: Record<string, string | number>, text = ""): Element => {
    const element = holder.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
    element.textContent = text;
    into.append(element);
    return element;
  };
  root.setAttribute("viewBox", `0 0 ${wide + LEGEND} ${height + FOOT}`);
  root.setAttribute("font-family", "Noto Sans CJK SC, Noto Sans SC, PingFang SC, sans-serif");
  put("rect", { width: wide + LEGEND, height: height + FOOT, fill: "white" });
  const sign = (left: number, top: number, times: number, shape: number, fill: string): void => {
    const transform = `translate(${left.toFixed(1)} ${top.toFixed(1)}) scale(${times})`;
    const style = { stroke: "white", "stroke-width": 0.5, "paint-order": "stroke" };
    put("path", { d: MARKS[shape], transform, fill, "fill-rule": "evenodd", ...style });
  };
  scene.panes.forEach((pane, i) => {
    // A nested `svg` cuts off what a map does not show.
    into = root;
    into = put("svg", { x: i * width, y: 0, width, height, viewBox: `0 0 ${width} ${height}` });
    put("image", { href: paintPoints(pane).toDataURL("image/png"), width, height });
    for (const { fromX, fromY, toX, toY, colour } of pane.moves ? seenMoves(pane.moves, pane.camera) : []) {
      const d = `M${fromX.toFixed(1)} ${fromY.toFixed(1)}L${toX.toFixed(1)} ${toY.toFixed(1)}`;
      put("path", { d, stroke: colour, "stroke-opacity": 0.55 });
      put("circle", { cx: toX.toFixed(1), cy: toY.toFixed(1), r: 2.5, fill: colour });
    }
    for (const { left, top, shape, colour } of pane.signs) sign(left, top, RADIUS, shape, colour);
    for (const { left, top, text, size, colour, bold } of pane.labels) {
      const style = { "paint-order": "stroke", stroke: "white", "stroke-width": haloOf(size) };
      const place = { x: left, y: top, "font-size": size, "font-weight": bold ? 600 : 400, "text-anchor": "middle" };
      put("text", { ...place, ...style, fill: colour }, text);
    }
    if (scene.panes.length > 1) put("text", { x: 12, y: 20, "font-size": 13, fill: "#444" }, pane.title);
  });
  into = root;
  legend(scene, height).forEach(({ colour, text, shape }, i) => {
    sign(wide + 18, 28 + 20 * i, 6, shape, colour);
    put("text", { x: wide + 32, y: 33 + 20 * i, "font-size": 13, fill: "#222" }, text);
  });
  const caption = `${scene.caption} · ${say("axes")}`;
  put("text", { x: 12, y: height + 22, "font-size": 13, fill: "#444" }, caption);
  return new Blob([new XMLSerializer().serializeToString(root)], { type: "image/svg+xml" });
}
