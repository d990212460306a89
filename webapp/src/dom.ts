/** Elements made by hand: text is always text, whatever a lyric holds. */

type Child = Node | string | null;

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child): child is Node | string => child !== null));
  return element;
}

export function byId<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

const LONGEST = 300;

/** A line as it is shown: isolated, so that its direction marks turn nothing around it. */
export function lyric(text: string): HTMLElement {
  const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return make("bdi", { class: "lyric" }, shown);
}

export function swatch([r, g, b]: [number, number, number], shape: number): HTMLElement {
  const mark = make("span", { class: `swatch shape-${shape}`, "aria-hidden": "true" });
  mark.style.setProperty("--own", `rgb(${r} ${g} ${b})`);
  return mark;
}

export function saveFile(name: string, content: Blob): void {
  const link = make("a", { href: URL.createObjectURL(content), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
