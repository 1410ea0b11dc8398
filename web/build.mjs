// Bundles the JavaScript that has to be JavaScript into public/vendor/[name].[hash].js and writes manifest.json, by which the
// server finds each file. Runs in a second; scripts/setup calls it, so that plain `cargo leptos` finds the result.
import { build } from "esbuild";
import { mkdir, readdir, rm, writeFile, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import path from "node:path";

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.join(here, "..", "public", "vendor");

const result = await build({
  // The API reference is loaded by /api/docs only, the editor by pages where one edits.
  entryPoints: { "api-reference": path.join(here, "api-reference.js"), editor: path.join(here, "editor/index.ts") },
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  entryNames: "[name].[hash]",
  outdir: out,
  metafile: true,
  legalComments: "linked",
  loader: { ".css": "text" },
  logLevel: "error",
});

const names = {};
for (const [file, output] of Object.entries(result.metafile.outputs)) {
  if (output.entryPoint) names[path.basename(file).split(".")[0]] = path.basename(file);
}
await mkdir(out, { recursive: true });
const wanted = new Set(["manifest.json", ...Object.keys(result.metafile.outputs).map((file) => path.basename(file))]);
for (const file of await readdir(out)) if (!wanted.has(file)) await rm(path.join(out, file));
const manifest = JSON.stringify(names, null, 2) + "\n";
const before = await readFile(path.join(out, "manifest.json"), "utf8").catch(() => "");
if (before !== manifest) await writeFile(path.join(out, "manifest.json"), manifest);
