// Measures what a browser loads on its first visit, cold cache, as bytes on the wire. Prints it beside the goal; exits 1 above
// it (docs/decisions/first-load.md).
// The page is the first that a person sees who is signed in: home. Needs the built server and front end.
import { trial } from "./trial.mjs";

const GOAL = 300 * 1024;

await trial(3178, {}, async ({ address, context }) => {
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
  await page.goto(`${address}/`);
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
  console.log(`first load: ${(total / 1024).toFixed(1)} KB; goal ${GOAL / 1024} KB`);
  for (const problem of problems) console.log(`error on the page: ${problem}`);
  process.exitCode = total <= GOAL && problems.length === 0 ? 0 : 1;
});
