// What `wasm-opt -O1 --duplicate-function-elimination --inlining-optimizing --duplicate-function-elimination` does, with the limits of inlining below, for all
// WebAssembly in a folder at once: `optimise.mjs FOLDER BINARYEN`, where BINARYEN is the npm package's index.js. As a program for each file, which is how cargo-leptos
// has it, Binaryen is compiled anew 150 times, and that takes eight times longer.
//
// Browsers compile a function when it is first called, and most of what that takes is the same for each of them, however small: it was half of what a page takes to come
// alive. So functions that are called from one place become a part of it, and very small ones as well where the file is not in every first load, whose compressed size
// that would add to (docs/decisions/first-load.md).
import { readFile, readdir, stat, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

// In nodes of Binaryen's tree: how large a function with one caller may be that becomes a part of it, and one with several.
const FIRST = [40, 2];
const LATER = [100_000, 12];

if (isMainThread) {
  const [folder, library] = process.argv.slice(2);
  const began = Date.now();
  const sized = async (name) => ({ name, size: (await stat(join(folder, name))).size });
  const files = await Promise.all((await readdir(folder)).filter((name) => name.endsWith(".wasm")).map(sized));
  // The largest first, so that all end at about the same time.
  files.sort((one, other) => other.size - one.size);
  const before = files.reduce((sum, { size }) => sum + size, 0);
  const [count, next] = [files.length, () => files.shift()?.name];
  const optimised = Array.from({ length: Math.min(availableParallelism(), 4) }, () => {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { folder, library } });
    worker.on("message", () => worker.postMessage(next()));
    return new Promise((done, failed) => worker.on("error", failed).on("exit", (code) => (code === 0 ? done() : failed(new Error(`it ended with ${code}`)))));
  });
  await Promise.all(optimised);
  const names = (await readdir(folder)).filter((name) => name.endsWith(".wasm"));
  const after = (await Promise.all(names.map(sized))).reduce((sum, { size }) => sum + size, 0);
  console.log(`${count} files of WebAssembly, ${before} bytes, have ${after} after ${((Date.now() - began) / 1000).toFixed(1)} s`);
} else {
  const { folder, library } = workerData;
  const { default: binaryen } = await import(pathToFileURL(library).href);
  const { SIMD128, BulkMemory, BulkMemoryOpt, NontrappingFPToInt } = binaryen.Features;
  binaryen.setOptimizeLevel(1);
  binaryen.setShrinkLevel(0);
  binaryen.setDebugInfo(false);
  parentPort.on("message", async (name) => {
    if (!name) return parentPort.close();
    const [one, several] = name.startsWith("llmos.") ? FIRST : LATER;
    binaryen.setOneCallerInlineMaxSize(one);
    binaryen.setAlwaysInlineMaxSize(several);
    binaryen.setFlexibleInlineMaxSize(several);
    const module = binaryen.readBinary(await readFile(join(folder, name)));
    module.setFeatures(module.getFeatures() | SIMD128 | BulkMemory | BulkMemoryOpt | NontrappingFPToInt);
    module.optimize();
    module.runPasses(["duplicate-function-elimination", "inlining-optimizing", "duplicate-function-elimination"]);
    await writeFile(join(folder, name), module.emitBinary());
    module.dispose();
    parentPort.postMessage("next");
  });
  parentPort.postMessage("next");
}
