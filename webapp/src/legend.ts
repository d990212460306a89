/** The groups that the map is coloured by, to be picked: the largest first, or those that are named. */
import { make, swatch } from "./dom";
import { Grouping, groupName } from "./facets";
import { shapeOf } from "./marks";
import { count } from "./words";

const MOST = 60;

export function fillLegend(
  list: HTMLElement,
  grouping: Grouping,
  among: string,
  pick: (id: number, event: MouseEvent) => void,
): void {
  const asked = among.normalize("NFKC").trim().toLowerCase();
  const holds = (number: number): boolean =>
    !asked || groupName(grouping, number).normalize("NFKC").toLowerCase().includes(asked);
  const rows = grouping.order.filter(holds).slice(0, MOST).map((number) => {
    const group = grouping.groups[number];
    const name = make("bdi", {}, groupName(grouping, number));
    const size = make("small", {}, count(grouping.sizes[number]));
    const row = make("button", { type: "button", class: "group" }, swatch(group.colour, shapeOf(group)), name, size);
    row.addEventListener("click", (event) => pick(group.id, event));
    return make("li", {}, row);
  });
  list.replaceChildren(...rows);
}
