// What `wasm-opt -O1 --duplicate-function-elimination` does, for all WebAssembly in a folder at once: `optimise.mjs FOLDER BINARYEN`, where BINARYEN is the npm
// package's index.js. As a program for each file, which is how cargo-leptos has it, Binaryen is compiled anew 150 times, and that takes eight times longer.
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, library] = process.argv.slice(2);
const { default: binaryen } = await import(pathToFileURL(library).href);
const { SIMD128, BulkMemory, BulkMemoryOpt, NontrappingFPToInt } = binaryen.Features;
binaryen.setOptimizeLevel(1);
binaryen.setShrinkLevel(0);
binaryen.setDebugInfo(false);

const began = Date.now();
const names = (await readdir(folder)).filter((name) => name.endsWith(".wasm"));
let before = 0;
let after = 0;
for (const name of names) {
  const bytes = await readFile(join(folder, name));
  const module = binaryen.readBinary(bytes);
  module.setFeatures(module.getFeatures() | SIMD128 | BulkMemory | BulkMemoryOpt | NontrappingFPToInt);
  module.optimize();
  module.runPasses(["duplicate-function-elimination"]);
  const optimised = module.emitBinary();
  module.dispose();
  await writeFile(join(folder, name), optimised);
  before += bytes.length;
  after += optimised.length;
}
console.log(`${names.length} files of WebAssembly, ${before} bytes, have ${after} after ${((Date.now() - began) / 1000).toFixed(1)} s`);
