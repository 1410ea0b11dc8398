// Bundles the JavaScript that has to be JavaScript into public/vendor/[name].[hash].js and writes manifest.json, by which the
// server finds each file. Runs in a second; scripts/setup calls it, so that plain `cargo leptos` finds the result.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdir, readdir, rm, writeFile, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { renderIcons } from "./icons.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.join(here, "..", "public", "vendor");

const options = {
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
};

/** Bundles scripts; gives all that was written, and the scripts' names by those of their sources. */
async function bundle(entryPoints, define = {}, format = options.format) {
  const { metafile } = await build({ ...options, entryPoints, define, format });
  const named = Object.entries(metafile.outputs).filter(([, output]) => output.entryPoint);
  return {
    files: Object.keys(metafile.outputs).map((file) => path.basename(file)),
    names: Object.fromEntries(named.map(([file]) => [path.basename(file).split(".")[0], path.basename(file)])),
  };
}

await mkdir(out, { recursive: true });
// The API reference is loaded by /api/docs only, the editor by pages where one edits, signing where one publishes, passkey where one signs in or adds one, push where one chooses how to be told, the tool sandbox where a tool runs, pwa and the outbox when a page stands,
// charts where one is about to be seen.
const scripts = { "api-reference": "api-reference.js", editor: "editor/index.ts", signing: "signing/index.ts", passkey: "passkey/index.ts", push: "push/index.ts", pwa: "pwa/index.ts", outbox: "outbox/index.ts", "tool-sandbox": "tool-sandbox/index.ts", charts: "charts/index.ts" };
const bundles = [await bundle(Object.fromEntries(Object.entries(scripts).map(([name, file]) => [name, path.join(here, file)])))];

// The service worker and the one that takes its place should it be broken: the server gives them out as /sw.js (src/server/service_worker.rs).
const workers = { "service-worker": path.join(here, "sw/index.ts"), "service-worker-recall": path.join(here, "sw/recall.ts") };
bundles.push(await bundle(workers, { "process.env.NODE_ENV": '"production"' }, "iife"));

// Search on the device, each part by the address of the next one. Without the engine (scripts/setup builds it) it is not offered.
const engine = await readFile(path.join(here, "../target/search-worker/llmos_search_worker_bg.wasm")).catch(() => undefined);
if (engine) {
  const file = `search.${createHash("sha256").update(engine).digest("hex").slice(0, 8)}.wasm`;
  await writeFile(path.join(out, file), engine);
  const address = (name) => JSON.stringify(`/vendor/${name}`);
  const worker = await bundle({ "offline-worker": path.join(here, "offline/worker.ts") }, { ENGINE: address(file) });
  const page = await bundle({ offline: path.join(here, "offline/index.ts") }, { WORKER: address(worker.names["offline-worker"]) });
  bundles.push({ files: [file], names: {} }, worker, page);
}

const names = Object.assign({}, ...bundles.map((bundle) => bundle.names));
const wanted = new Set(["manifest.json", ...bundles.flatMap((bundle) => bundle.files)]);
for (const file of await readdir(out)) if (!wanted.has(file)) await rm(path.join(out, file));
const manifest = JSON.stringify(names, null, 2) + "\n";
const before = await readFile(path.join(out, "manifest.json"), "utf8").catch(() => "");
if (before !== manifest) await writeFile(path.join(out, "manifest.json"), manifest);

await renderIcons(path.join(here, "icons"), path.join(here, "..", "public", "icons"));
