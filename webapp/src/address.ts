/** What is seen as the part of an address behind `#`, and back. */
import { Camera } from "./camera";
import { Step, parsed, written } from "./selection";
import { Language } from "./words";

export interface Seen {
  view?: [number, number, number];
  colour?: string;
  language?: Language;
  night?: string;
  moves: boolean;
  /** Whether two nights are side by side; undefined where that is not said. */
  sides?: boolean;
  steps: Step[];
}

export function addressOf(camera: Camera, seen: Seen): string {
  const place = [camera.x.toFixed(5), camera.y.toFixed(5), camera.zoom.toFixed(3)].join("_");
  const parts = [`v=${place}`, `c=${seen.colour}`, `l=${seen.language}`];
  if (seen.night) parts.push(`n=${seen.night}`);
  if (seen.moves) parts.push("m=1");
  if (seen.sides !== undefined) parts.push(`b=${Number(seen.sides)}`);
  if (seen.steps.length) parts.push(`s=${written(seen.steps)}`);
  return `#${parts.join("&")}`;
}

export function readAddress(hash: string): Seen {
  const given = new Map(
    hash
      .slice(1)
      .split("&")
      .map((part) => [part.slice(0, 1), part.slice(2)] as const),
  );
  const said = given.get("l");
  const view = (given.get("v") ?? "").split("_").map(Number);
  return {
    view: view.length === 3 && view.every(Number.isFinite) ? (view as [number, number, number]) : undefined,
    colour: given.get("c"),
    language: said === "zh" || said === "en" ? said : undefined,
    night: given.get("n"),
    moves: given.get("m") === "1",
    sides: given.has("b") ? given.get("b") === "1" : undefined,
    steps: parsed(given.get("s") ?? ""),
  };
}
