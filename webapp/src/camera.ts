/** What part of the unit square is seen: its centre, and how many pixels a unit takes. */

export type Box = [number, number, number, number];

const CLOSEST = 4000; // times the first view

export class Camera {
  x = 0.5;
  y = 0.5;
  scale = 1;
  width = 1;
  height = 1;
  private fitted = 1;
  private box: Box = [0, 0, 1, 1];

  /** What is seen of the box that was fitted stays as near. */
  resize(width: number, height: number): void {
    const { zoom } = this;
    this.width = width;
    this.height = height;
    this.fitted = this.whole();
    this.scale = this.fitted * zoom;
  }

  /** Shows a box of the unit square whole. */
  fit(box: Box): void {
    const [left, bottom, right, top] = (this.box = box);
    this.x = (left + right) / 2;
    this.y = (bottom + top) / 2;
    this.scale = this.fitted = this.whole();
  }

  private whole(): number {
    const [left, bottom, right, top] = this.box;
    const wide = Math.max(right - left, 1e-4);
    const high = Math.max(top - bottom, 1e-4);
    return 0.94 * Math.min(this.width / wide, this.height / high);
  }

  /** How many times closer than the first view. */
  get zoom(): number {
    return this.scale / this.fitted;
  }

  set zoom(times: number) {
    this.scale = this.fitted * Math.min(CLOSEST, Math.max(0.2, times));
  }

  toScreen(x: number, y: number): [number, number] {
    return [
      (x - this.x) * this.scale + this.width / 2,
      this.height / 2 - (y - this.y) * this.scale,
    ];
  }

  sees(left: number, top: number): boolean {
    return left >= 0 && top >= 0 && left <= this.width && top <= this.height;
  }

  toMap(left: number, top: number): [number, number] {
    return [
      (left - this.width / 2) / this.scale + this.x,
      (this.height / 2 - top) / this.scale + this.y,
    ];
  }

  pan(right: number, down: number): void {
    this.x = Math.min(1.5, Math.max(-0.5, this.x - right / this.scale));
    this.y = Math.min(1.5, Math.max(-0.5, this.y + down / this.scale));
  }

  /** Closer by a factor, with the place under (left, top) kept where it is. */
  closer(times: number, left: number, top: number): void {
    const [x, y] = this.toMap(left, top);
    this.zoom *= times;
    const [nowX, nowY] = this.toMap(left, top);
    this.x += x - nowX;
    this.y += y - nowY;
  }
}
