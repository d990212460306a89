/** What is said of the line under the pointer. */
import { lyric, make } from "./dom";
import { groupName } from "./facets";
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
  const said = ["theme", "cluster", "emotion"].flatMap((facet) => {
    const grouping = facets.get(facet);
    if (!grouping) return [];
    return [`${say(facet as "theme")} ${groupName(grouping, grouping.codes[row])}`];
  });
  const moved = facets.get("moved");
  if (moved) said.push(wasIn(shown, row, groupName(moved, moved.codes[row])));
  const votes = data.columns.agreement;
  if (votes && votes[row] <= 100) said.push(`${say("agreement")} ${(votes[row] / 100).toFixed(2)}`);
  parts.push(make("p", { class: "facts" }, said.join(" · ")));
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
