/** Terms that set a selection apart: the run's own vocabulary, counted in the lines. */
import { Texts } from "./texts";

export interface Term {
  term: string;
  lines: number;
  elsewhere: number;
  score: number;
}

const SHOWN = 20;
const PRIOR = 0.01; // of each term in the prior, as a share of its count everywhere

export class TermCounter {
  private readonly byFirst = new Map<number, { units: Uint16Array; id: number }[]>();
  private everywhere: Uint32Array | null = null;
  private readonly starts = new Uint8Array(0x10000);

  constructor(
    private readonly texts: Texts,
    private readonly vocabulary: string[],
  ) {
    vocabulary.forEach((term, id) => {
      const units = texts.folder.units(term);
      if (!units.length) return;
      const same = this.byFirst.get(units[0]) ?? [];
      same.push({ units, id });
      this.byFirst.set(units[0], same);
      this.starts[units[0]] = 1;
    });
    for (const same of this.byFirst.values()) same.sort((a, b) => b.units.length - a.units.length);
  }

  /** Occurrences of each term, the longest match first, in all lines or those picked. */
  private count(picked: Uint8Array | null): Uint32Array {
    const counts = new Uint32Array(this.vocabulary.length);
    for (const chunk of this.texts.chunks) {
      const units = chunk.folded;
      let row = chunk.first;
      for (let i = 0; i < units.length; i++) {
        const unit = units[i];
        if (unit === 0) {
          row++;
          continue;
        }
        if (!this.starts[unit] || (picked && !picked[row])) continue;
        const latin = isLatin(unit);
        if (latin && i > 0 && isLatin(units[i - 1])) continue;
        for (const { units: term, id } of this.byFirst.get(unit)!) {
          const end = i + term.length;
          if (!same(units, i, term) || (latin && isLatin(units[end]))) continue;
          counts[id]++;
          i = end - 1;
          break;
        }
      }
    }
    return counts;
  }

  /** z-scores of log-odds with an informative prior (Monroe, Colaresi & Quinn 2008). */
  apart(picked: Uint8Array): Term[] {
    this.everywhere ??= this.count(null);
    const mine = this.count(picked);
    const all = this.everywhere;
    const sum = (counts: Uint32Array): number => counts.reduce((a, b) => a + b, 0);
    const [total, own] = [sum(all), sum(mine)];
    const rest = total - own;
    const prior = PRIOR * total;
    const found: Term[] = [];
    for (let id = 0; id < mine.length; id++) {
      if (mine[id] < 2) continue;
      const p = PRIOR * all[id];
      const here = mine[id] + p;
      const there = all[id] - mine[id] + p;
      const delta =
        Math.log(here / (own + prior - here)) - Math.log(there / Math.max(rest + prior - there, 1e-9));
      const score = delta / Math.sqrt(1 / here + 1 / there);
      if (score > 0) {
        const elsewhere = all[id] - mine[id];
        found.push({ term: this.vocabulary[id], lines: mine[id], elsewhere, score });
      }
    }
    return found.sort((a, b) => b.score - a.score).slice(0, SHOWN);
  }
}

function same(units: Uint16Array, at: number, term: Uint16Array): boolean {
  for (let i = 1; i < term.length; i++) if (units[at + i] !== term[i]) return false;
  return true;
}

function isLatin(unit: number): boolean {
  return (unit >= 97 && unit <= 122) || (unit >= 0xdf && unit < 0x250);
}
