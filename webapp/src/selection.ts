/** Which lines are picked, as steps that an address can hold: areas, groups, and what was found. */
import { Data } from "./data";
import { Facet, Grouping } from "./facets";
import { say } from "./words";
import { Way, isRanked, isWay } from "./answers";

export type How = "set" | "add" | "subtract" | "keep";
const HOWS: readonly string[] = ["set", "add", "subtract", "keep"];

/** earlier: whether it was taken in the earlier of two nights. */
export type Step = { how: How; earlier?: boolean } & (
  | { by: "area"; corners: number[] }
  | { by: "group"; facet: Facet; id: number }
  | { by: "found"; way: Way; question: string }
);

export class Selection {
  /** 1 for each line that is picked; null where all are. */
  picked: Uint8Array | null = null;
  size = 0;
  steps: Step[] = [];
  /** The rows in the order in which they were found, null where that of the run holds. */
  private ranked: Uint32Array | null = null;

  constructor(
    private readonly data: Data,
    private readonly facets: Map<Facet, Grouping>,
    private readonly find: (question: string, way: Way) => Promise<Uint32Array>,
  ) {}

  clear(): void {
    this.picked = null;
    this.size = 0;
    this.steps = [];
    this.ranked = null;
  }

  /** Takes a step, whose rows are known. */
  take(step: Step, rows: ArrayLike<number>): void {
    if (step.how === "set" || !this.picked) {
      const all = !this.picked && (step.how === "subtract" || step.how === "keep");
      this.picked = new Uint8Array(this.data.lines).fill(all ? 1 : 0);
      this.steps = [];
    }
    if (step.how === "keep") {
      const both = new Uint8Array(this.data.lines);
      for (let i = 0; i < rows.length; i++) both[rows[i]] = this.picked[rows[i]];
      this.picked = both;
    } else {
      const value = step.how === "subtract" ? 0 : 1;
      for (let i = 0; i < rows.length; i++) this.picked[rows[i]] = value;
    }
    this.steps.push(step);
    const alone = this.steps.length === 1 && step.how !== "subtract";
    this.ranked = alone && step.by === "found" && isRanked(step.way) ? Uint32Array.from(rows) : null;
    this.size = 0;
    for (let i = 0; i < this.picked.length; i++) this.size += this.picked[i];
  }

  chosen(): Uint32Array {
    if (this.ranked) return this.ranked;
    const out = new Uint32Array(this.size);
    let at = 0;
    const { picked } = this;
    if (picked) for (let i = 0; i < picked.length; i++) if (picked[i]) out[at++] = i;
    return out;
  }

  /** The lines that a step names; throws an error that says why there are none. */
  async rows(step: Step): Promise<ArrayLike<number>> {
    if (step.by === "area") return inside(this.data.xy, step.corners);
    if (step.by === "found") return this.find(step.question, step.way);
    const grouping = this.facets.get(step.facet);
    const code = grouping ? grouping.groups.findIndex((group) => group.id === step.id) : -1;
    if (!grouping || code < 0) throw new Error(say("noGroup"));
    const out: number[] = [];
    for (let i = 0; i < grouping.codes.length; i++) if (grouping.codes[i] === code) out.push(i);
    return out;
  }
}

/** Lines within a polygon of corners x, y, x, y ... of the unit square, by the even-odd rule. */
export function inside(xy: Uint16Array, corners: number[]): number[] {
  const n = corners.length / 2;
  const xs = corners.filter((_, i) => i % 2 === 0).map((x) => x * 65535);
  const ys = corners.filter((_, i) => i % 2 === 1).map((y) => y * 65535);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  const out: number[] = [];
  for (let i = 0; i < xy.length / 2; i++) {
    const x = xy[2 * i];
    const y = xy[2 * i + 1];
    if (x < left || x > right || y < low || y > high) continue;
    let within = false;
    for (let a = 0, b = n - 1; a < n; b = a++) {
      if (ys[a] > y !== ys[b] > y && x < ((xs[b] - xs[a]) * (y - ys[a])) / (ys[b] - ys[a]) + xs[a]) {
        within = !within;
      }
    }
    if (within) out.push(i);
  }
  return out;
}

/** `set.cluster.3~add.area.0.1_0.2_...~subtract.found.text.故乡`, for an address. */
export function written(steps: Step[]): string {
  return steps
    .map((step) => {
      if (step.by === "area") return [step.how, "area", step.corners.map((c) => c.toFixed(4)).join("_")];
      if (step.by === "group") return [step.how, step.facet, step.id];
      return [step.how, "found", step.way, encodeURIComponent(step.question)];
    })
    .map(([how, ...parts], i) => [steps[i].earlier ? `${how}1` : how, ...parts].join("!"))
    .join("~");
}

export function parsed(text: string): Step[] {
  const steps: Step[] = [];
  for (const part of text.split("~").filter(Boolean)) {
    const [said, by, value, question] = part.split("!");
    const how = said.replace("1", "") as How;
    if (!HOWS.includes(how)) continue;
    const earlier = said !== how;
    if (by === "area") {
      const corners = (value ?? "").split("_").map(Number);
      if (corners.length >= 6 && corners.length % 2 === 0 && corners.every(Number.isFinite)) {
        steps.push({ how, earlier, by, corners });
      }
    } else if (by === "found") {
      if (isWay(value ?? "")) {
        steps.push({ how, earlier, by, way: value as Way, question: decoded(question ?? "") });
      }
    } else if (by && value !== undefined && Number.isFinite(Number(value))) {
      steps.push({ how, earlier, by: "group", facet: by, id: Number(value) });
    }
  }
  return steps;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
