/** The page within a notebook's cell: which lines are picked goes out to the widget and comes in. */
import { Night } from "./night";

/** What goes between the page and `notebook.ts`; bits: a bit a line, none where all are shown. */
export interface Message {
  rapidsRap: "ready" | "picked";
  bits?: Uint8Array<ArrayBuffer>;
}

/** The widget puts this empty part into its page; no other page listens to whoever frames it. */
const PART = "part-frame";

export class Frame {
  /** Where there is no widget around the page, null. */
  static open(receive: (bits: Uint8Array) => void): Frame | null {
    return document.getElementById(PART) && window.parent !== window ? new Frame(receive) : null;
  }

  private constructor(receive: (bits: Uint8Array) => void) {
    window.addEventListener("message", (event: MessageEvent<Partial<Message>>) => {
      const { rapidsRap, bits } = event.data ?? {};
      if (event.source !== window.parent || rapidsRap !== "picked") return;
      if (bits instanceof Uint8Array) receive(bits);
    });
  }

  ready(): void {
    this.send({ rapidsRap: "ready" });
  }

  tell({ selection, data }: Night): void {
    this.send({ rapidsRap: "picked", bits: packed(selection.picked, data.lines) });
  }

  private send(message: Message): void {
    // The page's own origin is no origin, and it can't know that of the notebook.
    window.parent.postMessage(message, "*");
  }
}

/** Picks the lines whose bit is set; without any bit nothing is asked for, and all are shown. */
export function put({ selection, data }: Night, bits: Uint8Array): void {
  selection.clear();
  if (bits.length !== Math.ceil(data.lines / 8)) return;
  const picked = new Uint8Array(data.lines);
  for (let i = 0; i < picked.length; i++) {
    picked[i] = (bits[i >> 3] >> (i & 7)) & 1;
    selection.size += picked[i];
  }
  selection.picked = picked;
}

function packed(picked: Uint8Array | null, lines: number): Uint8Array<ArrayBuffer> {
  const bits = new Uint8Array(picked ? Math.ceil(lines / 8) : 0);
  if (picked) for (let i = 0; i < lines; i++) bits[i >> 3] |= picked[i] << (i & 7);
  return bits;
}
