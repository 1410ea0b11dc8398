// Search on the device: kept when asked for, the same ranking as the server's, an answer without a network, gone when one signs out.
import { readFileSync } from "node:fs";
import { ADMIN, api, checkAccessible, createArtifact, createTeam, expect, importFiles, ready, test, watch } from "../fixtures/index.js";
import { byMeaning } from "../fixtures/search.js";
import { Server } from "../fixtures/server.js";
import type { APIRequestContext, Page } from "@playwright/test";

type Found = { hits: { id: string; score: number; passage: { text: string }[]; place: string }[]; total: number; semantic: boolean; device?: boolean; facets: { kinds: unknown[]; authors: unknown[] } };

/** Scores nearer than this may be the other way round. */
const SAME = 1e-4;

const queries = readFileSync(new URL("../../crates/search/eval/queries.tsv", import.meta.url), "utf8").trim().split("\n").map((line) => line.split("\t")[2]!);

/** Documents that are about what is asked. */
function fill(request: APIRequestContext, volumeId: string) {
  const section = (number: number) => `## ${queries[number % queries.length]}\n\nHow one goes about it, step by step.\n`;
  const skill = (number: number) =>
    `---\nname: q-${number}\ndescription: For who wants to ${queries[number]}.\n---\n\n${[1, 5, 12, 30].map((step) => section(number + step)).join("\n")}`;
  return importFiles(request, volumeId, queries.map((_, number) => [`skills/q-${number}/SKILL.md`, skill(number)]));
}

async function keep(page: Page) {
  await page.goto("/settings/offline");
  await ready(page);
  await expect(page.locator("[data-size]")).toContainText("About");
  await checkAccessible(page);
  await page.getByRole("button", { name: "Make search available offline" }).click();
  await expect(page.locator("[data-kept]")).toContainText(/document/, { timeout: 80_000 });
}

/** What the device answers to a path, asked as pages ask it. */
async function deviceAnswers(page: Page, paths: string[]): Promise<Found[]> {
  const texts = await page.evaluate(async (paths) => {
    const user = localStorage.getItem("llmos-offline")!;
    const names = JSON.parse(document.querySelector("script[type=importmap]")!.textContent!) as { imports: Record<string, string> };
    const script = (await import(names.imports["llmos/offline"]!)) as { ask(what: string, account: string, about: string): Promise<string> };
    const answers: string[] = [];
    for (const path of paths) answers.push(await script.ask("answer", user, path));
    return answers;
  }, paths);
  return texts.map((text) => JSON.parse(text) as Found);
}

// On a server of its own: what others publish in a marketplace has a say in how rare a word is, and devices do not hold it.
test("the device ranks as the server does", async ({ browser, problems }) => {
  test.setTimeout(180_000);
  const server = await Server.start();
  const context = await browser.newContext({ baseURL: `http://${server.address}` });
  try {
    const page = await context.newPage();
    watch(page, problems);
    await api(context.request, "POST", "/sign-up", ADMIN);
    await compare(page, (await createTeam(context.request, "Harbor Platform")).volumeId);
  } finally {
    await context.close();
    await server.end();
  }
});

async function compare(page: Page, volumeId: string) {
  const request = page.context().request;
  await fill(request, volumeId);
  await byMeaning(request);
  await keep(page);
  const filters = ["", "&kind=tool", "&partial=true", `&volume=${volumeId}`, "&sort=name"];
  // No more than a minute's allowance.
  // What is somebody's own is masked in a question on both sides.
  const asked = [...queries.slice(0, 79), "what did maya.okafor@harbor.example say of a valuation"];
  const paths = asked.map((query, number) => `/search?q=${encodeURIComponent(query)}&limit=50${filters[number % filters.length]}`);
  const online: Found[] = [];
  for (const path of paths) online.push(await api<Found>(request, "GET", path));
  const offline = await deviceAnswers(page, paths);
  for (const [number, there] of online.entries()) {
    const here = offline[number]!;
    expect(here.total, paths[number]).toBe(there.total);
    expect(here.semantic).toBe(there.semantic);
    expect(here.facets, paths[number]).toEqual(there.facets);
    for (const [place, hit] of there.hits.entries()) {
      const other = here.hits[place]!;
      expect(Math.abs(other.score - hit.score), `${paths[number]}, place ${place + 1}`).toBeLessThan(SAME);
      const twin = here.hits.find((candidate) => candidate.id === hit.id);
      expect(twin && Math.abs(twin.score - hit.score), `${paths[number]}: ${hit.id}`).toBeLessThan(SAME);
      expect([twin!.passage, twin!.place]).toEqual([hit.passage, hit.place]);
    }
  }
}

test("without a network the palette and the page of search answer from the device @phone", async ({ page, team }) => {
  test.setTimeout(180_000);
  const request = page.context().request;
  await createArtifact(request, team.volumeId, "Lantern duty", "---\nname: Lantern duty\ndescription: Who lights the quayside lanterns.\n---\n\nTrim the wicks before dusk.\n");
  const meaning = await byMeaning(request);
  await keep(page);
  await page.goto("/search?q=quayside");
  await ready(page);
  await expect(page.locator(".hits .hit").first()).toContainText("Lantern duty");
  await page.context().setOffline(true);
  await page.getByRole("searchbox", { name: "What do you need?" }).fill(meaning ? "calculate company worth" : "valuation");
  await expect(page.getByRole("status").filter({ hasText: "on this device" })).toBeVisible();
  await expect(page.locator(".hits .hit").first()).toContainText(/[Vv]aluation|[Aa]nalysis|[Cc]alculator/);
  await checkAccessible(page);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Search or go to" }).fill("wicks dusk");
  await expect(page.getByRole("option", { name: /Lantern duty/ })).toBeVisible();
  await page.keyboard.press("Escape");

  // What others did meanwhile is here after the next comparison; what went is gone.
  await page.context().setOffline(false);
  await createArtifact(request, team.volumeId, "Capstan oil", "---\nname: Capstan oil\ndescription: Which oil the capstans take.\n---\n\nLinseed.\n");
  const found = await api<Found>(request, "GET", "/search?q=lantern%20duty&limit=1");
  await api(request, "DELETE", `/artifacts/${found.hits[0]!.id}`);
  await page.goto("/settings/offline");
  await ready(page);
  await page.getByRole("button", { name: "Compare now" }).click();
  await expect.poll(async () => (await deviceAnswers(page, ["/search?q=capstan%20linseed"]))[0]!.hits.length).toBeGreaterThan(0);
  expect((await deviceAnswers(page, ["/search?q=%22quayside%20lanterns%22"]))[0]!.total).toBe(0);
});

test("what a device keeps goes on request, and when one signs out", async ({ page, team }) => {
  test.setTimeout(180_000);
  await fill(page.context().request, team.volumeId);
  await byMeaning(page.context().request);
  const databases = () => page.evaluate(async () => (await indexedDB.databases()).filter(({ name }) => name?.startsWith("llmos-offline")).length);
  await keep(page);
  expect(await databases()).toBe(1);
  await page.getByRole("button", { name: "Remove from this device" }).click();
  await expect(page.getByRole("button", { name: "Make search available offline" })).toBeVisible();
  expect(await databases()).toBe(0);

  // Stopped in the middle, what came stays, and the rest is fetched later.
  let requests = 0;
  await page.route("**/search/offline/documents?*", async (route) => {
    if (++requests > 1) await new Promise((done) => setTimeout(done, 2_000));
    await route.continue().catch(() => undefined);
  });
  await page.getByRole("button", { name: "Make search available offline" }).click();
  await expect.poll(() => requests, { timeout: 60_000 }).toBeGreaterThan(1);
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(page.getByRole("alert")).toContainText("What has arrived is kept.");
  await expect(page.locator("[data-kept]")).toContainText(/[1-9]\d* documents/);
  await page.unroute("**/search/offline/documents?*");

  await page.goto("/settings/security");
  await ready(page);
  await page.getByRole("button", { name: "Sign out", exact: true }).first().click();
  await page.waitForURL(/\/login/);
  // The page is loaded anew meanwhile.
  await expect.poll(() => databases().catch(() => -1)).toBe(0);
});
