// Unit tests of what is pure in web/: each *.test.mjs is bundled, since it imports TypeScript, and run by Node's own runner.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const out = mkdtempSync(path.join(tmpdir(), "llmos-web-tests-"));
try {
  const entryPoints = readdirSync(here, { recursive: true }).filter((file) => file.endsWith(".test.mjs") && !file.includes("node_modules")).map((file) => path.join(here, file));
  await build({ entryPoints, outdir: out, bundle: true, platform: "node", format: "esm", outExtension: { ".js": ".mjs" }, define: { "process.env.NODE_ENV": '"production"' }, logLevel: "error" });
  const written = readdirSync(out, { recursive: true }).filter((file) => file.endsWith(".test.mjs")).map((file) => path.join(out, file));
  process.exitCode = spawnSync(process.execPath, ["--test", ...written], { stdio: "inherit" }).status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
