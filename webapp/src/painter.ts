/** Points onto a canvas, so many at a time: by WebGL, or without it by hand. */
import { Camera } from "./camera";
import { MARKS, SHAPED, outside } from "./marks";
import { Points } from "./points";

export interface Painter {
  readonly name: string;
  /** Takes points whose order or colours are new. */
  load(points: Points): void;
  resize(width: number, height: number): void;
  clear(): void;
  /** Draws points `from` up to `to`; sizes are in pixels of the canvas. */
  draw(camera: Camera, ratio: number, size: number, from: number, to: number): void;
}

const VERTEX = `
attribute vec2 place;
attribute vec4 colour;
uniform vec2 centre;
uniform vec2 span;
uniform mediump float size;
varying vec3 rgb;
varying float shape;
void main() {
  gl_Position = vec4((place - centre) * span, 0.0, 1.0);
  gl_PointSize = size + 1.0;
  rgb = colour.rgb;
  shape = floor(255.5 - colour.a * 255.0);
}`;

// Circle, square, diamond, triangle up and down, ring: told apart without colours.
const FRAGMENT = `
precision mediump float;
varying vec3 rgb;
varying float shape;
uniform float size;
uniform float opacity;
void main() {
  vec2 at = (2.0 * gl_PointCoord - 1.0) * (size + 1.0) / size;
  float far = length(at);
  vec2 away = abs(at);
  float gap = far - 1.0;
  if (size > 4.0) {
    if (shape > 4.5) gap = abs(far - 0.725) - 0.275;
    else if (shape > 3.5) gap = max(-at.y - 0.8, (1.8 * away.x + at.y - 1.0) / 2.06);
    else if (shape > 2.5) gap = max(at.y - 0.8, (1.8 * away.x - at.y - 1.0) / 2.06);
    else if (shape > 1.5) gap = (away.x + away.y - 1.0) / 1.414;
    else if (shape > 0.5) gap = max(away.x, away.y) - 0.8;
  }
  float share = size > 1.5 ? clamp(0.5 - 0.5 * size * gap, 0.0, 1.0) : 1.0;
  gl_FragColor = vec4(rgb, 1.0) * opacity * share;
}`;

class WebGl implements Painter {
  readonly name = "webgl";
  private readonly places: WebGLBuffer;
  private readonly colours: WebGLBuffer;
  private readonly uniforms: Record<string, WebGLUniformLocation | null> = {};

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly gl: WebGLRenderingContext | WebGL2RenderingContext,
  ) {
    const program = gl.createProgram()!;
    for (const [kind, source] of [
      [gl.VERTEX_SHADER, VERTEX],
      [gl.FRAGMENT_SHADER, FRAGMENT],
    ] as const) {
      const shader = gl.createShader(kind)!;
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.bindAttribLocation(program, 0, "place");
    gl.bindAttribLocation(program, 1, "colour");
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
      throw new Error(gl.getProgramInfoLog(program) ?? "WebGL: no program");
    }
    gl.useProgram(program);
    for (const name of ["centre", "span", "size", "opacity"]) {
      this.uniforms[name] = gl.getUniformLocation(program, name);
    }
    this.places = gl.createBuffer()!;
    this.colours = gl.createBuffer()!;
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  load(points: Points): void {
    const gl = this.gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.places);
    gl.bufferData(gl.ARRAY_BUFFER, points.xy, gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.UNSIGNED_SHORT, true, 0, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.colours);
    gl.bufferData(gl.ARRAY_BUFFER, points.colours, gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribPointer(1, 4, gl.UNSIGNED_BYTE, true, 0, 0);
  }

  resize(width: number, height: number): void {
    this.canvas.width = width;
    this.canvas.height = height;
    this.gl.viewport(0, 0, width, height);
  }

  clear(): void {
    this.gl.clearColor(1, 1, 1, 1);
    this.gl.clear(this.gl.COLOR_BUFFER_BIT);
  }

  draw(camera: Camera, _ratio: number, size: number, from: number, to: number): void {
    const { gl, uniforms } = this;
    gl.uniform2f(uniforms.centre, camera.x, camera.y);
    gl.uniform2f(uniforms.span, (2 * camera.scale) / camera.width, (2 * camera.scale) / camera.height);
    gl.uniform1f(uniforms.size, size);
    gl.uniform1f(uniforms.opacity, 0.85);
    gl.drawArrays(gl.POINTS, from, to - from);
  }
}

/** The same by hand into the canvas's pixels: quicker than WebGL where that is software itself. */
export class ByHand implements Painter {
  readonly name = "canvas";
  private points: Points | null = null;
  private image: ImageData | null = null;
  private pixels = new Uint32Array(0);
  private packed: Uint32Array = new Uint32Array(0);
  private readonly context: CanvasRenderingContext2D;

  constructor(private readonly canvas: HTMLCanvasElement | OffscreenCanvas) {
    this.context = canvas.getContext("2d") as CanvasRenderingContext2D;
  }

  load(points: Points): void {
    this.points = points;
    this.packed = new Uint32Array(points.colours.buffer);
  }

  resize(width: number, height: number): void {
    this.canvas.width = width;
    this.canvas.height = height;
    this.image = this.context.createImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  clear(): void {
    this.pixels.fill(0xffffffff);
  }

  draw(camera: Camera, ratio: number, size: number, from: number, to: number): void {
    if (!this.points || !this.image) return;
    const { width, height } = this.image;
    const { pixels, packed } = this;
    const xy = this.points.xy;
    const step = (camera.scale * ratio) / 65535;
    const left = width / 2 - camera.x * camera.scale * ratio;
    const top = height / 2 + camera.y * camera.scale * ratio;
    const stamps = stampsOf(size, width);
    const half = Math.ceil(size / 2);
    for (let i = from; i < to; i++) {
      const x = (left + xy[2 * i] * step) | 0;
      const y = (top - xy[2 * i + 1] * step) | 0;
      if (x < half || y < half || x >= width - half || y >= height - half) continue;
      const colour = packed[i] | 0xff000000;
      const at = y * width + x;
      if (!stamps) {
        pixels[at] = colour;
        continue;
      }
      const { away, share } = stamps[255 - (packed[i] >>> 24)] ?? stamps[0];
      for (let k = 0; k < away.length; k++) {
        pixels[at + away[k]] = share[k] === 256 ? colour : mixed(pixels[at + away[k]], colour, share[k]);
      }
    }
    this.context.putImageData(this.image, 0, 0);
  }
}

/** Two colours of four bytes, of the second so many parts of 256. */
function mixed(under: number, colour: number, share: number): number {
  const rest = 256 - share;
  const redBlue = (((colour & 0xff00ff) * share + (under & 0xff00ff) * rest) >>> 8) & 0xff00ff;
  const green = (((colour & 0xff00) * share + (under & 0xff00) * rest) >>> 8) & 0xff00;
  return redBlue | green | 0xff000000;
}

/** Of a shape: pixels as distances in a row-major image, and how many parts of 256 of each it covers. */
interface Stamp {
  away: Int32Array;
  share: Uint16Array;
}

/** Of each shape; null where a point is a pixel. */
function stampsOf(size: number, width: number): Stamp[] | null {
  if (size <= 1.5) return null;
  const half = Math.ceil(size / 2);
  return MARKS.map((_, shape) => {
    const away: number[] = [];
    const shares: number[] = [];
    for (let row = -half; row <= half; row++) {
      for (let column = -half; column <= half; column++) {
        const gap = outside(size > SHAPED ? shape : 0, (2 * column) / size, (2 * row) / size);
        const share = Math.round(256 * Math.min(1, Math.max(0, 0.5 - 0.5 * size * gap)));
        if (!share) continue;
        away.push(row * width + column);
        shares.push(share);
      }
    }
    return { away: Int32Array.from(away), share: Uint16Array.from(shares) };
  });
}

/**
 * WebGL where there is a graphics card; else by hand. `wanted` decides where it is given. lost: is
 * called where the card goes away, with a painter by hand on a canvas in the old one's place.
 */
export function openPainter(
  canvas: HTMLCanvasElement,
  wanted: string | null,
  lost: (painter: Painter) => void,
): Painter {
  if (wanted === "canvas") return new ByHand(canvas);
  const probe = document.createElement("canvas");
  const found = context(probe);
  if (!found || (wanted !== "webgl" && isSoftware(found))) return new ByHand(canvas);
  found.getExtension("WEBGL_lose_context")?.loseContext();
  const gl = context(canvas);
  if (!gl) return new ByHand(canvas);
  try {
    const painter = new WebGl(canvas, gl);
    canvas.addEventListener("webglcontextlost", () => lost(instead(canvas)), { once: true });
    return painter;
  } catch (error) {
    console.warn(error);
    return instead(canvas);
  }
}

/** A canvas has one kind of context: by hand is on another. */
function instead(canvas: HTMLCanvasElement): Painter {
  const fresh = canvas.cloneNode() as HTMLCanvasElement;
  canvas.replaceWith(fresh);
  return new ByHand(fresh);
}

function context(canvas: HTMLCanvasElement): WebGLRenderingContext | WebGL2RenderingContext | null {
  const settings = { antialias: false, preserveDrawingBuffer: true, alpha: false };
  const first = canvas.getContext("webgl2", settings) as WebGL2RenderingContext | null;
  return first ?? (canvas.getContext("webgl", settings) as WebGLRenderingContext | null);
}

function isSoftware(gl: WebGLRenderingContext | WebGL2RenderingContext): boolean {
  const told = gl.getExtension("WEBGL_debug_renderer_info");
  const name = told ? String(gl.getParameter(told.UNMASKED_RENDERER_WEBGL)) : "";
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}
