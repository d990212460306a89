/** The page of `rapids-rap view`: reads a run or two nights, draws them, and answers what is asked. */
import { Seen, addressOf, readAddress } from "./address";
import { Way } from "./answers";
import { Box, Camera } from "./camera";
import { Controlled, listen } from "./controls";
import { openSource } from "./data";
import { byId, saveFile } from "./dom";
import { Facet } from "./facets";
import { Form } from "./exports";
import { Frame, put } from "./frame";
import { fillLegend } from "./legend";
import { MapView, Tool } from "./map";
import { shapeOf } from "./marks";
import { findMoves } from "./moves";
import { Night } from "./night";
import { Pair } from "./pair";
import { Shown, fillPanel } from "./panel";
import { Scene, png, svg } from "./picture";
import { Around, Pointed } from "./pointed";
import { How, Step } from "./selection";
import { count, language, say, setLanguage } from "./words";
import { caption, sayAll } from "./written";

const EARLIER = "before-"; // in front of the names of the earlier night's parts
const WIDE = 900; // pixels of a window that two maps side by side take
const OPENS_WIDE = 1200; // from here on two nights open so

interface Held {
  shiftKey: boolean;
  altKey: boolean;
}

class Page implements Around, Controlled {
  readonly camera = new Camera();
  /** The only map, or that of the later night beside the other. */
  private readonly main: MapView;
  private left: MapView | null = null;
  private sides = false;
  pair: Pair | null = null;
  readonly pointed = new Pointed(this);
  private readonly frame = Frame.open((bits) => this.receive(bits));
  private readonly wide = window.matchMedia(`(min-width: ${WIDE}px)`);
  facet: Facet = "theme";
  how: How = "set";
  private noted = 0;
  private work: Promise<unknown> = Promise.resolve();

  constructor(public night: Night) {
    this.camera.fit(night.data.header.frame as Box);
    this.main = this.openMap(byId("map"), night);
    const seen = readAddress(location.hash);
    if (seen.language) setLanguage(seen.language);
    if (seen.colour && night.facets.has(seen.colour)) this.facet = seen.colour;
    if (seen.view) [this.camera.x, this.camera.y, this.camera.zoom] = seen.view;
    this.dress();
    listen(this);
    this.wide.addEventListener("change", () => void this.setSides(this.sides && this.wide.matches));
    void this.begin(seen).catch((error: unknown) => this.failed(error));
  }

  private openMap(place: HTMLElement, night: Night): MapView {
    const map: MapView = new MapView(
      place,
      night,
      this.camera,
      {
        hover: (at) => this.pointed.hover(at, map),
        tapped: (at) => this.pointed.tap(at, map),
        area: (corners, event) => {
          this.activate(map.night);
          void this.take({ how: this.howOf(event), by: "area", corners });
        },
        moved: () => {
          for (const [, other] of this.seen) if (other !== map) other.follow();
          this.note();
        },
        lost: () => this.drawnBy(say("lost")),
      },
      new URLSearchParams(location.search).get("draw"),
    );
    return map;
  }

  /** What the address asks for, once it can be done. */
  private async begin(seen: Seen): Promise<void> {
    const { night } = this;
    if (night.data.header.other) {
      this.pair = new Pair(await Night.read(openSource(EARLIER)), night);
      byId<HTMLInputElement>("moves").checked = seen.moves;
      if (seen.night === "1") this.activate(this.pair.earlier);
      this.write();
      if (seen.moves) this.restyle();
      await this.setSides(seen.sides ?? window.innerWidth >= OPENS_WIDE);
    }
    await this.readLines(this.night);
    for (const step of seen.steps) await this.taken(step);
    document.documentElement.dataset.state = "complete";
    this.frame?.ready();
    if (this.pair && this.sides) await this.readLines(this.pair.other(this.night));
  }

  private failed(error: unknown): void {
    byId("status").textContent = error instanceof Error ? error.message : String(error);
  }

  /** The lines that a notebook picks. */
  private receive(bits: Uint8Array): void {
    this.work = this.work.then(() => {
      put(this.night, bits);
      byId("status").textContent = "";
      this.pointed.release();
      this.show();
    });
  }

  private async readLines(night: Night): Promise<void> {
    const ready = (): void => {
      if (night !== this.night) return;
      byId<HTMLFieldSetElement>("searching").disabled = !night.searchable;
    };
    if (night.searchable) ready();
    if (document.readyState === "loading") {
      await new Promise((done) => document.addEventListener("DOMContentLoaded", done, { once: true }));
    }
    await night.readLines((share) => {
      if (night !== this.night || night.answers.early) return;
      byId("status").textContent = share < 1 ? say("loading", Math.round(100 * share)) : "";
    });
    if (!night.data.header.chunks) byId("status").textContent = say("noLyrics");
    ready();
    for (const [, map] of this.seen) map.follow();
    if (night === this.night && night.selection.size) this.fill();
  }

  get map(): MapView {
    return this.sides && this.left && this.night.earlier ? this.left : this.main;
  }

  /** Each night that is seen, on its map, from left to right. */
  get seen(): [Night, MapView][] {
    if (!this.sides || !this.left || !this.pair) return [[this.night, this.main]];
    return [[this.pair.earlier, this.left], [this.pair.later, this.main]];
  }

  shownOf(night: Night): Shown {
    const { data, facets, texts, selection, terms } = night;
    return {
      data,
      facets,
      texts,
      selection,
      terms,
      point: (row) => this.pointed.hold(row),
      pick: (facet, id, event) => this.pick(facet, id, event),
    };
  }

  private pick(facet: Facet, id: number, event: Held): void {
    void this.take({ how: this.howOf(event), by: "group", facet, id });
  }

  like(row: number): void {
    void this.take({ how: this.how, by: "found", way: "like", question: String(row) });
  }

  private howOf(event: Held): How {
    if (event.shiftKey) return "add";
    return event.altKey ? "subtract" : this.how;
  }

  take(step: Step): Promise<void> {
    return this.taken({ ...step, earlier: this.night.earlier });
  }

  /** Steps are taken one after another, also where a server is asked. */
  private taken(step: Step): Promise<void> {
    this.work = this.work.then(async () => {
      const { night, pair } = this;
      try {
        const rows = await (pair ? pair.rows(step, night) : night.selection.rows(step));
        night.selection.take(step, rows);
        byId("status").textContent = step.by === "found" ? say("hits", count(rows.length)) : "";
        this.selected();
        if (pair && this.sides) {
          await this.follow(pair.other(night));
          this.restyle();
        }
      } catch (error) {
        this.failed(error);
      }
    });
    return this.work as Promise<void>;
  }

  /** Picks in another night what is picked in the one that is active. */
  private async follow(other: Night): Promise<void> {
    const { steps } = this.night.selection;
    const searched = steps.some(({ by }) => by === "found");
    if (searched && !other.searchable && other.data.header.chunks) await this.readLines(other);
    await this.pair!.follow(other);
  }

  private selected(): void {
    this.frame?.tell(this.night);
    this.show();
  }

  private show(): void {
    this.restyle();
    this.fill();
    this.note();
  }

  restyle(): void {
    const drawn = this.pair && byId<HTMLInputElement>("moves").checked ? this.pair : null;
    for (const [night, map] of this.seen) {
      const { codes, groups } = this.grouping(night);
      const styles = groups.map((group) => ({
        colour: group.colour,
        shape: shapeOf(group),
        quiet: group.id < 0 || !group.name || group.name === "stays",
      }));
      night.points.restyle(codes, styles, night.selection.picked);
      map.moves = drawn && findMoves(drawn, night);
      map.night = night;
      map.restyled();
    }
    const { moves } = this.map;
    byId("moved").textContent = moves ? say("movesDrawn", count(moves.colours.length), count(moves.total)) : "";
  }

  private grouping({ facets }: Night) {
    return facets.get(this.facet) ?? facets.get("theme")!;
  }

  /** Puts the night that is active onto the map and into the fields. */
  private dress(): void {
    if (!this.night.facets.has(this.facet)) this.facet = "theme";
    this.pointed.release();
    this.restyle();
    this.write();
  }

  /** Makes a night the one that is searched, listed and exported. */
  activate(night: Night): void {
    if (night === this.night) return;
    this.night = night;
    this.dress();
    this.note();
    byId<HTMLFieldSetElement>("searching").disabled = !night.searchable;
  }

  /** The other night, with the same picked in it; turns asked for while one is under way are taken after it. */
  async turn(): Promise<void> {
    const { pair } = this;
    if (!pair) return;
    this.work = this.work.then(async () => {
      const other = pair.other(this.night);
      if (!this.sides) await this.follow(other).catch((error) => this.failed(error));
      this.activate(other);
    });
    await this.work;
    await this.readLines(this.night);
  }

  /** Both nights beside each other, or in turn. */
  async setSides(on: boolean): Promise<void> {
    const { pair } = this;
    if (!pair || on === this.sides || (on && !this.wide.matches)) return;
    if (on) await this.follow(pair.other(this.night));
    byId("before").hidden = !on;
    if (on) this.left ??= this.openMap(byId("before"), pair.earlier);
    this.sides = on;
    this.setTool(this.main.tool);
    this.dress();
    this.note();
    if (on && this.night.texts.complete) await this.readLines(pair.other(this.night));
  }

  toggleSides(): void {
    void this.setSides(!this.sides);
  }

  /** Everything that is said in words, again. */
  write(): void {
    const nights = this.pair && ([this.pair.earlier, this.pair.later] as [Night, Night]);
    sayAll(this.night, this.facet, nights, this.sides);
    this.drawnBy("");
    this.legend();
    this.fill();
  }

  private drawnBy(said: string): void {
    const { drawing } = this.map;
    for (const [, map] of this.seen) map.place.dataset.drawing = map.drawing;
    byId("drawing").textContent = said || (drawing === "canvas" ? say("still") : "");
  }

  legend(): void {
    const among = byId<HTMLInputElement>("among").value;
    const { facet } = this;
    byId("legend").title = say("legendHow");
    fillLegend(byId("legend"), this.grouping(this.night), among, (id, event) => this.pick(facet, id, event));
  }

  private fill(): void {
    const { selection } = this.night;
    byId("clear").hidden = !selection.picked;
    byId("exports").hidden = !selection.picked || !selection.size;
    fillPanel(byId("panel"), this.shownOf(this.night));
  }

  pickSeen(): void {
    const { width, height } = this.camera;
    const corners = [[0, 0], [width, 0], [width, height], [0, height]];
    const area = corners.flatMap(([left, top]) => this.camera.toMap(left, top));
    void this.take({ how: this.how, by: "area", corners: area });
  }

  search(): void {
    const { value: question } = byId<HTMLInputElement>("question");
    const way = byId<HTMLSelectElement>("way").value as Way;
    byId("status").textContent = "…";
    void this.take({ how: this.how, by: "found", way, question });
  }

  setTool(tool: Tool): void {
    for (const map of [this.main, this.left]) if (map) map.tool = tool;
    byId("maps").dataset.tool = tool;
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-tool]")) {
      button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    }
  }

  clear(): void {
    this.night.selection.clear();
    if (this.pair) this.pair.other(this.night).selection.clear();
    byId("status").textContent = "";
    this.pointed.release();
    this.selected();
  }

  redraw(): void {
    this.map.redraw();
  }

  whole(): void {
    const boxes = this.seen.map(([night]) => night.data.header.frame);
    const edge = (i: number): number => (i < 2 ? Math.min : Math.max)(...boxes.map((box) => box[i]));
    this.camera.fit([edge(0), edge(1), edge(2), edge(3)]);
    this.redraw();
  }

  async save(form: string): Promise<void> {
    const name = `${this.night.data.header.title}.${form}`;
    try {
      if (form === "csv" || form === "jsonl") {
        saveFile(name, await this.night.answers.exported(this.shownOf(this.night), form as Form));
      } else saveFile(name, form === "svg" ? svg(this.scene()) : await png(this.scene()));
    } catch (error) {
      this.failed(error);
    }
  }

  private scene(): Scene {
    const { camera } = this;
    const panes = this.seen.map(([{ points, data }, map]) => {
      map.arrange();
      const { labels, signs, pointSize, moves } = map;
      return { camera, points, pointSize, labels, signs, moves, title: data.header.title };
    });
    return { panes, grouping: this.grouping(this.night), caption: caption(this.seen.map(([night]) => night)) };
  }

  /** What is seen, into the address: at rest, for browsers limit how often it may change. */
  private note(): void {
    clearTimeout(this.noted);
    this.noted = window.setTimeout(() => {
      const seen = {
        colour: this.facet,
        language: language(),
        night: this.night.earlier ? "1" : "",
        moves: Boolean(this.pair && byId<HTMLInputElement>("moves").checked),
        sides: this.pair ? this.sides : undefined,
        steps: this.night.selection.steps,
      };
      history.replaceState(null, "", addressOf(this.camera, seen));
    }, 400);
  }
}

async function open(): Promise<void> {
  try {
    new Page(await Night.read(openSource("")));
    document.documentElement.dataset.state ??= "drawn";
  } catch (error) {
    byId("status").textContent = say("failed", String(error));
    throw error;
  }
}

void open();
