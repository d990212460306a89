/** What is said of the line under the pointer. */
import { lyric, make, swatch } from "./dom";
import { facetKey, groupName } from "./facets";
import { shapeOf } from "./marks";
import { Shown, whose } from "./panel";
import { say } from "./words";

const AROUND = 2;

/** actions: buttons of a line that is held. */
export function fillCard(card: HTMLElement, shown: Shown, row: number, actions: HTMLElement[]): void {
  const { data, facets, texts } = shown;
  const parts: HTMLElement[] = [];
  const song = data.columns.song;
  const known = song && song[row] !== 0;
  if (data.header.chunks) {
    for (let other = row - AROUND; other <= row + AROUND; other++) {
      if (other === row) parts.push(make("p", { class: "here" }, lyric(texts.line(row))));
      else if (known && other >= 0 && other < data.lines && song[other] === song[row]) {
        parts.push(make("p", { class: "around" }, lyric(texts.line(other))));
      }
    }
    const owner = whose(shown, row);
    if (owner) parts.push(make("p", { class: "whose" }, make("bdi", {}, owner)));
  }
  const facts = make("dl", { class: "facts" });
  const tell = (name: string, ...what: (HTMLElement | string)[]): void =>
    facts.append(make("dt", {}, name), make("dd", {}, ...what));
  for (const facet of ["theme", "cluster", "emotion"]) {
    const grouping = facets.get(facet);
    if (!grouping) continue;
    const group = grouping.groups[grouping.codes[row]];
    const shown = make("bdi", {}, groupName(grouping, grouping.codes[row]));
    tell(say(facetKey(facet)), swatch(group.colour, shapeOf(group)), shown);
  }
  const moved = facets.get("moved");
  if (moved) tell(say("moved"), wasIn(shown, row, groupName(moved, moved.codes[row])));
  const votes = data.columns.agreement;
  if (votes && votes[row] <= 100) tell(say("agreement"), (votes[row] / 100).toFixed(2));
  parts.push(facts);
  if (actions.length) parts.push(make("p", { class: "tools" }, ...actions));
  card.classList.toggle("held", actions.length > 0);
  card.replaceChildren(...parts);
}

/** How a line changed between two nights, and its cluster in the other one. */
function wasIn({ data }: Shown, row: number, said: string): string {
  const { title, clusters } = data.header.other!;
  const place = data.columns.other[row];
  if (!place) return said;
  const id = clusters[place - 1];
  return `${said} (${title}: ${id < 0 ? say("noise") : id})`;
}
