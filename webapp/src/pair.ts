/** Two nights on the lines that they share: a line of one is that of the other whose text is its own. */
import { Night } from "./night";
import { Step } from "./selection";

/** What is asked of each night by itself; all else names lines, which are the same in the other. */
const OF_EACH = ["artist", "region", "emotion"];

export class Pair {
  constructor(
    readonly earlier: Night,
    readonly later: Night,
  ) {}

  other(night: Night): Night {
    return night === this.later ? this.earlier : this.later;
  }

  /** The lines of `night` that a step names. */
  async rows(step: Step, night: Night): Promise<ArrayLike<number>> {
    const own = step.earlier ? this.earlier : this.later;
    const each =
      (step.by === "group" && OF_EACH.includes(step.facet)) || (step.by === "found" && step.way !== "like");
    if (night === own) return night.selection.rows(step);
    return each ? night.selection.rows(step).catch(() => []) : this.across(await own.selection.rows(step), own);
  }

  /** All lines of the other night whose texts these lines of `night` have. */
  across(rows: ArrayLike<number>, night: Night): number[] {
    const other = this.other(night);
    const { partner: there } = night.data.columns;
    const { partner: back } = other.data.columns;
    const wanted = new Uint8Array(other.data.lines + 1); // by the first line there with the text
    for (let i = 0; i < rows.length; i++) wanted[there[rows[i]]] = 1;
    wanted[0] = 0;
    const found: number[] = [];
    for (let row = 0; row < back.length; row++) {
      if (back[row] && wanted[there[back[row] - 1]]) found.push(row);
    }
    return found;
  }

  /** The first line of the other night with this line's text, -1 for none. */
  partner(row: number, night: Night): number {
    return night.data.columns.partner[row] - 1;
  }

  /** Takes in `night` the steps that were taken in the other. */
  async follow(night: Night): Promise<void> {
    const { steps } = this.other(night).selection;
    const { selection } = night;
    if (!selection.steps.every((step, i) => step === steps[i])) selection.clear();
    for (const step of steps.slice(selection.steps.length)) selection.take(step, await this.rows(step, night));
    if (!steps.length) selection.clear();
  }
}
