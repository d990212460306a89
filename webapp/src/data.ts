/** A run as `rapids_rap/view/payload.py` packs it: read part by part, from the page or a server. */
import { say } from "./words";

export type Numbers = Uint8Array | Uint16Array | Uint32Array;
export type Rgb = [number, number, number];

export interface Group {
  id: number;
  name: string;
  colour: Rgb;
  at?: [number, number] | null;
  terms?: string[];
  theme?: number;
  emotion?: string;
  agreement?: number | null;
  stability?: number | null;
  mark?: string;
}

export interface Header {
  format: number;
  lines: number;
  title: string;
  created: string;
  model: string;
  unit: string;
  frame: [number, number, number, number];
  coding: string;
  chunks: number;
  chunkLines: number;
  columns: Record<string, string>;
  vocabulary: string[];
  clusters: Group[];
  themes: Group[];
  emotions?: Group[];
  artists?: Group[];
  regions?: Group[];
  /**
   * Another night: its clusters' ids, which the column `other` counts from 1. The column `partner`
   * has the first line there with the same text, counted from 1; 0 stands for none in both.
   */
  other?: { title: string; later: boolean; clusters: number[] };
}

export interface Chinese {
  fold: Record<string, string>;
  readings: Record<string, string>;
  finals: Record<string, string>;
}

/** Where parts come from. */
export interface Source {
  /** The address of the server with its token, "" of a single file. */
  readonly base: string;
  /** In front of the names of a night's parts, "" of the one that the page opens with. */
  readonly prefix: string;
  /** Whether there is a server that searches and exports. */
  readonly asks: boolean;
  part(name: string): Promise<ArrayBuffer>;
}

export interface Data {
  header: Header;
  lines: number;
  /** Two numbers a line, 0 to 65535 over the unit square. */
  xy: Uint16Array;
  columns: Record<string, Numbers>;
}

export function openSource(prefix: string): Source {
  const { base, asks } = document.documentElement.dataset;
  return base ? new Server(base, prefix, asks === "yes") : new Inlined(prefix);
}

class Server implements Source {
  constructor(
    readonly base: string,
    readonly prefix: string,
    readonly asks: boolean,
  ) {}

  async part(name: string): Promise<ArrayBuffer> {
    const answer = await asked(`${this.base}part/${this.prefix}${name}`);
    if (!answer.ok) throw new Error(`part ${name}: ${answer.status}`);
    return unpack(new Uint8Array(await answer.arrayBuffer()));
  }
}

/** A server's answer; an error with a sentence where there is no server any more. */
export async function asked(address: string, settings: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(address, settings);
  } catch {
    throw new Error(say("gone"));
  }
}

class Inlined implements Source {
  readonly base = "";
  readonly asks = false;

  constructor(readonly prefix: string) {}

  async part(name: string): Promise<ArrayBuffer> {
    const held = document.getElementById(`part-${this.prefix}${name}`);
    if (!held) throw new Error(`part ${name} is missing`);
    const letters = atob(held.textContent ?? "");
    held.remove(); // a part is read once, and forty megabytes of letters need not stay
    const bytes = new Uint8Array(letters.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
    return unpack(bytes);
  }
}

async function unpack(packed: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

export async function readJson<T>(source: Source, name: string): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await source.part(name))) as T;
}

function numbers(buffer: ArrayBuffer, kind: string): Numbers {
  if (kind === "|u1") return new Uint8Array(buffer);
  return kind === "<u2" ? new Uint16Array(buffer) : new Uint32Array(buffer);
}

/** Numbers of steps from one to the next. */
function summed(steps: Numbers): void {
  for (let i = 1; i < steps.length; i++) steps[i] += steps[i - 1];
}

/** Everything but the lines' texts and songs. */
export async function readData(source: Source): Promise<Data> {
  const header = await readJson<Header>(source, "header");
  const names = Object.keys(header.columns);
  const read = await Promise.all(names.map((name) => source.part(name)));
  const columns: Record<string, Numbers> = {};
  names.forEach((name, i) => (columns[name] = numbers(read[i], header.columns[name])));
  const xy = columns.xy as Uint16Array;
  delete columns.xy;
  if (columns.partner) summed(columns.partner);
  return { header, lines: header.lines, xy, columns };
}
