/** Who finds lines and writes them into a file: the page itself, or the server that sent it. */
import { Source, asked } from "./data";
import { Form, exported } from "./exports";
import { Shown } from "./panel";
import { search } from "./search";
import { Texts } from "./texts";
import { say } from "./words";

export const EXACT = ["text", "pinyin", "rhyme"] as const;
export const NEAR = ["meaning", "like"] as const;
export type Way = (typeof EXACT)[number] | (typeof NEAR)[number];

export const isWay = (text: string): text is Way =>
  ([...EXACT, ...NEAR] as string[]).includes(text);

/** Whether lines come in an order of their own, the nearest first. */
export const isRanked = (way: Way): boolean => way === "meaning" || way === "like";

export interface Answers {
  readonly ways: readonly Way[];
  /** Whether it can be asked before the page has read all lines. */
  readonly early: boolean;
  /** Rows of lines, ascending or the nearest first; throws an error that says why there are none. */
  find(question: string, way: Way): Promise<Uint32Array>;
  exported(shown: Shown, form: Form): Promise<Blob>;
}

export class Here implements Answers {
  readonly ways = EXACT;
  readonly early = false;

  constructor(private readonly texts: Texts) {}

  async find(question: string, way: Way): Promise<Uint32Array> {
    const found = way === "meaning" || way === "like" ? null : search(this.texts, question, way);
    if (!found) throw new Error(say("cantFind"));
    return found;
  }

  async exported(shown: Shown, form: Form): Promise<Blob> {
    return exported(shown, form);
  }
}

export class Asked implements Answers {
  readonly ways = [...EXACT, ...NEAR];
  readonly early = true;

  constructor(private readonly source: Source) {}

  async find(question: string, way: Way): Promise<Uint32Array> {
    const answer = await this.ask(`find?${new URLSearchParams({ way, question })}`);
    return new Uint32Array(await answer.arrayBuffer());
  }

  async exported({ selection, data }: Shown, form: Form): Promise<Blob> {
    const bits = new Uint8Array(Math.ceil(data.lines / 8));
    for (const row of selection.chosen()) bits[row >> 3] |= 1 << (row & 7);
    const answer = await this.ask(form, { method: "POST", body: bits });
    return answer.blob();
  }

  private async ask(path: string, settings: RequestInit = {}): Promise<Response> {
    const answer = await asked(`${this.source.base}${this.source.prefix}${path}`, settings);
    if (!answer.ok) throw new Error((await answer.text()).trim() || String(answer.status));
    return answer;
  }
}
