/** The line under the pointer, or held by a click, a key or the list, and its card. */
import { fillCard } from "./card";
import { byId, make } from "./dom";
import { MapView } from "./map";
import { Night } from "./night";
import { Shown } from "./panel";
import { say } from "./words";

const REACH = 8; // pixels from the pointer to a line

export interface Around {
  readonly night: Night;
  readonly map: MapView;
  readonly shown: Shown;
  /** Picks lines like this one. */
  like(row: number): void;
}

export class Pointed {
  private row = -1;
  private held = false; // whether the card stays where the pointer goes

  constructor(private readonly page: Around) {}

  hover(at: [number, number] | null): void {
    if (this.held) return;
    const row = at ? this.rowAt(at) : -1;
    if (row === this.row) return;
    this.row = row;
    byId("card").hidden = row < 0;
    if (row >= 0) this.card([]);
    this.page.map.point(row < 0 ? null : this.page.night.placeOf(row));
  }

  tap(at: [number, number]): void {
    const row = this.rowAt(at);
    if (row < 0) this.release();
    else this.hold(row);
  }

  release(): void {
    this.held = false;
    this.row = -1;
    byId("card").hidden = true;
    this.page.map.point(null);
  }

  /** Holds a line's card, moving to the line where it is out of sight. */
  hold(row: number): void {
    const { map, night } = this.page;
    const { camera } = map;
    const place = night.placeOf(row);
    const [left, top] = camera.toScreen(...place);
    if (left < 0 || top < 0 || left > camera.width || top > camera.height) {
      [camera.x, camera.y] = place;
      map.redraw();
    }
    this.row = row;
    this.held = true;
    byId("card").hidden = false;
    this.card(this.buttons(row));
    map.point(place);
  }

  /** To the next line of the selection, or the one before. */
  walk(by: number): void {
    const chosen = this.page.night.selection.chosen();
    if (!chosen.length) return;
    const at = chosen.indexOf(this.row);
    const next = at < 0 ? (by > 0 ? 0 : chosen.length - 1) : at + by;
    this.hold(chosen[(next + chosen.length) % chosen.length]);
  }

  private rowAt(at: [number, number]): number {
    const { night, map } = this.page;
    const place = map.camera.toMap(...at);
    return night.grid.nearest(...place, REACH / map.camera.scale, night.selection.picked);
  }

  private card(actions: HTMLElement[]): void {
    this.page.night.texts.want(this.row);
    fillCard(byId("card"), this.page.shown, this.row, actions);
  }

  private buttons(row: number): HTMLElement[] {
    const close = make("button", { type: "button" }, say("close"));
    close.addEventListener("click", () => this.release());
    if (!(this.page.night.answers.ways as readonly string[]).includes("like")) return [close];
    const like = make("button", { type: "button", id: "like" }, say("likeThis"));
    like.addEventListener("click", () => this.page.like(row));
    return [like, close];
  }
}
