// Brotli twins of the files under a folder, for the server to send as they are: `precompress.mjs FOLDER CACHE`. At its best, which takes
// half a minute for a megabyte or two; so twins are kept in CACHE by what they are made from, and several are made at once.
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";

const [folder, cache] = process.argv.slice(2);
const KINDS = new Set([".bin", ".css", ".html", ".js", ".json", ".mjs", ".svg", ".txt", ".wasm", ".webmanifest"]);
const LEAST = 256;
const KEPT_DAYS = 21;
const brotli = (bytes) => promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });

async function twin(path, bytes) {
  const kept = join(cache, `${createHash("sha256").update(bytes).digest("hex")}.br`);
  try {
    await copyFile(kept, `${path}.br`);
    await utimes(kept, new Date(), new Date());
  } catch {
    const made = await brotli(bytes);
    // Whole or not there.
    await writeFile(`${kept}.${process.pid}`, made);
    await rename(`${kept}.${process.pid}`, kept);
    await copyFile(kept, `${path}.br`);
  }
}

await mkdir(cache, { recursive: true });
const began = Date.now();
const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile() && KINDS.has(extname(entry.name)));
// Largest first: the last one would be waited for alone.
const loaded = await Promise.all(files.map(async (entry) => ({ path: join(entry.parentPath ?? entry.path, entry.name), bytes: await readFile(join(entry.parentPath ?? entry.path, entry.name)) })));
const wanted = loaded.filter(({ bytes }) => bytes.length >= LEAST).sort((a, b) => b.bytes.length - a.bytes.length);
await Promise.all(wanted.map(({ path, bytes }) => twin(path, bytes)));
// What no build of the last weeks had any more.
for (const name of await readdir(cache)) {
  const kept = join(cache, name);
  if (began - (await stat(kept)).mtimeMs > KEPT_DAYS * 86_400_000) await rm(kept, { force: true });
}
console.log(`${wanted.length} files have twins after ${((Date.now() - began) / 1000).toFixed(1)} s`);
