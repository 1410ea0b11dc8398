// How a browser gets the code of lazily loaded pages: `pack.mjs FOLDER`, the `pkg` that cargo-leptos left, writes its loader anew.
//
// The splitter makes a file for each set of groups of pages that share some code: 138 files, half of them under 2 KB, of which one page needs 40 to 80, one request
// each; and its loader asks for the first one when the main part runs. Here those whose groups are nearly the same are put one after the other into one file, and
// what a page needs is fetched and compiled while the main part still is. A page that needs one part of a file downloads what stands beside it, and compiles
// only its own (docs/decisions/first-load.md).
import { createHash } from "node:crypto";
import { readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const [folder] = process.argv.slice(2);
// Bytes, before compression, that one request less is worth.
const REQUEST = 3000;

const names = await readdir(folder);
function only(what, pattern) {
  const found = names.filter((name) => pattern.test(name));
  if (found.length !== 1) throw new Error(`one ${what} is expected in ${folder}, not ${found.length}`);
  return found[0];
}
const hash = (...parts) => parts.reduce((sum, part) => sum.update(part), createHash("sha256")).digest("base64url").slice(0, 22);
const loader = only("loader", /^__wasm_split\.[^.]+\.js$/);
const manifest = only("manifest", /^__wasm_split_manifest\.[^.]+\.json$/);
const start = only("start", /^llmos\.[^.]+\.js$/);
const written = await readFile(join(folder, loader), "utf8");

// What the loader loads: `name` of each part or page with its file and, for a page, the parts that it needs first.
const LOADED = /(?:export )?const (\w+) = (?:wrapAsyncCb\()?makeLoad\(\(\) => \{\s*const src = fetch\(new URL\("\.\/([^"]+\.wasm)", import\.meta\.url\)\);\s*return async \(imports\) => \(WebAssembly\.instantiateStreaming\(src, imports\)\);\s*\}\s*, \[([\w, ]*)\]\)\)?;/g;
const parts = new Map();
const pages = [];
for (const [, name, file, needs] of written.matchAll(LOADED)) {
  const needed = needs.split(", ").filter(Boolean);
  if (name.startsWith("__chunk_")) parts.set(name, { name, file, pages: [] });
  else pages.push({ name, file, needed });
}
if (parts.size + pages.length !== written.match(/new URL\(/g).length) throw new Error(`${loader} is not written as it was: cargo-leptos has changed`);
for (const page of pages) page.needed.forEach((name) => parts.get(name).pages.push(page.name));

// Two files become one as long as the requests that this saves are worth more than what is downloaded in vain.
let packs = await Promise.all(
  [...parts.values()].map(async (part) => {
    part.bytes = await readFile(join(folder, part.file));
    return { pages: part.pages, parts: [part], size: part.bytes.length };
  }),
);
const gain = (a, b) => {
  const both = a.pages.filter((page) => b.pages.includes(page)).length;
  return both * REQUEST - (b.pages.length - both) * a.size - (a.pages.length - both) * b.size;
};
for (;;) {
  let best = { gain: 0 };
  for (const [at, a] of packs.entries()) {
    for (const b of packs.slice(at + 1)) if (gain(a, b) > best.gain) best = { gain: gain(a, b), a, b };
  }
  if (!best.a) break;
  const { a, b } = best;
  packs = packs.filter((pack) => pack !== a && pack !== b);
  packs.push({ pages: [...new Set([...a.pages, ...b.pages])], parts: [...a.parts, ...b.parts], size: a.size + b.size });
}
const places = [];
for (const [at, pack] of packs.entries()) {
  const bytes = Buffer.concat(pack.parts.map(({ bytes }) => bytes));
  pack.file = `parts.${hash(bytes)}.bin`;
  await writeFile(join(folder, pack.file), bytes);
  let from = 0;
  for (const part of pack.parts) {
    part.place = places.push([at, from, part.bytes.length]) - 1;
    from += part.bytes.length;
    await rm(join(folder, part.file));
  }
}

// What cargo-leptos writes of the two stays: names of the main part's exports are in one, how its callbacks are called is in the other.
const kept = (start, end) => written.slice(written.indexOf(start), written.indexOf(end));
const list = (lines) => `[\n${lines.map((line) => `  ${JSON.stringify(line)},`).join("\n")}\n]`;
const group = ({ name }) => name.match(/load_load_(\w+?)_\d+$/)[1];
const text = (start) => `import { initSync } from "./${start}";

let sharedImports = undefined;
${kept("function getSharedImports", "function makeLoad")}
const files = ${list(packs.map(({ file }) => file))};
const parts = ${list(places)};
const pages = {
${pages.map((page) => `  ${group(page)}: ${JSON.stringify([page.file, page.needed.map((name) => parts.get(name).place)])},`).join("\n")}
};

// What was asked for once. A file that could not be had is asked for again by whoever needs it next.
const asked = new Map();
function once(key, act) {
  if (!asked.has(key)) {
    const answer = act();
    asked.set(key, answer);
    answer.catch(() => asked.delete(key));
  }
  return asked.get(key);
}
async function fetched(file) {
  const answer = await fetch(new URL(file, import.meta.url));
  if (!answer.ok) throw new Error(\`\${answer.status} for \${answer.url}\`);
  return answer;
}
const bytes = (file) => once(file, async () => (await fetched(file)).arrayBuffer());
const part = (at) =>
  once(at, async () => {
    const [file, from, length] = parts[at];
    return WebAssembly.compile(new Uint8Array(await bytes(files[file]), from, length));
  });
const page = (file) => once(file, () => WebAssembly.compileStreaming(fetched(file)));
const instance = (key, module) => once(\`instance \${key}\`, async () => WebAssembly.instantiate(await module, getSharedImports()));

function load(group) {
  const [file, needed] = pages[group];
  const module = page(file);
  return once(group, async () => {
    await Promise.all(needed.map((at) => instance(at, part(at))));
    await instance(file, module);
  });
}

// Which groups the address needs, by its first part: the document says it. Nothing of that needs the main part, which is fetched and compiled at the same time.
const [, first, more] = location.pathname.split("/");
const groups = JSON.parse(document.getElementById("groups")?.textContent ?? "{}");
for (const group of ((more && groups[\`\${first}/\`]) || groups[first] || []).filter((group) => pages[group])) {
  const [file, needed] = pages[group];
  page(file);
  needed.forEach(part);
}

${pages.map((page) => `export const ${page.name} = wrapAsyncCb(() => load(${JSON.stringify(group(page))}));`).join("\n")}
`;

// Both scripts name each other, so both take a name from what is in both.
const main = await readFile(join(folder, start), "utf8");
const own = hash(text(""), main);
if (!main.includes(`from"./${loader}"`)) throw new Error(`${start} does not name ${loader} as it did`);
await writeFile(join(folder, `__wasm_split.${own}.js`), text(`llmos.${own}.js`));
// The WebAssembly itself goes on naming the loader as it did: in `main` that is the key of its imports.
await writeFile(join(folder, `llmos.${own}.js`), main.replaceAll(`from"./${loader}"`, `from"./__wasm_split.${own}.js"`));
// What only cargo-leptos and compilers read would be kept by every browser.
for (const name of [loader, start, manifest, ...names.filter((name) => name.endsWith(".ts"))]) await rm(join(folder, name));
console.log(`${parts.size} parts of pages are in ${packs.length} files`);
