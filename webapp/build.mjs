// Builds rapids_rap/view/static/{view.js,view.css,notebook.js}; with --check compares them with what lies there.
import { build } from "esbuild";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "rapids_rap", "view", "static");
const common = {
  absWorkingDir: here,
  outdir: out,
  bundle: true,
  write: false,
  minify: true,
  charset: "utf8",
  target: ["chrome103", "firefox113", "safari16.4"],
  legalComments: "inline",
};
const page = { view: "src/main.ts", "view-style": "src/view.css" };
const made = [
  ...(await build({ ...common, entryPoints: page, format: "iife" })).outputFiles,
  ...(await build({ ...common, entryPoints: ["src/notebook.ts"], format: "esm" })).outputFiles,
];
const check = process.argv.includes("--check");
mkdirSync(out, { recursive: true });
let stale = 0;
for (const file of made) {
  const path = join(out, basename(file.path).replace("view-style", "view"));
  if (!check) {
    writeFileSync(path, file.contents);
    continue;
  }
  let there = null;
  try {
    there = readFileSync(path);
  } catch {
    // missing: as stale as one that differs
  }
  if (!there || !there.equals(Buffer.from(file.contents))) {
    console.error(`${basename(path)} is not what its sources give: npm run build in webapp/`);
    stale = 1;
  }
}
process.exit(stale);
