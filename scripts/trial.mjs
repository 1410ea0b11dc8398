// A server on a new folder, or on one that stays, an account, and a browser that is signed in: for scripts that measure what a browser sees.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "../end2end/node_modules/playwright-core/index.mjs";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const binary = [process.env.LLMOS_BINARY, "target/release/llmos", "target/debug/llmos"].filter(Boolean).map((file) => path.resolve(root, file)).find(existsSync);

const launch = { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"] };

/**
 * Calls `act` with the server's address, the browser's context and the environment for commands of that server, and removes all of it; `kept`, a folder with an
 * account that is there, stays. `kill` ends the server as `kill -9` does, `begin` starts it again on the same data. `tools` is a port at which other programs find the
 * browser, which then has a profile of its own: a context of Playwright's is a private window.
 */
export async function trial(port, environment, act, kept, tools) {
  const address = `http://127.0.0.1:${port}`;
  const data = kept?.data ?? mkdtempSync(path.join(tmpdir(), "llmos-trial-"));
  const env = { ...process.env, ...environment, DATA_DIR: data, LEPTOS_SITE_ADDR: `127.0.0.1:${port}` };
  let server;
  const begin = async () => {
    server = spawn(binary, ["serve"], { cwd: root, stdio: "ignore", env });
    for (let tries = 0; ; tries++) {
      if (await fetch(`${address}/healthz`).then((answer) => answer.ok, () => false)) break;
      if (tries > 100) throw new Error("the server did not start");
      await new Promise((wait) => setTimeout(wait, 200));
    }
  };
  const end = async (signal) => {
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const ended = new Promise((ended) => server.once("exit", ended));
    server.kill(signal);
    await ended;
  };
  let browser;
  try {
    await begin();
    let context;
    if (tools) {
      const args = [...launch.args, `--remote-debugging-port=${tools}`];
      context = browser = await chromium.launchPersistentContext(path.join(data, "profile"), { ...launch, args, serviceWorkers: "allow" });
    } else {
      browser = await chromium.launch(launch);
      context = await browser.newContext();
    }
    const account = kept?.account ?? { name: "First Visitor", email: "first@example.org", password: "a first load is small" };
    const made = await context.request.post(`${address}/api/v1/${kept ? "sign-in" : "sign-up"}`, { data: account });
    if (!made.ok()) throw new Error(`the account: ${made.status()}`);
    await act({ address, context, env, kill: () => end("SIGKILL"), begin });
  } finally {
    await browser?.close();
    await end("SIGTERM");
    if (!kept) rmSync(data, { recursive: true, force: true });
  }
}
