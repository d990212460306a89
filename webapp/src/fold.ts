/** One form of lines and questions alike; `rapids_rap/view/chinese.py` says the same in Python. */

// Signs that show nothing; NUL, which stands between lines, is not among them.
const HIDDEN =
  /[\x01-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}]+/gu;
const BLANKS = /[\s\x1c-\x1f\x85]+/g;
// A run of combining marks is sorted in time quadratic in its length.
const MARKS = /(\p{M}{30})\p{M}+/gu;
const MARK = /\p{M}{31}/u;

export class Folder {
  private readonly table = new Uint16Array(0x10000);

  constructor(pairs: Record<string, string>) {
    for (let i = 0; i < this.table.length; i++) this.table[i] = i;
    for (const [old, now] of Object.entries(pairs)) {
      this.table[old.charCodeAt(0)] = now.charCodeAt(0);
    }
  }

  units(text: string): Uint16Array {
    const shown = text.replace(HIDDEN, "");
    const bearable = MARK.test(shown) ? shown.replace(MARKS, "$1") : shown;
    const plain = bearable.normalize("NFKC").toLowerCase().replace(BLANKS, " ");
    const out = new Uint16Array(plain.length);
    const table = this.table;
    for (let i = 0; i < out.length; i++) out[i] = table[plain.charCodeAt(i)];
    return out;
  }

  text(text: string): string {
    const units = this.units(text.replaceAll("\0", "\ufffd"));
    return new TextDecoder("utf-16le", { ignoreBOM: true }).decode(units);
  }
}
