/** The page of `rapids-rap view`: reads a run, draws it, and answers what is asked of it. */
import { fillCard } from "./card";
import { Box } from "./camera";
import { Data, openSource, readData } from "./data";
import { byId, make, saveFile, swatch } from "./dom";
import { Form, exported } from "./exports";
import { FACETS, Facet, Grouping, facetKey, groupName, groupings } from "./facets";
import { Grid } from "./grid";
import { MapView, Tool } from "./map";
import { Shown, fillPanel } from "./panel";
import { Scene, png, svg } from "./picture";
import { Points, SHAPES } from "./points";
import { Way, search } from "./search";
import { How, Selection, Step, parsed, written } from "./selection";
import { TermCounter } from "./terms";
import { Texts } from "./texts";
import { Key, count, language, say, setLanguage } from "./words";

const LEGEND = 60;
const REACH = 8; // pixels from the pointer to a line

class Page {
  private readonly facets: Map<Facet, Grouping>;
  private readonly texts: Texts;
  private readonly selection: Selection;
  private readonly points: Points;
  private readonly map: MapView;
  private terms: TermCounter | null = null;
  private grid: Grid | null = null;
  private facet: Facet = "theme";
  private how: How = "set";
  private waiting: Step[] = [];
  private stood = -1;
  private noted = 0;

  constructor(private readonly data: Data) {
    this.facets = groupings(data);
    this.texts = new Texts(data.header);
    this.selection = new Selection(data, this.facets, (question, way) =>
      search(this.texts, question, way),
    );
    this.points = new Points(data.xy);
    const asked = new URLSearchParams(location.search).get("draw");
    const listener = {
      hover: (at: [number, number] | null) => this.hover(at),
      area: (corners: number[], event: { shiftKey: boolean; altKey: boolean }) =>
        this.take({ how: this.howOf(event), by: "area", corners }),
      moved: () => this.note(),
    };
    this.map = new MapView(byId("map"), this.points, listener, asked);
    byId("map").dataset.drawing = this.map.drawing;
    this.map.themes = this.facets.get("theme");
    this.map.clusters = this.facets.get("cluster");
    this.map.camera.fit(data.header.frame as Box);
    this.readAddress();
    this.restyle();
    this.write();
    this.listen();
  }

  async readLines(source: ReturnType<typeof openSource>): Promise<void> {
    await this.texts.read(source, (share) => {
      byId("status").textContent = share < 1 ? say("loading", Math.round(100 * share)) : "";
    });
    if (!this.data.header.chunks) byId("status").textContent = say("noLyrics");
    else this.terms = new TermCounter(this.texts, this.data.header.vocabulary);
    byId<HTMLFieldSetElement>("searching").disabled = !this.texts.complete;
    for (const step of this.waiting) this.selection.take(step);
    if (this.waiting.length) this.selected();
    this.waiting = [];
    document.documentElement.dataset.state = "complete";
  }

  private get shown(): Shown {
    const { data, facets, texts, selection, terms } = this;
    return { data, facets, texts, selection, terms, point: (row) => this.stand(row) };
  }

  private howOf(event: { shiftKey: boolean; altKey: boolean }): How {
    if (event.shiftKey) return "add";
    return event.altKey ? "subtract" : this.how;
  }

  private take(step: Step): boolean {
    const taken = this.selection.take(step);
    if (taken) this.selected();
    return taken;
  }

  private selected(): void {
    this.restyle();
    this.fill();
    this.note();
  }

  private restyle(): void {
    const { codes, groups } = this.facets.get(this.facet)!;
    const palette = groups.map((group) => group.colour);
    const quiet = groups.map((group) => group.id < 0 || !group.name);
    this.points.restyle(codes, palette, quiet, this.selection.picked);
    this.map.restyled();
  }

  /** Everything that is said in words, again. */
  private write(): void {
    setLanguage(language());
    for (const element of document.querySelectorAll<HTMLElement>("[data-say]")) {
      element.textContent = say(element.dataset.say as Key);
    }
    byId("map").setAttribute("aria-label", say("help"));
    byId<HTMLInputElement>("question").placeholder = say("search");
    byId("caption").textContent = this.caption();
    const colour = byId<HTMLSelectElement>("colour");
    const known = FACETS.filter((facet) => this.facets.has(facet));
    colour.replaceChildren(
      ...known.map((facet) => make("option", { value: facet }, say(facetKey(facet)))),
    );
    colour.value = this.facet;
    this.legend();
    this.fill();
  }

  private caption(): string {
    const { header } = this.data;
    const parts = [header.title, `${count(header.lines)} ${say("lines")}`];
    if (header.model) parts.push(`${say("model")} ${header.model}`);
    return [...parts, header.created.slice(0, 10)].filter(Boolean).join(" · ");
  }

  private legend(): void {
    const grouping = this.facets.get(this.facet)!;
    const rows = grouping.order.slice(0, LEGEND).map((number) => {
      const group = grouping.groups[number];
      const name = make("bdi", {}, groupName(grouping, number));
      const mark = swatch(group.colour, number % SHAPES);
      const size = make("small", {}, count(grouping.sizes[number]));
      const row = make("button", { type: "button", class: "group" }, mark, name, size);
      row.addEventListener("click", (event) =>
        this.take({ how: this.howOf(event), by: "group", facet: this.facet, id: group.id }),
      );
      return make("li", {}, row);
    });
    byId("legend").replaceChildren(...rows);
    byId("legend").title = say("legendHow");
  }

  private fill(): void {
    const { picked } = this.selection;
    byId("clear").hidden = !picked;
    byId("exports").hidden = !picked || !this.selection.size;
    fillPanel(byId("panel"), this.shown);
  }

  private hover(at: [number, number] | null): void {
    const card = byId("card");
    this.grid ??= new Grid(this.data.xy);
    const { camera } = this.map;
    const place = at && camera.toMap(...at);
    const reach = REACH / camera.scale;
    const row = place ? this.grid.nearest(...place, reach, this.selection.picked) : -1;
    card.hidden = row < 0;
    if (row >= 0 && row !== this.stood) fillCard(card, this.shown, row);
    if (row !== this.stood) this.map.point(row < 0 ? null : this.placeOf(row));
    this.stood = row;
  }

  private placeOf(row: number): [number, number] {
    return [this.data.xy[2 * row] / 65535, this.data.xy[2 * row + 1] / 65535];
  }

  /** Shows a line as if the pointer stood on it, moving there where it is out of sight. */
  private stand(row: number): void {
    const { camera } = this.map;
    const place = this.placeOf(row);
    const [left, top] = camera.toScreen(...place);
    if (left < 0 || top < 0 || left > camera.width || top > camera.height) {
      [camera.x, camera.y] = place;
      this.map.redraw();
    }
    this.stood = row;
    const card = byId("card");
    card.hidden = false;
    fillCard(card, this.shown, row);
    this.map.point(place);
  }

  private walk(by: number): void {
    const chosen = this.selection.chosen();
    if (!chosen.length) return;
    const at = chosen.indexOf(this.stood);
    const next = at < 0 ? (by > 0 ? 0 : chosen.length - 1) : at + by;
    this.stand(chosen[(next + chosen.length) % chosen.length]);
  }

  private ask(event: Event): void {
    event.preventDefault();
    const question = byId<HTMLInputElement>("question").value;
    const way = byId<HTMLSelectElement>("way").value as Way;
    const found = search(this.texts, question, way);
    byId("status").textContent = found ? say("hits", count(found.length)) : say("cantFind");
    if (found) this.take({ how: this.how, by: "found", way, question });
  }

  private listen(): void {
    byId("ask").addEventListener("submit", (event) => this.ask(event));
    byId("colour").addEventListener("change", (event) => {
      this.facet = (event.target as HTMLSelectElement).value;
      this.legend();
      this.restyle();
    });
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-tool]")) {
      button.addEventListener("click", () => this.setTool(button.dataset.tool as Tool));
    }
    byId("how").addEventListener("change", (event) => {
      this.how = (event.target as HTMLSelectElement).value as How;
    });
    byId("clear").addEventListener("click", () => this.clear());
    byId("whole").addEventListener("click", () => this.whole());
    byId("language").addEventListener("click", () => {
      setLanguage(language() === "zh" ? "en" : "zh");
      this.write();
    });
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-export]")) {
      button.addEventListener("click", () => void this.save(button.dataset.export!));
    }
    document.addEventListener("keydown", (event) => this.key(event));
  }

  private setTool(tool: Tool): void {
    this.map.tool = tool;
    byId("map").dataset.tool = tool;
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-tool]")) {
      button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    }
  }

  private clear(): void {
    this.selection.clear();
    byId("status").textContent = "";
    this.selected();
  }

  private whole(): void {
    this.map.camera.fit(this.data.header.frame as Box);
    this.map.redraw();
  }

  private async save(form: string): Promise<void> {
    const name = `${this.data.header.title}.${form}`;
    if (form === "csv" || form === "jsonl") saveFile(name, exported(this.shown, form as Form));
    else saveFile(name, form === "svg" ? svg(this.scene()) : await png(this.scene()));
  }

  private scene(): Scene {
    const { camera, labels, pointSize } = this.map;
    const grouping = this.facets.get(this.facet)!;
    return { camera, points: this.points, pointSize, labels, grouping, caption: this.caption() };
  }

  private key(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    if (event.key === "Escape") {
      target.blur();
      this.setTool("move");
      this.clear();
      return;
    }
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) || event.ctrlKey || event.metaKey) return;
    const { camera } = this.map;
    const far = 60;
    const closer = (times: number) => (): void =>
      camera.closer(times, camera.width / 2, camera.height / 2);
    const moves: Record<string, () => void> = {
      ArrowLeft: () => camera.pan(far, 0),
      ArrowRight: () => camera.pan(-far, 0),
      ArrowUp: () => camera.pan(0, far),
      ArrowDown: () => camera.pan(0, -far),
      "+": closer(1.5),
      "=": closer(1.5),
      "-": closer(1 / 1.5),
    };
    const others: Record<string, () => void> = {
      "0": () => this.whole(),
      "/": () => byId("question").focus(),
      l: () => this.setTool("lasso"),
      b: () => this.setTool("box"),
      m: () => this.setTool("move"),
      n: () => this.walk(1),
      p: () => this.walk(-1),
    };
    const action = moves[event.key] ?? others[event.key];
    if (!action) return;
    event.preventDefault();
    action();
    if (event.key in moves) this.map.redraw();
  }

  /** What is seen, into the address: at rest, for browsers limit how often it may change. */
  private note(): void {
    clearTimeout(this.noted);
    this.noted = window.setTimeout(() => {
      const { camera } = this.map;
      const place = [camera.x.toFixed(5), camera.y.toFixed(5), camera.zoom.toFixed(3)].join("_");
      const parts = [`v=${place}`, `c=${this.facet}`, `l=${language()}`];
      if (this.selection.steps.length) parts.push(`s=${written(this.selection.steps)}`);
      history.replaceState(null, "", `#${parts.join("&")}`);
    }, 400);
  }

  private readAddress(): void {
    const given = new Map(
      location.hash
        .slice(1)
        .split("&")
        .map((part) => [part.slice(0, 1), part.slice(2)] as const),
    );
    const said = given.get("l");
    if (said === "zh" || said === "en") setLanguage(said);
    const facet = given.get("c") ?? "";
    if (this.facets.has(facet)) this.facet = facet;
    const [x, y, zoom] = (given.get("v") ?? "").split("_").map(Number);
    if ([x, y, zoom].every(Number.isFinite)) {
      const { camera } = this.map;
      [camera.x, camera.y, camera.zoom] = [x, y, zoom];
    }
    const steps = parsed(given.get("s") ?? "");
    if (steps.some((step) => step.by === "found")) this.waiting = steps;
    else for (const step of steps) this.selection.take(step);
  }
}

async function open(): Promise<void> {
  try {
    const source = openSource();
    const data = await readData(source);
    const page = new Page(data);
    document.documentElement.dataset.state = "drawn";
    if (document.readyState === "loading") {
      await new Promise((done) => document.addEventListener("DOMContentLoaded", done, { once: true }));
    }
    await page.readLines(source);
  } catch (error) {
    byId("status").textContent = say("failed", String(error));
    throw error;
  }
}

void open();
