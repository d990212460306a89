/** The page of `rapids-rap view`: reads a run, draws it, and answers what is asked of it. */
import { addressOf, readAddress } from "./address";
import { Way } from "./answers";
import { Box } from "./camera";
import { openSource } from "./data";
import { byId, make, saveFile } from "./dom";
import { Form } from "./exports";
import { Frame, put } from "./frame";
import { FACETS, Facet, facetKey } from "./facets";
import { listenToKeys } from "./keys";
import { fillLegend } from "./legend";
import { MapView, Tool } from "./map";
import { shapeOf } from "./marks";
import { findMoves } from "./moves";
import { Night } from "./night";
import { Shown, fillPanel } from "./panel";
import { Scene, png, svg } from "./picture";
import { Around, Pointed } from "./pointed";
import { How, Step } from "./selection";
import { Key, count, language, say, setLanguage } from "./words";

const EARLIER = "before-"; // in front of the names of the earlier night's parts

interface Held {
  shiftKey: boolean;
  altKey: boolean;
}

class Page implements Around {
  readonly map: MapView;
  private readonly pointed = new Pointed(this);
  private readonly frame = Frame.open((bits) => this.receive(bits));
  private readonly nights: Promise<Night>[];
  private facet: Facet = "theme";
  private how: How = "set";
  private noted = 0;
  private work: Promise<unknown> = Promise.resolve();

  constructor(public night: Night) {
    this.nights = [Promise.resolve(night)];
    this.map = new MapView(
      byId("map"),
      night.points,
      {
        hover: (at) => this.pointed.hover(at),
        tapped: (at) => this.pointed.tap(at),
        area: (corners, event) => void this.take({ how: this.howOf(event), by: "area", corners }),
        moved: () => this.note(),
        lost: () => this.drawnBy(say("lost")),
      },
      new URLSearchParams(location.search).get("draw"),
    );
    this.map.camera.fit(night.data.header.frame as Box);
    this.drawnBy("");
    const seen = readAddress(location.hash);
    if (seen.language) setLanguage(seen.language);
    if (seen.colour && night.facets.has(seen.colour)) this.facet = seen.colour;
    if (seen.view) [this.map.camera.x, this.map.camera.y, this.map.camera.zoom] = seen.view;
    byId<HTMLInputElement>("moves").checked = Boolean(seen.moves && night.data.header.other);
    this.dress();
    this.listen();
    void this.begin(seen.steps, seen.night === "1");
  }

  /** What the address asks for, once it can be done. */
  private async begin(steps: Step[], turned: boolean): Promise<void> {
    if (turned && this.night.data.header.other) await this.turn();
    const { night } = this;
    await this.readLines(night);
    if (night === this.night) await this.repeat(steps);
    document.documentElement.dataset.state = "complete";
    this.frame?.ready();
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
    if (night === this.night && night.selection.size) this.fill();
  }

  private async repeat(steps: Step[]): Promise<void> {
    for (const step of steps) await this.take(step);
  }

  get shown(): Shown {
    const { data, facets, texts, selection, terms } = this.night;
    return {
      data,
      facets,
      texts,
      selection,
      terms,
      point: (row) => this.pointed.hold(row),
      pick: (facet, id, event) => void this.take({ how: this.howOf(event), by: "group", facet, id }),
    };
  }

  like(row: number): void {
    const question = String(row);
    void this.take({ how: this.how, by: "found", way: "like", question });
  }

  private howOf(event: Held): How {
    if (event.shiftKey) return "add";
    return event.altKey ? "subtract" : this.how;
  }

  /** Steps are taken one after another, also where a server is asked. */
  private take(step: Step): Promise<void> {
    const { night } = this;
    const done = this.work.then(async () => {
      try {
        const found = await night.selection.take(step);
        byId("status").textContent = step.by === "found" ? say("hits", count(found)) : "";
      } catch (error) {
        byId("status").textContent = error instanceof Error ? error.message : String(error);
        return;
      }
      if (night === this.night) this.selected();
    });
    this.work = done;
    return done;
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

  private restyle(): void {
    const { facets, points, selection, data } = this.night;
    const { codes, groups } = facets.get(this.facet)!;
    const styles = groups.map((group) => ({
      colour: group.colour,
      shape: shapeOf(group),
      quiet: group.id < 0 || !group.name || group.name === "stays",
    }));
    points.restyle(codes, styles, selection.picked);
    const moved = facets.get("moved");
    const drawn = moved && byId<HTMLInputElement>("moves").checked;
    this.map.moves = drawn ? findMoves(data, facets.get("cluster")!, moved, selection.picked) : null;
    const { moves } = this.map;
    const told = moves ? say("movesDrawn", count(moves.colours.length), count(moves.total)) : "";
    byId("moved").textContent = told;
    this.map.restyled();
  }

  /** Puts the night that is to be seen onto the map and into the fields. */
  private dress(): void {
    const { facets, points, data } = this.night;
    const { map } = this;
    map.show(points);
    map.themes = facets.get("theme");
    map.clusters = facets.get("cluster");
    if (!facets.has(this.facet)) this.facet = "theme";
    this.pointed.release();
    byId("turning").hidden = !data.header.other;
    this.restyle();
    this.write();
  }

  /** The other night, with the same steps taken in it. */
  private async turn(): Promise<void> {
    if (!this.night.data.header.other) return;
    const { steps } = this.night.selection;
    const first = await this.nights[0];
    this.nights[1] ??= Night.read(openSource(EARLIER));
    const other = await this.nights[1];
    this.night = this.night === first ? other : first;
    const { night } = this;
    night.selection.clear();
    this.dress();
    this.note();
    await this.readLines(night);
    await this.repeat(steps.filter((step) => step.by !== "found" || step.way !== "like"));
  }

  /** Everything that is said in words, again. */
  private write(): void {
    setLanguage(language());
    const { answers, data, facets } = this.night;
    for (const element of document.querySelectorAll<HTMLElement>("[data-say]")) {
      element.textContent = say(element.dataset.say as Key);
    }
    for (const element of document.querySelectorAll<HTMLElement>("[data-named]")) {
      element.setAttribute("aria-label", say(element.dataset.named as Key));
    }
    for (const option of byId<HTMLSelectElement>("way").options) {
      option.hidden = option.disabled = !(answers.ways as readonly string[]).includes(option.value);
    }
    byId("map").setAttribute("aria-label", say("help"));
    byId<HTMLInputElement>("question").placeholder = say("search");
    byId<HTMLInputElement>("among").placeholder = say("among");
    byId("caption").textContent = this.caption();
    byId("turn").textContent = data.header.other ? say("otherNight", data.header.other.title) : "";
    const colour = byId<HTMLSelectElement>("colour");
    const known = FACETS.filter((facet) => facets.has(facet));
    colour.replaceChildren(
      ...known.map((facet) => make("option", { value: facet }, say(facetKey(facet)))),
    );
    colour.value = this.facet;
    this.legend();
    this.fill();
  }

  private caption(): string {
    const { header } = this.night.data;
    const parts = [header.title, `${count(header.lines)} ${say("lines")}`];
    if (header.model) parts.push(`${say("model")} ${header.model}`);
    return [...parts, header.created.slice(0, 10)].filter(Boolean).join(" · ");
  }

  private drawnBy(said: string): void {
    const { drawing } = this.map;
    byId("map").dataset.drawing = drawing;
    byId("drawing").textContent = said || (drawing === "canvas" ? say("still") : "");
  }

  private legend(): void {
    const among = byId<HTMLInputElement>("among").value;
    const { facet } = this;
    byId("legend").title = say("legendHow");
    fillLegend(byId("legend"), this.night.facets.get(facet)!, among, (id, event) =>
      this.take({ how: this.howOf(event), by: "group", facet, id }),
    );
  }

  private fill(): void {
    const { selection } = this.night;
    byId("clear").hidden = !selection.picked;
    byId("exports").hidden = !selection.picked || !selection.size;
    fillPanel(byId("panel"), this.shown);
  }

  private pickSeen(): void {
    const { camera } = this.map;
    const { width, height } = camera;
    const corners = [[0, 0], [width, 0], [width, height], [0, height]];
    const area = corners.flatMap(([left, top]) => camera.toMap(left, top));
    void this.take({ how: this.how, by: "area", corners: area });
  }

  private ask(event: Event): void {
    event.preventDefault();
    const { value: question } = byId<HTMLInputElement>("question");
    const way = byId<HTMLSelectElement>("way").value as Way;
    byId("status").textContent = "…";
    void this.take({ how: this.how, by: "found", way, question });
  }

  private listen(): void {
    byId("ask").addEventListener("submit", (event) => this.ask(event));
    byId("colour").addEventListener("change", (event) => {
      this.facet = (event.target as HTMLSelectElement).value;
      byId<HTMLInputElement>("among").value = "";
      this.legend();
      this.restyle();
    });
    byId("among").addEventListener("input", () => this.legend());
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-tool]")) {
      button.addEventListener("click", () => this.setTool(button.dataset.tool as Tool));
    }
    byId("how").addEventListener("change", (event) => {
      this.how = (event.target as HTMLSelectElement).value as How;
    });
    byId("clear").addEventListener("click", () => this.clear());
    byId("whole").addEventListener("click", () => this.whole());
    byId("seen").addEventListener("click", () => this.pickSeen());
    byId("turn").addEventListener("click", () => void this.turn());
    byId("moves").addEventListener("change", () => this.selected());
    byId("language").addEventListener("click", () => {
      setLanguage(language() === "zh" ? "en" : "zh");
      this.drawnBy("");
      this.restyle();
      this.write();
      this.pointed.release();
    });
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-export]")) {
      button.addEventListener("click", () => void this.save(button.dataset.export!));
    }
    listenToKeys({
      camera: this.map.camera,
      redraw: () => this.map.redraw(),
      whole: () => this.whole(),
      ask: () => byId("question").focus(),
      pickSeen: () => this.pickSeen(),
      walk: (by) => this.pointed.walk(by),
      setTool: (tool) => this.setTool(tool),
      turn: () => void this.turn(),
      clear: () => this.clear(),
    });
  }

  private setTool(tool: Tool): void {
    this.map.tool = tool;
    byId("map").dataset.tool = tool;
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-tool]")) {
      button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    }
  }

  private clear(): void {
    this.night.selection.clear();
    byId("status").textContent = "";
    this.pointed.release();
    this.selected();
  }

  private whole(): void {
    this.map.camera.fit(this.night.data.header.frame as Box);
    this.map.redraw();
  }

  private async save(form: string): Promise<void> {
    const name = `${this.night.data.header.title}.${form}`;
    try {
      if (form === "csv" || form === "jsonl") {
        saveFile(name, await this.night.answers.exported(this.shown, form as Form));
      } else saveFile(name, form === "svg" ? svg(this.scene()) : await png(this.scene()));
    } catch (error) {
      byId("status").textContent = say("failed", String(error));
    }
  }

  private scene(): Scene {
    const { camera, labels, pointSize, moves } = this.map;
    const { points, facets } = this.night;
    const grouping = facets.get(this.facet)!;
    return { camera, points, pointSize, labels, grouping, moves, caption: this.caption() };
  }

  /** What is seen, into the address: at rest, for browsers limit how often it may change. */
  private note(): void {
    clearTimeout(this.noted);
    this.noted = window.setTimeout(() => {
      const seen = {
        colour: this.facet,
        language: language(),
        night: this.night.earlier ? "1" : "",
        moves: this.map.moves !== null,
        steps: this.night.selection.steps,
      };
      history.replaceState(null, "", addressOf(this.map.camera, seen));
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
