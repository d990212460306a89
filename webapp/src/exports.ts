/** The lines that are picked as a file for other programs. */
import { Shown } from "./panel";

export type Form = "csv" | "jsonl";

// What a spreadsheet would take for a formula gets an apostrophe, as in the run's own tables.
const FORMULA = /^'*[=+\-@\t\r\n＝＋－＠]/;
const QUOTED = /[",\r\n]/;

type Record = { [name: string]: string | number | null };

export function exported(shown: Shown, form: Form): Blob {
  const rows = shown.selection.chosen();
  const parts: string[] = [];
  const names = Object.keys(record(shown, 0));
  if (form === "csv") parts.push(`${names.join(",")}\n`);
  for (const row of rows) {
    const own = record(shown, row);
    parts.push(
      form === "csv"
        ? `${names.map((name) => cell(own[name])).join(",")}\n`
        : `${JSON.stringify(own)}\n`,
    );
  }
  const type = form === "csv" ? "text/csv" : "application/x-ndjson";
  return new Blob(parts, { type: `${type};charset=utf-8` });
}

export function lineId(shown: Shown, row: number): number {
  const ids = shown.data.columns.line_id;
  return ids ? ids[row] : row;
}

function record(shown: Shown, row: number): Record {
  const { data, facets, texts } = shown;
  const out: Record = { line_id: lineId(shown, row) };
  if (data.header.chunks) {
    out.text = texts.line(row);
    const artists = facets.get("artist");
    out.artist = artists ? artists.groups[artists.codes[row]].name || null : null;
    const song = data.columns.song;
    out.song = song && song[row] ? texts.songs[song[row]] : null;
  }
  const years = data.columns.year;
  if (years) out.year = years[row] || null;
  const regions = facets.get("region");
  if (regions) out.region = regions.groups[regions.codes[row]].name || null;
  for (const facet of ["cluster", "theme"]) {
    const grouping = facets.get(facet)!;
    out[facet] = grouping.groups[grouping.codes[row]].id;
  }
  const emotions = facets.get("emotion");
  if (emotions) out.emotion = emotions.groups[emotions.codes[row]].name || null;
  const votes = data.columns.agreement;
  if (votes) out.agreement = votes[row] <= 100 ? votes[row] / 100 : null;
  return out;
}

function cell(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return QUOTED.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

