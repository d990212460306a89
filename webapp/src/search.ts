/** Which lines hold a text, sound like it or rhyme with it: every line is looked at, none indexed. */
import { Texts } from "./texts";

type Way = "text" | "pinyin" | "rhyme";

const LONGEST = 31; // units that one pass compares, a bit each
const MOST_READINGS = 64; // ways to cut `xian` into syllables that are tried
const RHYMED = 3;

/** The rows that match, ascending; null where the question can't be asked this way. */
export function search(texts: Texts, question: string, way: Way): Uint32Array | null {
  const folded = texts.folder.text(question).trim();
  if (!folded) return null;
  if (way === "pinyin") return searchPinyin(texts, folded);
  return way === "rhyme" ? searchRhyme(texts, folded) : searchText(texts, folded);
}

function searchText(texts: Texts, folded: string): Uint32Array {
  const head = folded.slice(0, LONGEST);
  const masks = new Uint32Array(0x10000);
  for (let i = 0; i < head.length; i++) masks[head.charCodeAt(i)] |= 1 << i;
  const rows = scan(texts, [{ masks, length: head.length }]);
  if (folded.length === head.length) return rows;
  return rows.filter((row) => texts.folder.text(texts.line(row)).includes(folded));
}

interface Pattern {
  /** For each unit a bit for each place of the pattern where it may stand. */
  masks: Uint32Array;
  length: number;
}

/** Shift-and (Baeza-Yates & Gonnet 1992) over all lines, for several patterns. */
function scan(texts: Texts, patterns: Pattern[]): Uint32Array {
  const found: number[] = [];
  for (const chunk of texts.chunks) {
    const hit = new Uint8Array(chunk.starts.length);
    for (const { masks, length } of patterns) {
      const last = (1 << (length - 1)) | 0;
      const units = chunk.folded;
      let state = 0;
      let row = 0;
      for (let i = 0; i < units.length; i++) {
        const unit = units[i];
        if (unit === 0) {
          row++;
          state = 0;
          continue;
        }
        state = ((state << 1) | 1) & masks[unit];
        if (state & last) hit[row] = 1;
      }
    }
    for (let row = 0; row < hit.length; row++) if (hit[row]) found.push(chunk.first + row);
  }
  return Uint32Array.from(found);
}

function searchPinyin(texts: Texts, folded: string): Uint32Array | null {
  const { readings } = texts.chinese;
  const cuts = syllables(folded.replaceAll("ü", "v"), (part) => part in readings);
  const patterns = cuts.map((cut) => {
    const masks = new Uint32Array(0x10000);
    cut.forEach((syllable, i) => {
      for (const character of readings[syllable]) masks[character.charCodeAt(0)] |= 1 << i;
    });
    return { masks, length: cut.length };
  });
  return patterns.length ? scan(texts, patterns) : null;
}

/** Every way to cut letters into known syllables; blanks and apostrophes always part two. */
export function syllables(letters: string, known: (part: string) => boolean): string[][] {
  let cuts: string[][] = [[]];
  for (const word of letters.split(/[\s'’-]+/).filter(Boolean)) {
    const here: string[][] = [];
    const walk = (rest: string, done: string[]): void => {
      if (here.length >= MOST_READINGS || done.length > LONGEST) return;
      if (!rest) here.push(done);
      for (let end = Math.min(6, rest.length); end > 0; end--) {
        const part = rest.slice(0, end);
        if (known(part)) walk(rest.slice(end), [...done, part]);
      }
    };
    walk(word, []);
    cuts = cuts.flatMap((cut) => here.map((more) => [...cut, ...more])).slice(0, MOST_READINGS);
  }
  return cuts.filter((cut) => cut.length > 0 && cut.length <= LONGEST);
}

/** Lines whose last one to three syllables have the finals of the question's last ones. */
function searchRhyme(texts: Texts, folded: string): Uint32Array | null {
  const names = Object.keys(texts.chinese.finals);
  const final = new Uint8Array(0x10000);
  names.forEach((name, i) => {
    for (const character of texts.chinese.finals[name]) final[character.charCodeAt(0)] = i + 1;
  });
  const wanted = wantedFinals(folded, names, final);
  if (!wanted.length) return null;
  const found: number[] = [];
  for (const chunk of texts.chunks) {
    const units = chunk.folded;
    let row = 0;
    let begin = 0;
    for (let i = 0; i < units.length; i++) {
      if (units[i] !== 0) continue;
      if (rhymes(units, begin, i, wanted, final)) found.push(chunk.first + row);
      row++;
      begin = i + 1;
    }
  }
  return Uint32Array.from(found);
}

/** Of characters their finals, of letters such as `iang` or `u iang` the finals that they name. */
function wantedFinals(folded: string, names: string[], final: Uint8Array): number[] {
  const spoken = [...folded].map((c) => final[c.charCodeAt(0)]).filter(Boolean);
  const named = folded.split(/\s+/).map((word) => names.indexOf(word.replaceAll("ü", "v")) + 1);
  const wanted = spoken.length ? spoken : named.every(Boolean) ? named : [];
  return wanted.slice(-RHYMED).reverse();
}

function rhymes(
  units: Uint16Array,
  begin: number,
  end: number,
  wanted: number[],
  final: Uint8Array,
): boolean {
  let matched = 0;
  for (let i = end - 1; i >= begin && matched < wanted.length; i--) {
    const own = final[units[i]];
    if (own === 0) {
      if (isLetter(units[i])) return false;
      continue; // punctuation and blanks are not sung
    }
    if (own !== wanted[matched]) return false;
    matched++;
  }
  return matched === wanted.length;
}

const LETTER = /[\p{L}\p{N}]/u;
const letters = new Map<number, boolean>();

function isLetter(unit: number): boolean {
  let known = letters.get(unit);
  if (known === undefined) {
    known = LETTER.test(String.fromCharCode(unit)) || (unit >= 0xd800 && unit < 0xe000);
    letters.set(unit, known);
  }
  return known;
}
