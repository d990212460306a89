/** Puts the page's words into their places, in the language that is spoken now. */
import { byId, make } from "./dom";
import { FACETS, Facet, facetKey } from "./facets";
import { Night } from "./night";
import { Key, count, language, say, setLanguage } from "./words";

/** nights: the earlier and the later, where there are two. */
export function sayAll(night: Night, facet: Facet, nights: [Night, Night] | null, sides: boolean): void {
  setLanguage(language());
  for (const element of document.querySelectorAll<HTMLElement>("[data-say]")) {
    element.textContent = say(element.dataset.say as Key);
  }
  for (const element of document.querySelectorAll<HTMLElement>("[data-named]")) {
    element.setAttribute("aria-label", say(element.dataset.named as Key));
  }
  for (const option of byId<HTMLSelectElement>("way").options) {
    option.hidden = option.disabled = !(night.answers.ways as readonly string[]).includes(option.value);
  }
  byId<HTMLInputElement>("question").placeholder = say("search");
  byId<HTMLInputElement>("among").placeholder = say("among");
  byId("caption").textContent = caption(nights && sides ? nights : [night]);
  for (const id of ["map", "before"]) byId(id).setAttribute("aria-label", say("help"));
  byId("turning").hidden = !nights;
  if (nights) sayNights(night, nights, sides);
  const colour = byId<HTMLSelectElement>("colour");
  const known = FACETS.filter((one) => night.facets.has(one));
  colour.replaceChildren(...known.map((one) => make("option", { value: one }, say(facetKey(one)))));
  colour.value = facet;
}

function sayNights(night: Night, nights: [Night, Night], sides: boolean): void {
  const other = nights.find((one) => one !== night)!;
  byId("turn").textContent = say("otherNight", other.data.header.title);
  byId("sides").setAttribute("aria-pressed", String(sides));
  for (const [id, own] of [["before", nights[0]], ["map", nights[1]]] as const) {
    const title = byId(`${id}-title`);
    title.textContent = own.data.header.title;
    title.hidden = !sides;
    title.classList.toggle("told", own === night);
  }
}

export function caption(nights: Night[]): string {
  const told = nights.map(({ data: { header } }) => {
    const parts = [header.title, `${count(header.lines)} ${say("lines")}`];
    if (header.model) parts.push(`${say("model")} ${header.model}`);
    return [...parts, header.created.slice(0, 10)].filter(Boolean).join(" · ");
  });
  return told.join(" → ");
}
