/** The map on its canvases: draws as much as a frame allows, and goes on while nothing moves. */
import { Camera } from "./camera";
import { make } from "./dom";
import { Label, drawLabels, labelFont, placeLabels } from "./labels";
import { Sign, drawSigns, placeSigns } from "./marks";
import { Moves, drawMoves } from "./moves";
import { Night } from "./night";
import { Painter, openPainter } from "./painter";
import { Points, pickedSize } from "./points";

export type Tool = "move" | "lasso" | "box";

export interface Listener {
  hover(at: [number, number] | null): void;
  /** A click or a touch that moved nothing. */
  tapped(at: [number, number]): void;
  area(corners: number[], event: { shiftKey: boolean; altKey: boolean }): void;
  moved(): void;
  /** The graphics card went away; the map is drawn by hand from now on. */
  lost(): void;
}

const LEAST = 50_000; // points a frame, however slow
const SLOW = 60; // milliseconds between two frames
const QUICK = 30;
const STILL = 5; // pixels that a finger may tremble
const USUAL = 700; // pixels of a map; on a smaller one points are smaller
const MEASURED = 5000; // texts whose width is kept
const SIGNED = 6; // pixels across below which points have signs among them

export class MapView {
  tool: Tool = "move";
  labels: Label[] = [];
  signs: Sign[] = [];
  moves: Moves | null = null;
  /** Milliseconds that the last steps took, for whoever measures. */
  readonly steps: number[] = [];
  private painter: Painter;
  private readonly over: HTMLCanvasElement;
  private readonly context: CanvasRenderingContext2D;
  private readonly ratio = Math.min(2, window.devicePixelRatio || 1);
  private drawn: [number, number] = [0, 0];
  private budget = 200_000;
  private asked = 0;
  private last = 0;
  private path: [number, number][] = [];
  private begun: [number, number] | null = null;
  private mark: [number, number] | null = null;
  private readonly fingers = new Map<number, [number, number]>();
  private readonly widths = new Map<string, number>();

  /** camera: that of the map beside it too, where there is one. wanted: what draws, null for the best. */
  constructor(
    readonly place: HTMLElement,
    public night: Night,
    readonly camera: Camera,
    private readonly listener: Listener,
    wanted: string | null,
  ) {
    const canvas = make("canvas", { class: "points" });
    this.over = make("canvas", { class: "over" });
    place.prepend(canvas, this.over);
    this.painter = openPainter(canvas, wanted, (painter) => this.lose(painter));
    this.context = this.over.getContext("2d")!;
    new ResizeObserver(() => this.resize()).observe(place);
    this.resize();
    this.listen();
  }

  private get points(): Points {
    return this.night.points;
  }

  get drawing(): string {
    return this.painter.name;
  }

  /** Whether all points are on the canvas. */
  get complete(): boolean {
    return this.drawn[0] >= this.points.front && this.drawn[1] >= this.points.lines;
  }

  get pointSize(): number {
    const { width, height, zoom } = this.camera;
    const part = Math.min(1, Math.min(width, height) / USUAL);
    const base = Math.min(6, Math.max(1, (500 * part) / Math.sqrt(this.points.lines + 1)));
    return Math.min(16, Math.max(1, base * Math.sqrt(Math.max(1, zoom))));
  }

  private lose(painter: Painter): void {
    this.painter = painter;
    painter.load(this.points);
    this.resize();
    this.listener.lost();
  }

  restyled(): void {
    this.painter.load(this.points);
    this.redraw();
  }

  redraw(): void {
    this.follow();
    this.listener.moved();
  }

  /** Draws again without a word, for another map has moved. */
  follow(): void {
    this.drawn = [0, this.points.front];
    this.painter.clear();
    if (!this.asked) this.asked = requestAnimationFrame(() => this.frame());
  }

  /** A place that is marked, in the unit square, or none. */
  point(mark: [number, number] | null): void {
    this.mark = mark;
    this.drawOver();
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.place;
    if (!width || !height) return;
    this.camera.resize(width, height);
    this.painter.resize(Math.round(width * this.ratio), Math.round(height * this.ratio));
    this.over.width = Math.round(width * this.ratio);
    this.over.height = Math.round(height * this.ratio);
    this.follow();
  }

  private frame(): void {
    this.asked = 0;
    const begun = performance.now();
    const first = this.drawn[0] === 0 && this.drawn[1] === this.points.front;
    if (first) {
      this.painter.clear();
      this.drawOver();
    } else if (this.last) {
      const took = begun - this.last;
      if (took > SLOW) this.budget = Math.max(LEAST, this.budget / 2);
      else if (took < QUICK) this.budget = Math.min(this.points.lines, this.budget * 1.5);
    }
    this.last = begun;
    this.step();
    this.steps.push(performance.now() - begun);
    if (this.steps.length > 1000) this.steps.shift();
    if (!this.complete) this.asked = requestAnimationFrame(() => this.frame());
    else this.last = 0;
  }

  /** Context and picked points side by side, so that a part of both is seen at once. */
  private step(): void {
    const { front, lines } = this.points;
    const size = this.pointSize * this.ratio;
    const [back, top] = this.drawn;
    const until = Math.min(front, back + Math.ceil(this.budget));
    if (until > back) this.painter.draw(this.camera, this.ratio, size, back, until);
    // What is picked stays on top of context that came later.
    const again = front > 0 && until > back ? front : top;
    const end = Math.min(lines, Math.max(top, again) + Math.ceil(this.budget));
    const larger = pickedSize(this.points, this.pointSize) * this.ratio;
    if (end > again) this.painter.draw(this.camera, this.ratio, larger, again, end);
    this.drawn = [until, end];
  }

  private drawOver(): void {
    const { context, ratio, camera } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, camera.width, camera.height);
    if (this.moves) drawMoves(context, this.moves, camera);
    this.arrange();
    drawSigns(context, this.signs);
    drawLabels(context, this.labels);
    if (this.mark) {
      const [left, top] = camera.toScreen(...this.mark);
      context.lineWidth = 2;
      context.strokeStyle = "#111";
      context.beginPath();
      context.arc(left, top, 7, 0, 2 * Math.PI);
      context.stroke();
    }
    if (this.path.length > 1) this.drawPath();
  }

  /** Finds places for names and signs in what is seen now. */
  arrange(): void {
    this.signs = this.pointSize < SIGNED ? placeSigns(this.camera, this.points) : [];
    this.labels = placeLabels(this.camera, this.night, (...told) => this.measured(...told));
  }

  /** Pixels that a text takes. */
  private measured(text: string, size: number, bold: boolean): number {
    const key = `${bold}${size}${text}`;
    const known = this.widths.get(key);
    if (known !== undefined) return known;
    this.context.font = labelFont(size, bold);
    const { width } = this.context.measureText(text);
    if (this.widths.size > MEASURED) this.widths.clear();
    if (document.fonts.status === "loaded") this.widths.set(key, width);
    return width;
  }

  private drawPath(): void {
    const { context } = this;
    context.beginPath();
    for (const [left, top] of this.outline()) context.lineTo(left, top);
    context.closePath();
    context.fillStyle = "rgb(0 0 0 / 0.06)";
    context.fill();
    context.setLineDash([5, 4]);
    context.lineWidth = 1.5;
    context.strokeStyle = "#222";
    context.stroke();
    context.setLineDash([]);
  }

  private outline(): [number, number][] {
    if (this.tool !== "box") return this.path;
    const [a, b] = [this.path[0], this.path[this.path.length - 1]];
    return [a, [b[0], a[1]], b, [a[0], b[1]]];
  }

  private listen(): void {
    const { place } = this;
    place.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    place.addEventListener("pointerdown", (event) => this.down(event));
    place.addEventListener("pointermove", (event) => this.move(event));
    place.addEventListener("pointerup", (event) => this.up(event));
    place.addEventListener("pointercancel", (event) => this.up(event));
    place.addEventListener("pointerleave", () => this.listener.hover(null));
    place.addEventListener("dblclick", (event) => {
      this.camera.closer(2, ...this.at(event));
      this.redraw();
    });
  }

  private at(event: MouseEvent): [number, number] {
    const box = this.place.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const times = Math.exp(-0.0018 * lines * event.deltaY);
    this.camera.closer(Math.min(2.5, Math.max(0.4, times)), ...this.at(event));
    this.redraw();
  }

  private down(event: PointerEvent): void {
    const within = event.target as HTMLElement;
    if (event.button !== 0 || within.closest("button")) return;
    try {
      this.place.setPointerCapture(event.pointerId);
    } catch {
      // a pointer that is gone already
    }
    this.fingers.set(event.pointerId, this.at(event));
    this.begun = this.fingers.size === 1 ? this.at(event) : null;
    this.path = this.tool === "move" ? [] : [this.at(event)];
  }

  private move(event: PointerEvent): void {
    const now = this.at(event);
    const before = this.fingers.get(event.pointerId);
    if (!before) {
      this.listener.hover(now);
      return;
    }
    this.fingers.set(event.pointerId, now);
    if (this.begun && Math.hypot(now[0] - this.begun[0], now[1] - this.begun[1]) > STILL) {
      this.begun = null;
    }
    if (this.begun) return;
    if (this.fingers.size === 2) {
      const other = [...this.fingers].find(([id]) => id !== event.pointerId)![1];
      const apart = (one: [number, number]): number => Math.hypot(one[0] - other[0], one[1] - other[1]);
      const middle: [number, number] = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
      this.camera.closer(apart(now) / Math.max(apart(before), 1), ...middle);
      this.camera.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
      this.path = [];
      this.redraw();
    } else if (this.tool === "move") {
      this.camera.pan(now[0] - before[0], now[1] - before[1]);
      this.redraw();
    } else {
      this.path.push(now);
      this.drawOver();
    }
  }

  private up(event: PointerEvent): void {
    if (!this.fingers.delete(event.pointerId)) return;
    if (this.begun && event.type === "pointerup") this.listener.tapped(this.begun);
    this.begun = null;
    if (this.path.length < 2) return;
    const corners = this.outline().flatMap(([left, top]) => this.camera.toMap(left, top));
    this.path = [];
    this.drawOver();
    if (corners.length >= 6 && event.type === "pointerup") this.listener.area(corners, event);
  }
}
