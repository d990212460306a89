/** By what lines are coloured, listed and selected: each a group number a line, and the groups. */
import { Data, Group, Numbers, Rgb } from "./data";
import { Key, say } from "./words";

export const FACETS = [
  "theme",
  "cluster",
  "artist",
  "region",
  "emotion",
  "agreement",
  "stability",
  "moved",
];
export type Facet = (typeof FACETS)[number];

const STEPS = 5;
// From little to much, apart in lightness too (ColorBrewer's YlGnBu, Brewer 2003).
const SCALE: Rgb[] = [
  [199, 180, 60],
  [120, 190, 130],
  [50, 150, 180],
  [30, 90, 160],
  [10, 30, 90],
];
const UNKNOWN: Rgb = [205, 205, 205];

export interface Grouping {
  facet: Facet;
  codes: Numbers;
  groups: Group[];
  sizes: Uint32Array;
  /** Numbers of groups, the largest first, what is no group last. */
  order: number[];
}

export function groupings(data: Data): Map<Facet, Grouping> {
  const found = new Map<Facet, Grouping>();
  const take = (facet: Facet, codes: Numbers | undefined, groups: Group[] | undefined): void => {
    if (codes && groups) found.set(facet, grouping(facet, codes, groups));
  };
  const { columns, header } = data;
  take("theme", columns.theme, header.themes);
  take("cluster", columns.cluster, header.clusters);
  take("artist", columns.artist, header.artists);
  take("region", columns.region, header.regions);
  take("emotion", columns.emotion, header.emotions);
  if (columns.agreement) {
    take("agreement", steps(columns.agreement, (share) => (share > 100 ? -1 : share / 100)), scale());
  }
  if (header.clusters.some((one) => typeof one.stability === "number")) {
    take("stability", steps(columns.cluster, (i) => header.clusters[i].stability ?? -1), scale());
  }
  if (header.other) take("moved", moves(data), MOVED);
  return found;
}

// Stays, is in another cluster, goes into noise, comes out of noise, is in this night alone.
const MOVED: Group[] = [
  { id: 0, name: "stays", colour: [190, 190, 190] },
  { id: 1, name: "moves", colour: [213, 94, 0] },
  { id: 2, name: "sinks", colour: [51, 34, 136] },
  { id: 3, name: "rises", colour: [86, 180, 233] },
  { id: 4, name: "alone", colour: [0, 158, 115] },
];

/** By stable ids, from the earlier night to the later one, whichever is seen. */
function moves({ header, columns, lines }: Data): Uint8Array {
  const out = new Uint8Array(lines);
  const { later, clusters } = header.other!;
  for (let i = 0; i < lines; i++) {
    if (columns.other[i] === 0) {
      out[i] = 4;
      continue;
    }
    const here = header.clusters[columns.cluster[i]].id;
    const there = clusters[columns.other[i] - 1];
    const [from, to] = later ? [here, there] : [there, here];
    out[i] = from === to ? 0 : to < 0 ? 2 : from < 0 ? 3 : 1;
  }
  return out;
}

function grouping(facet: Facet, codes: Numbers, groups: Group[]): Grouping {
  const sizes = new Uint32Array(groups.length);
  for (let i = 0; i < codes.length; i++) sizes[codes[i]]++;
  const order = [...groups.keys()];
  const ordered = facet === "agreement" || facet === "stability" || facet === "moved";
  // The largest first, what is no group last.
  const rest = ({ id, name }: Group): number => (id < 0 || !name ? 1 : 0);
  if (!ordered) order.sort((a, b) => rest(groups[a]) - rest(groups[b]) || sizes[b] - sizes[a] || a - b);
  return { facet, codes, groups, sizes, order };
}

function steps(codes: Numbers, value: (code: number) => number): Uint8Array {
  const out = new Uint8Array(codes.length);
  for (let i = 0; i < codes.length; i++) {
    const share = value(codes[i]);
    out[i] = share < 0 ? STEPS : Math.min(STEPS - 1, Math.floor(share * STEPS));
  }
  return out;
}

function scale(): Group[] {
  const known = SCALE.map((colour, id) => ({
    id,
    name: `${(id / STEPS).toFixed(1)}–${((id + 1) / STEPS).toFixed(1)}`,
    colour,
  }));
  return [...known, { id: STEPS, name: "", colour: UNKNOWN }];
}

export function groupName(grouping: Grouping, number: number): string {
  const group = grouping.groups[number];
  if (grouping.facet === "theme" || grouping.facet === "cluster") {
    if (group.id < 0) return say("noise");
    return `${group.id} ${group.name} ${group.mark ?? ""}`.trim();
  }
  if (grouping.facet === "moved") return say(group.name as Key);
  if (grouping.facet === "emotion" && !group.name) return say("none");
  return group.name || say("unknown");
}

export const facetKey = (facet: Facet): Key => facet as Key;
