// A server on a new folder, an account, and a browser that is signed in: for scripts that measure what a browser sees.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "../end2end/node_modules/playwright-core/index.mjs";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const binary = [process.env.LLMOS_BINARY, "target/release/llmos", "target/debug/llmos"].filter(Boolean).map((file) => path.resolve(root, file)).find(existsSync);

/** Calls `act` with the server's address, the browser's context and the environment for commands of that server, and removes all of it. */
export async function trial(port, environment, act) {
  const address = `http://127.0.0.1:${port}`;
  const data = mkdtempSync(path.join(tmpdir(), "llmos-trial-"));
  const env = { ...process.env, ...environment, DATA_DIR: data, LEPTOS_SITE_ADDR: `127.0.0.1:${port}` };
  const server = spawn(binary, ["serve"], { cwd: root, stdio: "ignore", env });
  let browser;
  try {
    for (let tries = 0; ; tries++) {
      if (await fetch(`${address}/healthz`).then((answer) => answer.ok, () => false)) break;
      if (tries > 100) throw new Error("the server did not start");
      await new Promise((wait) => setTimeout(wait, 200));
    }
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"] });
    const context = await browser.newContext();
    const account = { name: "First Visitor", email: "first@example.org", password: "a first load is small" };
    const made = await context.request.post(`${address}/api/v1/sign-up`, { data: account });
    if (!made.ok()) throw new Error(`sign-up: ${made.status()}`);
    await act({ address, context, env });
  } finally {
    await browser?.close();
    server.kill();
    await new Promise((ended) => server.once("exit", ended));
    rmSync(data, { recursive: true, force: true });
  }
}
