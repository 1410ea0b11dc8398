// Starts the built server on a new data folder and removes the folder when it stops.
import { spawn } from "node:child_process";
import { mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const data = mkdtempSync(path.join(tmpdir(), "llmos-e2e-"));
const binary = process.env.LLMOS_BINARY ?? path.join(root, "target", "debug", "llmos");
// Where scripts/test looks through logs for secrets, all of it goes into a file.
const logs = process.env.LLMOS_TEST_LOGS;
const log = logs ? openSync(path.join(logs, "end2end.log"), "a") : "inherit";
const level = logs ? "info,llmos_lite=debug" : "warn";
const server = spawn(binary, ["serve"], {
  cwd: root,
  stdio: ["inherit", "inherit", log],
  // The tests say which address they come from: what is limited by address would else be one for all of them.
  env: { TRUSTED_PROXIES: "127.0.0.1", MARKETPLACE_CHECK_LINKS: "false", ...process.env, DATA_DIR: data, LEPTOS_SITE_ADDR: process.env.LLMOS_E2E_ADDR, RUST_LOG: process.env.RUST_LOG ?? level },
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => server.kill(signal));
server.on("exit", (code) => {
  rmSync(data, { recursive: true, force: true });
  process.exit(code ?? 1);
});
