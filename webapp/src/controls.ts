/** The page's buttons, fields and keys. */
import { Camera } from "./camera";
import { byId } from "./dom";
import { Facet } from "./facets";
import { listenToKeys } from "./keys";
import { Tool } from "./map";
import { Pointed } from "./pointed";
import { How } from "./selection";
import { language, setLanguage } from "./words";

export interface Controlled {
  readonly camera: Camera;
  readonly pointed: Pointed;
  facet: Facet;
  how: How;
  search(): void;
  legend(): void;
  restyle(): void;
  write(): void;
  clear(): void;
  whole(): void;
  redraw(): void;
  pickSeen(): void;
  setTool(tool: Tool): void;
  turn(): Promise<void>;
  toggleSides(): void;
  save(form: string): Promise<void>;
}

export function listen(page: Controlled): void {
  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    page.search();
  });
  byId("colour").addEventListener("change", (event) => {
    page.facet = (event.target as HTMLSelectElement).value;
    byId<HTMLInputElement>("among").value = "";
    page.legend();
    page.restyle();
  });
  byId("among").addEventListener("input", () => page.legend());
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-tool]")) {
    button.addEventListener("click", () => page.setTool(button.dataset.tool as Tool));
  }
  byId("how").addEventListener("change", (event) => {
    page.how = (event.target as HTMLSelectElement).value as How;
  });
  byId("clear").addEventListener("click", () => page.clear());
  byId("whole").addEventListener("click", () => page.whole());
  byId("seen").addEventListener("click", () => page.pickSeen());
  byId("turn").addEventListener("click", () => void page.turn());
  for (const title of document.querySelectorAll<HTMLButtonElement>(".night")) {
    title.addEventListener("click", () => {
      if (!title.classList.contains("told")) void page.turn();
    });
  }
  byId("sides").addEventListener("click", () => page.toggleSides());
  byId("moves").addEventListener("change", () => page.restyle());
  byId("language").addEventListener("click", () => {
    setLanguage(language() === "zh" ? "en" : "zh");
    page.restyle();
    page.write();
    page.pointed.release();
  });
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-export]")) {
    button.addEventListener("click", () => void page.save(button.dataset.export!));
  }
  listenToKeys({
    camera: page.camera,
    redraw: () => page.redraw(),
    whole: () => page.whole(),
    ask: () => byId("question").focus(),
    pickSeen: () => page.pickSeen(),
    walk: (by) => page.pointed.walk(by),
    setTool: (tool) => page.setTool(tool),
    turn: () => void page.turn(),
    sides: () => page.toggleSides(),
    clear: () => page.clear(),
  });
}
