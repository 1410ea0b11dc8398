// Measures the app without a network, in Chromium: a file from the worker, a cold start with the server gone, a thousand changes that go home; then what
// Lighthouse says of its pages and how soon they answer to a press. Prints tables for the README. Needs the built server and front end; Lighthouse is in
// benches/lighthouse, and left out where it is not installed.
import { existsSync } from "node:fs";
import { root, trial } from "./trial.mjs";

const PORT = 3181;
const TOOLS = 9381;
const CHANGES = 1_000;
const OBJECTS = 40;
/** How often a file is asked for, and the app is started. */
const FILES = 400;
const STARTS = 9;
/** Of each page by Lighthouse, which says itself that it takes five. */
const VISITS = 5;

const row = (...cells) => console.log(`| ${cells.join(" | ")} |`);
const head = () => (row("figure", "goal", "measured", ""), row("---", "---", "---", "---"));
const part = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];
const met = (is) => (is ? "met" : "missed");
const ms = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
const seconds = (value) => `${(value / 1_000).toFixed(2)} s`;
const pause = (time) => new Promise((done) => setTimeout(done, time));

async function until(act, what) {
  for (let tries = 0; tries < 600; tries++) {
    if (await act().catch(() => false)) return;
    await pause(200);
  }
  throw new Error(`${what} did not come about`);
}

const ready = (page) => page.waitForFunction(() => document.documentElement.hasAttribute("data-ready"));
const slowed = async (page, rate) => (await page.context().newCDPSession(page)).send("Emulation.setCPUThrottlingRate", { rate });

/** The worker is there, and all files of the build. */
async function install(page, address) {
  await page.goto(`${address}/`);
  await ready(page);
  await until(() => page.evaluate(() => Boolean(navigator.serviceWorker.controller)), "the worker");
  let before = -1;
  await until(async () => {
    const now = await page.evaluate(async () => (await (await caches.open("llmos-assets")).keys()).length);
    const settled = now > 0 && now === before;
    before = now;
    await pause(1_500);
    return settled;
  }, "the files of the build");
}

/** Milliseconds of a file of the build, out of the worker's cache. */
async function files(page) {
  return page.evaluate(async (times) => {
    const name = performance.getEntriesByType("resource").map((entry) => new URL(entry.name).pathname).find((path) => /^\/pkg\/.*\.js$/.test(path));
    const taken = [];
    for (let number = 0; number < times + 20; number++) {
      const began = performance.now();
      await (await fetch(name, { cache: "no-store" })).arrayBuffer();
      // The first ones wake it.
      if (number >= 20) taken.push(performance.now() - began);
    }
    return taken;
  }, FILES);
}

/** Milliseconds from opening the app without a server until it answers to a press, each on a page of its own. */
async function coldStarts(context, address, rate) {
  const taken = [];
  for (let number = 0; number < STARTS; number++) {
    const page = await context.newPage();
    await slowed(page, rate);
    await page.goto(`${address}/`, { waitUntil: "commit" });
    await ready(page);
    taken.push(await page.evaluate(() => performance.now()));
    if (!(await page.evaluate(() => document.documentElement.hasAttribute("data-shell")))) throw new Error("the server answered");
    await page.close();
  }
  return taken;
}

/** A thousand messages in forty sessions, kept while the server is gone, then sent. */
async function outbox({ page, context, address, kill, begin }) {
  const sessions = [];
  for (let number = 0; number < OBJECTS; number++) {
    const made = await context.request.post(`${address}/api/v1/sessions`, { data: { title: `Session ${number}` } });
    sessions.push((await made.json()).id);
  }
  const me = await (await context.request.get(`${address}/api/v1/me`)).json();
  await kill();
  await context.setOffline(true);
  await page.goto(`${address}/settings/unsent`);
  await ready(page);
  const kept = await page.evaluate(
    async ({ account, sessions, changes }) => {
      const { imports } = JSON.parse(document.querySelector("script[type=importmap]").textContent);
      const { ask } = await import(imports["llmos/outbox"]);
      const id = () => {
        const bytes = crypto.getRandomValues(new Uint8Array(16));
        const now = Date.now();
        for (let place = 0; place < 6; place++) bytes[5 - place] = Math.floor(now / 256 ** place) % 256;
        [bytes[6], bytes[8]] = [0x70 | (bytes[6] & 15), 0x80 | (bytes[8] & 63)];
        return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("").replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
      };
      const began = performance.now();
      for (let number = 0; number < changes; number++) {
        const session = sessions[number % sessions.length];
        const wish = { objects: [`session:${session}`], method: "POST", path: `/sessions/${session}/messages`, body: JSON.stringify({ id: id(), text: `Message ${number}`, attachmentIds: [] }), label: "Message", merge: "", holds: false, latest: false };
        await ask(JSON.stringify({ act: "add", account, wish, wait: false }));
      }
      return performance.now() - began;
    },
    { account: me.person.id, sessions, changes: CHANGES },
  );
  await begin();
  const count = () => page.evaluate(async (account) => {
    const database = await new Promise((done) => { const opening = indexedDB.open(`llmos-outbox-${account}`); opening.onsuccess = () => done(opening.result); });
    const number = await new Promise((done) => { const counting = database.transaction("changes").objectStore("changes").count(); counting.onsuccess = () => done(counting.result); });
    database.close();
    return number;
  }, me.person.id);
  if ((await count()) !== CHANGES) throw new Error("not all of them were kept");
  const began = Date.now();
  await context.setOffline(false);
  await until(async () => (await count()) === 0, "the end of the outbox");
  const took = Date.now() - began;
  let arrived = 0;
  let inOrder = true;
  for (const [place, session] of sessions.entries()) {
    const { items } = await (await context.request.get(`${address}/api/v1/sessions/${session}/entries?from=1&limit=200`)).json();
    const numbers = items.filter((entry) => entry.text).map((entry) => Number(entry.text.split(" ")[1]));
    arrived += numbers.length;
    inOrder &&= numbers.every((number, at) => number === place + at * OBJECTS);
  }
  return { kept, took, arrived, inOrder };
}

/** Milliseconds until presses show, the slowest of a page (Event Timing): Lighthouse's own runs press nothing. */
async function presses(context, address, path, acts) {
  const page = await context.newPage();
  await page.addInitScript(() => {
    globalThis.slowest = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (entry.interactionId) globalThis.slowest = Math.max(globalThis.slowest, entry.duration);
    }).observe({ type: "event", durationThreshold: 16, buffered: true });
  });
  await page.goto(address + path);
  await ready(page);
  await page.waitForLoadState("networkidle");
  await slowed(page, 4);
  for (const act of acts) {
    await act(page);
    await pause(400);
  }
  const slowest = await page.evaluate(() => globalThis.slowest);
  await page.close();
  return slowest;
}

/** The longest frame, in milliseconds, while a list of 200 rows is scrolled. */
async function scrolling(context, address) {
  const api = async (method, path, data) => (await context.request.fetch(`${address}/api/v1${path}`, { method, data })).json();
  const [volume] = await api("GET", "/volumes");
  for (let number = 0; number < 200; number++) await api("POST", "/artifacts", { volumeId: volume.id, kind: "skill", name: `Beacon ${number}` });
  const page = await context.newPage();
  await page.goto(`${address}/artifacts?volume=${volume.id}`);
  await ready(page);
  for (let rows = 50; rows < 200; rows += 50) {
    await page.getByRole("link", { name: "Load more" }).click();
    await page.waitForFunction((before) => document.querySelectorAll(".lib > li").length > before, rows);
  }
  await slowed(page, 4);
  const longest = await page.evaluate(async () => {
    const list = document.querySelector("[data-part=list] > .scroll");
    let [longest, before] = [0, performance.now()];
    for (let step = 0; step < 120; step++) {
      list.scrollBy(0, 80);
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      if (step > 5) longest = Math.max(longest, now - before);
      before = now;
    }
    return longest;
  });
  await page.close();
  return longest;
}

const MOBILE = { formFactor: "mobile", screenEmulation: { mobile: true, width: 412, height: 823, deviceScaleFactor: 1.75, disabled: false } };

/** What a few visits found; one visit alone is ten points off now and then. */
async function reports(lighthouse, url, categories) {
  const found = [];
  for (let visit = 0; visit < VISITS; visit++) {
    // A first visit: what the browser and the worker kept is removed before. Cookies are not, so the sign-in stays.
    const { lhr } = await lighthouse(url, { port: TOOLS, output: "json", logLevel: "error", onlyCategories: categories, disableStorageReset: false, ...MOBILE });
    if (!lhr.finalDisplayedUrl.startsWith(url)) throw new Error(`Lighthouse saw ${lhr.finalDisplayedUrl} in place of ${url}`);
    found.push(lhr);
  }
  return found;
}

await trial(
  PORT,
  {},
  async ({ address, context, kill, begin }) => {
    const page = await context.newPage();
    await install(page, address);
    const asset = await files(page);
    const home = await context.request.get(`${address}/api/v1/me`);
    const me = await home.json();
    const made = await context.request.post(`${address}/api/v1/artifacts`, { data: { volumeId: me.volumeId, kind: "skill", name: "Night watch" } });
    const artifact = (await made.json()).summary.id;
    const session = (await (await context.request.post(`${address}/api/v1/sessions`, { data: { title: "One way to review" } })).json()).id;
    await page.goto(`${address}/`);
    await ready(page);
    await pause(6_000);
    await page.close();
    await kill();
    await context.setOffline(true);
    const [whole, slow] = [await coldStarts(context, address, 1), await coldStarts(context, address, 4)];
    await context.setOffline(false);
    await begin();
    const sending = await context.newPage();
    const sent = await outbox({ page: sending, context, address, kill, begin });
    await sending.close();

    head();
    row("a file of the build from the worker, p50", "≤ 5 ms", ms(part(asset, 0.5)), met(part(asset, 0.5) <= 5));
    row("… p99", "≤ 10 ms", ms(part(asset, 0.99)), met(part(asset, 0.99) <= 10));
    row("cold start with the server gone, until it answers to a press, median of 9", "≤ 1.0 s", seconds(part(whole, 0.5)), met(part(whole, 0.5) <= 1_000));
    row("… processor four times as slow", "≤ 2.5 s", seconds(part(slow, 0.5)), met(part(slow, 0.5) <= 2_500));
    row(`${CHANGES.toLocaleString("en")} changes of ${OBJECTS} sessions sent`, "≤ 10 s", seconds(sent.took), met(sent.took <= 10_000));
    row("… arrived, in order", `${CHANGES.toLocaleString("en")}`, `${sent.arrived.toLocaleString("en")}${sent.inOrder ? "" : ", not in order"}`, met(sent.arrived === CHANGES && sent.inOrder));
    row("… each kept on the device before, with strict durability", "", ms(sent.kept / CHANGES), "");

    const click = (selector) => (page) => page.locator(selector).first().click();
    const type = (selector, text) => async (page) => {
      await page.locator(selector).first().click();
      await page.keyboard.type(text, { delay: 60 });
    };
    const pages = [
      ["library", "/artifacts", [type("[data-filter]", "night"), click("details.drop > summary")]],
      ["artifact", `/artifacts/${artifact}`, [click(".tabs a:nth-child(3)"), click(".tabs a:nth-child(1)")]],
      ["session", `/sessions/${session}`, [type("textarea", "Where do we begin?"), click("details.drop > summary")]],
      ["analytics", "/analytics", [click("details.drop > summary"), click(".ana-bar a, .ana-bar button")]],
    ];
    console.log();
    head();
    for (const [name, path, acts] of pages) {
      const slowest = await presses(context, address, path, acts);
      row(`${name}: slowest answer to a press or a key, processor four times as slow`, "≤ 100 ms", ms(slowest), met(slowest <= 100));
    }

    const frame = await scrolling(context, address);
    row("library of 200 rows, scrolled: longest frame, processor four times as slow, without graphics", "≤ 50 ms", ms(frame), met(frame <= 50));

    if (!existsSync(`${root}benches/lighthouse/node_modules/lighthouse`)) return console.log("\nLighthouse: not measured, it is not installed (npm ci in benches/lighthouse)");
    const { default: lighthouse } = await import(`${root}benches/lighthouse/node_modules/lighthouse/core/index.js`);
    const { computeMedianRun } = await import(`${root}benches/lighthouse/node_modules/lighthouse/core/lib/median-run.js`);
    const seen = [["library", `/artifacts`], ["session", `/sessions/${session}`], ["analytics", "/analytics"], ["marketplace", "/marketplace"], ["sign-in", "/login"]];
    console.log(`\nOf ${VISITS} visits each that which is in the middle, and the least and the most of their performance:`);
    console.log("\n| page | performance (≥ 95) | of all visits | blocking time | accessibility (100) | best practices (100) | SEO (≥ 95) | LCP (≤ 1.8 s) | CLS (≤ 0.02) | |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (const [name, path] of seen) {
      const open = name === "marketplace" || name === "sign-in";
      // What is public is seen as somebody who is not signed in.
      if (name === "marketplace") await context.clearCookies();
      const all = await reports(lighthouse, address + path, ["performance", "accessibility", "best-practices", ...(open ? ["seo"] : [])]);
      const lhr = computeMedianRun(all);
      const score = (category, of = lhr) => (of.categories[category] ? Math.round(of.categories[category].score * 100) : undefined);
      const performances = all.map((visit) => score("performance", visit));
      const blocked = lhr.audits["total-blocking-time"].numericValue;
      const [lcp, cls] = [lhr.audits["largest-contentful-paint"].numericValue, lhr.audits["cumulative-layout-shift"].numericValue];
      const scores = [score("performance"), score("accessibility"), score("best-practices"), score("seo")];
      const fine = scores[0] >= 95 && scores[1] === 100 && scores[2] === 100 && (scores[3] ?? 95) >= 95 && lcp <= 1_800 && cls <= 0.02;
      const [performance, ...others] = scores.map((score) => score ?? "");
      row(name, performance, `${Math.min(...performances)} – ${Math.max(...performances)}`, seconds(blocked), ...others, seconds(lcp), cls.toFixed(3), met(fine));
      const failed = Object.values(lhr.audits).filter((audit) => audit.score !== null && audit.score < 0.9 && ["binary", "numeric", "metricSavings"].includes(audit.scoreDisplayMode));
      for (const audit of failed.slice(0, 6)) console.error(`  ${name}: ${audit.title}${audit.displayValue ? ` (${audit.displayValue})` : ""}`);
    }
  },
  undefined,
  TOOLS,
);
