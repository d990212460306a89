/** The line under the pointer, or held by a click, a key or the list, and its card. */
import { fillCard } from "./card";
import { byId, make } from "./dom";
import { MapView } from "./map";
import { Night } from "./night";
import { Pair } from "./pair";
import { Shown } from "./panel";
import { say } from "./words";

const REACH = 8; // pixels from the pointer to a line

export interface Around {
  readonly night: Night;
  readonly map: MapView;
  /** Each night that is seen, on its map. */
  readonly seen: [Night, MapView][];
  readonly pair: Pair | null;
  shownOf(night: Night): Shown;
  /** Makes a night the one that the panel tells of. */
  activate(night: Night): void;
  /** Picks lines like this one. */
  like(row: number): void;
}

export class Pointed {
  private row = -1;
  private night: Night | null = null; // whose line it is
  private held = false; // whether the card stays where the pointer goes

  constructor(private readonly page: Around) {}

  hover(at: [number, number] | null, map: MapView): void {
    if (this.held) return;
    const row = at ? this.rowAt(at, map) : -1;
    if (row === this.row && map.night === this.night) return;
    this.row = row;
    this.night = map.night;
    byId("card").hidden = row < 0;
    if (row >= 0) this.card([]);
    this.mark();
  }

  tap(at: [number, number], map: MapView): void {
    const row = this.rowAt(at, map);
    if (row < 0) {
      this.release();
      return;
    }
    this.page.activate(map.night);
    this.hold(row);
  }

  release(): void {
    this.held = false;
    this.row = -1;
    byId("card").hidden = true;
    this.mark();
  }

  /** Holds the card of a line, moving to it where it is out of sight. */
  hold(row: number): void {
    const { map, night } = this.page;
    const { camera } = map;
    const place = night.placeOf(row);
    if (!camera.sees(...camera.toScreen(...place))) {
      [camera.x, camera.y] = place;
      map.redraw();
    }
    this.row = row;
    this.night = night;
    this.held = true;
    byId("card").hidden = false;
    this.card(this.buttons(row));
    this.mark();
  }

  /** To the next line of the selection, or the one before. */
  walk(by: number): void {
    const chosen = this.page.night.selection.chosen();
    if (!chosen.length) return;
    const at = this.night === this.page.night ? chosen.indexOf(this.row) : -1;
    const next = at < 0 ? (by > 0 ? 0 : chosen.length - 1) : at + by;
    this.hold(chosen[(next + chosen.length) % chosen.length]);
  }

  private rowAt(at: [number, number], { night, camera }: MapView): number {
    const place = camera.toMap(...at);
    return night.grid.nearest(...place, REACH / camera.scale, night.selection.picked);
  }

  /** The line is marked on its own map, and on the other one where its text is there too. */
  private mark(): void {
    const { seen, pair } = this.page;
    for (const [night, map] of seen) {
      let own = night === this.night ? this.row : -1;
      if (night !== this.night && this.night && this.row >= 0 && pair) own = pair.partner(this.row, this.night);
      map.point(own < 0 ? null : night.placeOf(own));
    }
  }

  private card(actions: HTMLElement[]): void {
    const night = this.night!;
    night.texts.want(this.row);
    fillCard(byId("card"), this.page.shownOf(night), this.row, actions);
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
