/** A run as the page holds it: its numbers, its lines, and which of them are picked. */
import { Answers, Asked, Here } from "./answers";
import { Data, Source, readData } from "./data";
import { Facet, Grouping, groupings } from "./facets";
import { Grid } from "./grid";
import { Points } from "./points";
import { Selection } from "./selection";
import { TermCounter } from "./terms";
import { Texts } from "./texts";

export class Night {
  readonly facets: Map<Facet, Grouping>;
  readonly texts: Texts;
  readonly answers: Answers;
  readonly selection: Selection;
  readonly points: Points;
  terms: TermCounter | null = null;
  private squares: Grid | null = null;
  private reading: Promise<void> | null = null;

  private constructor(
    readonly data: Data,
    private readonly source: Source,
  ) {
    this.facets = groupings(data);
    this.texts = new Texts(data.header);
    this.answers = source.asks ? new Asked(source) : new Here(this.texts);
    this.selection = new Selection(data, this.facets, (question, way) =>
      this.answers.find(question, way),
    );
    this.points = new Points(data.xy);
  }

  static async read(source: Source): Promise<Night> {
    return new Night(await readData(source), source);
  }

  get earlier(): boolean {
    return this.source.prefix !== "";
  }

  get grid(): Grid {
    return (this.squares ??= new Grid(this.data.xy));
  }

  /** Whether lines can be searched now. */
  get searchable(): boolean {
    return this.data.header.chunks > 0 && (this.answers.early || this.texts.complete);
  }

  /** Reads the lines once, however often it is asked to. */
  readLines(after: (share: number) => void): Promise<void> {
    this.reading ??= this.texts.read(this.source, after).then(() => {
      if (this.texts.complete) this.terms = new TermCounter(this.texts, this.data.header.vocabulary);
    });
    return this.reading;
  }

  placeOf(row: number): [number, number] {
    return [this.data.xy[2 * row] / 65535, this.data.xy[2 * row + 1] / 65535];
  }
}
