/** What is said of the line under the pointer. */
import { lyric, make } from "./dom";
import { groupName } from "./facets";
import { Shown, whose } from "./panel";
import { say } from "./words";

const AROUND = 2;

export function fillCard(card: HTMLElement, shown: Omit<Shown, "point">, row: number): void {
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
  const votes = data.columns.agreement;
  if (votes && votes[row] <= 100) said.push(`${say("agreement")} ${(votes[row] / 100).toFixed(2)}`);
  parts.push(make("p", { class: "facts" }, said.join(" · ")));
  card.replaceChildren(...parts);
}
