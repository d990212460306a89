/** What the page tells of the lines that are picked: who, how, in which words, and the lines. */
import { Data } from "./data";
import { lyric, make } from "./dom";
import { Facet, Grouping, groupName } from "./facets";
import { Selection } from "./selection";
import { TermCounter } from "./terms";
import { Texts } from "./texts";
import { Key, count, say } from "./words";

const ROWS = 8;
const LINES = 50;

export interface Shown {
  data: Data;
  facets: Map<Facet, Grouping>;
  texts: Texts;
  selection: Selection;
  terms: TermCounter | null;
  /** Shows a line on the map. */
  point(row: number): void;
  /** Picks a group. */
  pick(facet: Facet, id: number, event: { shiftKey: boolean; altKey: boolean }): void;
}

export function fillPanel(panel: HTMLElement, shown: Shown): void {
  const { selection, data } = shown;
  if (!selection.picked) {
    panel.replaceChildren(make("p", { class: "quiet" }, say("help")));
    return;
  }
  const share = `${((100 * selection.size) / Math.max(data.lines, 1)).toFixed(1)} %`;
  const head = selection.size
    ? say("selected", count(selection.size), count(data.lines), share)
    : say("nothing");
  const parts: HTMLElement[] = [make("h2", { id: "size" }, head)];
  const mean = meanAgreement(shown);
  if (mean) parts.push(make("p", {}, say("meanAgreement", mean)));
  if (selection.size) {
    parts.push(...termPart(shown));
    for (const [facet, title] of TABLES) {
      const grouping = shown.facets.get(facet);
      if (grouping) parts.push(shares(grouping, shown, title));
    }
    if (data.header.chunks) parts.push(lineList(shown));
  }
  panel.replaceChildren(...parts);
}

const TABLES: [Facet, Key][] = [
  ["theme", "themes"],
  ["cluster", "clusters"],
  ["artist", "artists"],
  ["region", "regions"],
  ["emotion", "emotions"],
  ["moved", "moved"],
];

function meanAgreement({ data, selection }: Shown): string {
  const votes = data.columns.agreement;
  const { picked } = selection;
  if (!votes || !picked) return "";
  let [sum, known] = [0, 0];
  for (let i = 0; i < votes.length; i++) {
    if (picked[i] && votes[i] <= 100) {
      sum += votes[i];
      known++;
    }
  }
  return known ? (sum / known / 100).toFixed(2) : "";
}

function termPart({ terms, selection }: Shown): HTMLElement[] {
  const found = terms && selection.picked ? terms.apart(selection.picked) : [];
  if (!found.length) return [];
  const list = found.map(({ term, lines }) => make("li", {}, term, make("small", {}, ` ${count(lines)}`)));
  return [
    make("h3", { title: say("termsHow") }, say("terms")),
    make("ul", { class: "terms" }, ...list),
  ];
}

function shares(grouping: Grouping, { selection, pick }: Shown, title: Key): HTMLElement {
  const { codes, groups, sizes, facet } = grouping;
  const own = new Uint32Array(groups.length);
  const picked = selection.picked!;
  for (let i = 0; i < codes.length; i++) own[codes[i]] += picked[i];
  const order = [...own.keys()].filter((i) => own[i]).sort((a, b) => own[b] - own[a] || a - b);
  const rows = order.slice(0, ROWS).map((i) => {
    const part = own[i] / selection.size;
    const lift = part / (sizes[i] / codes.length);
    const name = make("button", { type: "button", class: "name", title: say("legendHow") });
    name.append(make("bdi", {}, groupName(grouping, i)));
    name.addEventListener("click", (event) => pick(facet, groups[i].id, event));
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, name),
      make("td", {}, count(own[i])),
      make("td", {}, `${(100 * part).toFixed(1)} %`),
      make("td", {}, lift.toFixed(lift < 10 ? 1 : 0)),
    );
  });
  const head = ["", say("lines"), say("share"), say("lift")].map((name) =>
    make("th", { scope: "col" }, name),
  );
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
  return make("details", { open: "" }, make("summary", {}, say(title)), table);
}

function lineList(shown: Shown): HTMLElement {
  const chosen = shown.selection.chosen();
  const list = make("ol", { class: "lines" });
  const more = make("button", { type: "button" }, say("more"));
  let at = 0;
  const extend = (): void => {
    for (const end = Math.min(at + LINES, chosen.length); at < end; at++) {
      const row = chosen[at];
      const line = make("button", { type: "button", class: "line" }, lyric(shown.texts.line(row)));
      line.addEventListener("click", () => shown.point(row));
      list.append(make("li", {}, line, make("small", {}, ` ${whose(shown, row)}`)));
    }
    more.hidden = at >= chosen.length;
  };
  more.addEventListener("click", extend);
  extend();
  return make("section", {}, make("h3", {}, say("linesOf")), list, more);
}

/** Artist and song of a line, as far as they are known. */
export function whose({ data, texts, facets }: Pick<Shown, "data" | "texts" | "facets">, row: number): string {
  const artists = facets.get("artist");
  const artist = artists ? artists.groups[artists.codes[row]].name : "";
  const song = data.columns.song ? texts.songs[data.columns.song[row]] ?? "" : "";
  return [artist, song && `《${song}》`].filter(Boolean).join(" ");
}
