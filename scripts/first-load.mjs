// Measures what a browser loads on its first visit, cold cache, as bytes on the wire. Prints it beside the goal; exits 1 above
// the ceiling, which is what was reached so far: it may come down, never go up.
// The page is the first that a person sees who is signed in: home. Needs the built server and front end.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "../end2end/node_modules/playwright-core/index.mjs";

const GOAL = 300 * 1024;
const CEILING = 280 * 1024;
const root = fileURLToPath(new URL("..", import.meta.url));
const address = "127.0.0.1:3178";
const binary = [process.env.LLMOS_BINARY, "target/release/llmos", "target/debug/llmos"].filter(Boolean).map((file) => path.resolve(root, file)).find(existsSync);
const data = mkdtempSync(path.join(tmpdir(), "llmos-load-"));
const server = spawn(binary, ["serve"], { cwd: root, stdio: "ignore", env: { ...process.env, DATA_DIR: data, LEPTOS_SITE_ADDR: address } });
let browser;
try {
  for (let tries = 0; ; tries++) {
    if (await fetch(`http://${address}/healthz`).then((answer) => answer.ok, () => false)) break;
    if (tries > 100) throw new Error("the server did not start");
    await new Promise((wait) => setTimeout(wait, 200));
  }
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"] });
  const context = await browser.newContext();
  const account = { name: "First Visitor", email: "first@example.org", password: "a first load is small" };
  const made = await context.request.post(`http://${address}/api/v1/sign-up`, { data: account });
  if (!made.ok()) throw new Error(`sign-up: ${made.status()}`);
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  const network = await context.newCDPSession(page);
  await network.send("Network.enable");
  await network.send("Network.setCacheDisabled", { cacheDisabled: true });
  const urls = new Map();
  const sizes = new Map();
  network.on("Network.responseReceived", ({ requestId, response }) => urls.set(requestId, response.url));
  network.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => sizes.set(requestId, encodedDataLength));
  await page.goto(`http://${address}/`);
  await page.waitForFunction(() => document.documentElement.hasAttribute("data-ready"));
  await page.waitForLoadState("networkidle");
  let total = 0;
  const rows = [];
  for (const [id, size] of sizes) {
    const name = new URL(urls.get(id) ?? "http://x/?").pathname;
    // The goal is HTML, CSS, JS, WASM and one font; icons and the manifest come after the page stands.
    const counted = /^\/$|\.(css|js|wasm|woff2)$/.test(name);
    rows.push([name, size, counted]);
    if (counted) total += size;
  }
  for (const [name, size, counted] of rows.sort((a, b) => b[1] - a[1])) console.log(String(size).padStart(9), counted ? " " : "(not counted)", name);
  console.log(`first load: ${(total / 1024).toFixed(1)} KB; goal ${GOAL / 1024} KB, ceiling ${CEILING / 1024} KB`);
  for (const problem of problems) console.log(`error on the page: ${problem}`);
  process.exitCode = total <= CEILING && problems.length === 0 ? 0 : 1;
} finally {
  await browser?.close();
  server.kill();
  rmSync(data, { recursive: true, force: true });
}
