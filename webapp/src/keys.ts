/** What keys do while no field is written in. */
import { Camera } from "./camera";
import { Tool } from "./map";

export interface Keyed {
  camera: Camera;
  redraw(): void;
  whole(): void;
  ask(): void;
  pickSeen(): void;
  walk(by: number): void;
  setTool(tool: Tool): void;
  turn(): void;
  sides(): void;
  clear(): void;
}

const FAR = 60; // pixels a press
const TIMES = 1.5;

export function listenToKeys(page: Keyed): void {
  document.addEventListener("keydown", (event) => {
    const target = event.target as HTMLElement;
    if (event.key === "Escape") {
      target.blur();
      page.setTool("move");
      page.clear();
      return;
    }
    const writes = target.matches("input:not([type=checkbox]), select, textarea");
    if (writes || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = moves(page)[event.key];
    if (action) {
      action();
      page.redraw();
    } else if (others(page)[event.key]) others(page)[event.key]();
    else return;
    event.preventDefault();
  });
}

function moves({ camera }: Keyed): Record<string, () => void> {
  const closer = (times: number) => (): void =>
    camera.closer(times, camera.width / 2, camera.height / 2);
  return {
    ArrowLeft: () => camera.pan(FAR, 0),
    ArrowRight: () => camera.pan(-FAR, 0),
    ArrowUp: () => camera.pan(0, FAR),
    ArrowDown: () => camera.pan(0, -FAR),
    "+": closer(TIMES),
    "=": closer(TIMES),
    "-": closer(1 / TIMES),
  };
}

function others(page: Keyed): Record<string, () => void> {
  return {
    "0": () => page.whole(),
    "/": () => page.ask(),
    l: () => page.setTool("lasso"),
    b: () => page.setTool("box"),
    m: () => page.setTool("move"),
    v: () => page.pickSeen(),
    n: () => page.walk(1),
    p: () => page.walk(-1),
    t: () => page.turn(),
    s: () => page.sides(),
  };
}
