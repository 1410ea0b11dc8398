// Measures how soon the page of analytics is complete, with all of its charts drawn: analytics-page.mjs DATA, a folder that “scripts/bench CORPUS analytics” made.
// Prints rows of a table beside the goals. The browser has seen the page before, so that its service worker has the files; each load begins with a new document.
import path from "node:path";
import { trial } from "./trial.mjs";

const [data] = process.argv.slice(2);
if (!data) throw new Error("Name the folder that scripts/bench made, such as target/bench/analytics-10000000.");
const LOADS = 20;
const PATIENCE = 60_000;
const ZONE = "Europe/Berlin";
// As fast as this machine, and as a slow phone.
const SPEEDS = [[1, 500], [4, 1_500]];
// In the first, every chart is near enough to be drawn; in the second, those that one sees first.
const WINDOWS = [["all charts drawn", { width: 1440, height: 6_000 }], ["those of the first screen drawn", { width: 1440, height: 900 }]];

const row = (...cells) => console.log(`| ${cells.join(" | ")} |`);
const part = (values, share) => values.sort((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)];

/** In the page: notes when every chart in the window is drawn beside the numbers, and when it answers as well, in ms since the navigation began, in the frame after that. */
function watch() {
  const complete = () => {
    const charts = [...document.querySelectorAll("section.chart")];
    const seen = charts.filter((chart) => {
      const { top, bottom } = chart.getBoundingClientRect();
      return top < innerHeight && bottom > 0;
    });
    const drawn = (chart) => chart.querySelector(".chart-canvas svg path") || chart.querySelector(".nothing");
    return seen.length > 0 && seen.every(drawn) ? [charts.length, seen.length] : undefined;
  };
  const times = {};
  // What is in the document by now is on the screen one frame later.
  const note = (name) => {
    times[name] = 0;
    requestAnimationFrame(() => setTimeout(() => {
      times[name] = performance.now();
      if (times.drawn && times.alive) window.completed = times;
    }));
  };
  const look = () => {
    const found = complete();
    if (found && times.drawn === undefined) {
      [times.charts, times.seen] = found;
      note("drawn");
    }
    if (found && times.alive === undefined && document.documentElement.hasAttribute("data-ready")) note("alive");
    if (times.alive === undefined) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

const account = { email: "bench@example.org", password: "a bench to sit on" };
await trial(3180, {}, async ({ address, context }) => {
  // The days that the events are of, also when they were made a while ago.
  const year = await (await context.request.get(`${address}/api/v1/analytics?range=12m&zone=${ZONE}`)).json();
  const days = year.collaboration.calendar.map((count, index) => [index, count]).filter(([, count]) => count > 0);
  const day = (index) => new Date(Date.parse(year.collaboration.calendarFrom) + index * 86_400_000).toISOString().slice(0, 10);
  const first = days[0][0];
  const last = Math.min(days.at(-1)[0], first + 89);
  const url = `${address}/analytics?range=custom&from=${day(first)}&to=${day(last)}&zone=${ZONE}`;
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  // As whoever has been here before: the service worker has the files, and stands between.
  await page.goto(address);
  await page.waitForFunction(() => navigator.serviceWorker.controller, undefined, { timeout: PATIENCE });
  await page.addInitScript(watch);
  const throttle = await context.newCDPSession(page);
  row("figure", "goal", "measured", "");
  row("---", "---", "---", "---");
  for (const [what, size] of WINDOWS) {
    await page.setViewportSize(size);
    for (const [times, goal] of SPEEDS) {
      await throttle.send("Emulation.setCPUThrottlingRate", { rate: times });
      const loads = [];
      let seen;
      // The first ones fill the caches of the browser, as a visit before would have.
      for (let load = -3; load < LOADS; load += 1) {
        await page.goto("about:blank");
        await page.goto(url, { waitUntil: "commit" });
        const completed = await (await page.waitForFunction(() => window.completed, undefined, { timeout: PATIENCE })).jsonValue();
        if (load >= 0) loads.push(completed);
        seen = completed;
      }
      const slow = times === 1 ? "" : `, processor slowed down ${times} ×`;
      const told = (name) => [0.5, 0.95].map((share) => part(loads.map((load) => load[name]), share));
      const [drawn, alive] = [told("drawn"), told("alive")];
      const words = ([p50, p95]) => `${p50.toFixed(0)} / ${p95.toFixed(0)} ms`;
      row(`page of analytics complete, ${what} (${seen.seen} of ${seen.charts})${slow}, ${LOADS} loads, p50 / p95`, `≤ ${goal} ms`, words(drawn), drawn[1] <= goal ? "met" : "missed");
      row(`… and it answers${slow}`, "", words(alive), "");
    }
  }
  for (const problem of problems) console.log(`error on the page: ${problem}`);
}, { data: path.resolve(data), account });
