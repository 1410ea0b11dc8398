// Measures search on the device: what it takes, how long an answer takes, and whether it ranks as the server does, with all of CORPUS.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { binary, root, trial } from "./trial.mjs";

const [corpus] = process.argv.slice(2);
const queries = readFileSync(`${root}crates/search/eval/queries.tsv`, "utf8").trim().split("\n").map((line) => line.split("\t")[2]);
const paths = queries.map((query) => `/search?limit=20&q=${encodeURIComponent(query)}`);
const row = (...cells) => console.log(`| ${cells.join(" | ")} |`);
const part = (values, share) => values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];
const mb = (bytes) => `${(bytes / 1024 / 1024).toFixed(1)} MB`;

await trial(3179, { SEARCH_RATE: "1000000" }, async ({ address, context, env }) => {
  if (corpus) execFileSync(binary, ["import", corpus], { cwd: root, env, stdio: "ignore" });
  // The model sleeps until it is needed.
  await context.request.get(`${address}/api/v1/search?q=anything`);
  for (let search; !(search?.meaning === "ready" && search.waiting === 0); await new Promise((wait) => setTimeout(wait, 1_000))) {
    ({ search } = await (await context.request.get(`${address}/readyz`)).json());
    if (search.meaning === "missing") throw new Error("there is no model");
  }
  const online = [];
  for (const path of paths) online.push(await (await context.request.get(`${address}/api/v1${path}`)).json());
  const page = await context.newPage();
  await page.goto(`${address}/settings/offline`);
  const began = Date.now();
  await page.getByRole("button", { name: "Make search available offline" }).click();
  await page.waitForSelector("[data-kept]", { timeout: 600_000 });
  const kept = Date.now() - began;
  const device = await page.evaluate(async (paths) => {
    const user = localStorage.getItem("llmos-offline");
    const { imports } = JSON.parse(document.querySelector("script[type=importmap]").textContent);
    const script = await import(imports["llmos/offline"]);
    const database = await new Promise((done) => { const opening = indexedDB.open(`llmos-offline-${user}`); opening.onsuccess = () => done(opening.result); });
    const read = (store, key) => new Promise((done) => { const reading = database.transaction(store).objectStore(store).get(key); reading.onsuccess = () => done(reading.result); });
    const [{ index, held }, model] = [await read("kept", "kept"), await read("model", "model")];
    database.close();
    const timed = async (path) => { const began = performance.now(); const answer = JSON.parse(await script.ask("answer", user, path)); return [answer, performance.now() - began]; };
    const [, first] = await timed("/search?q=first");
    const answers = [];
    for (const path of paths) answers.push(await timed(path));
    return { first, answers, index: index.size, documents: held.size, model: model.bytes };
  }, paths);
  let differ = 0;
  for (const [number, [here]] of device.answers.entries()) {
    const there = online[number];
    const same = (hit, place) => Math.abs(here.hits[place].score - hit.score) < 1e-4 && here.hits.some((other) => other.id === hit.id);
    if (here.total !== there.total || !there.hits.every(same)) differ++;
  }
  const times = device.answers.map(([, time]) => time);
  row("figure", "goal", "measured", "");
  row("---", "---", "---", "---");
  row(`answers of the device that differ from the server's, ${device.documents} documents`, "0", `${differ} of ${queries.length}`, differ === 0 ? "met" : "missed");
  row("an answer on the device, in the browser, p50 / p90 / p99", "≤ 40 ms", `${part(times, 0.5).toFixed(0)} / ${part(times, 0.9).toFixed(0)} / ${part(times, 0.99).toFixed(0)} ms`, part(times, 0.9) <= 40 ? "met" : "missed");
  row("… the first after opening the page", "", `${device.first.toFixed(0)} ms`, "");
  row("model and index on the device", "≤ 30 MB", `${mb(device.model)} + ${mb(device.index)} = ${mb(device.model + device.index)}`, device.model + device.index <= 30 * 1024 * 1024 ? "met" : "missed");
  row("… kept after", "", `${(kept / 1000).toFixed(1)} s`, "");
});
