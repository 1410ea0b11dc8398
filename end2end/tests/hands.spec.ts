// The app in the hand: room for fingers, tabs, the keyboard, pulling, large text, little motion, and a system that shares.
import type { Page } from "@playwright/test";
import { tooSmall } from "../fixtures/hands.js";
import { api, beginSession, createArtifact, expect, ready, test } from "../fixtures/index.js";

test.skip(({ isMobile }) => !isMobile, "the phone's own");

test("everything that is pressed has room for a finger @phone", async ({ page, team }) => {
  const request = page.context().request;
  const skill = await createArtifact(request, team.volumeId, "Night watch", "---\nname: night-watch\ndescription: Who looks at the lamp.\n---\n\nLook twice.\n");
  const session = await beginSession(request, team, "One way to review");
  for (const address of ["/", "/sessions", `/sessions/${session.id}`, "/artifacts", `/artifacts/${skill.id}`, `/volumes/${team.volumeId}`, "/notifications", "/settings/offline", "/settings/unsent", "/search?q=lamp"]) {
    await page.goto(address);
    await ready(page);
    expect.soft(await tooSmall(page), address).toEqual([]);
  }
});

test("the tabs are at the bottom, clear of the system's own edge @phone", async ({ page, account }) => {
  void account;
  await page.goto("/");
  await ready(page);
  const bar = page.getByRole("navigation", { name: "Main, phone" });
  const box = (await bar.boundingBox())!;
  expect(Math.round(box.y + box.height)).toBe(844);
  expect(await page.locator("meta[name=viewport]").getAttribute("content")).toMatch(/viewport-fit=cover.*interactive-widget=resizes-content/);
  const sheet = await page.evaluate(() => [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]).map((rule) => rule.cssText).join("\n"));
  expect(sheet).toContain("safe-area-inset-bottom");
  await bar.getByRole("link", { name: "Sessions" }).click();
  await expect(page).toHaveURL(/\/sessions/);
});

test("what is written stays in sight when the keyboard takes half of the window @phone", async ({ page, team }) => {
  const session = await beginSession(page.context().request, team, "Writing");
  for (let number = 1; number <= 20; number += 1) await api(page.context().request, "POST", `/sessions/${session.id}/messages`, { text: `Said ${number}` });
  await page.goto(`/sessions/${session.id}`);
  await ready(page);
  const field = page.getByLabel("Message", { exact: true });
  await field.tap();
  // With `interactive-widget=resizes-content` the keyboard makes the window smaller.
  await page.setViewportSize({ width: 390, height: 420 });
  await expect(field).toBeInViewport({ ratio: 1 });
  await expect(page.getByRole("button", { name: "Send" })).toBeInViewport({ ratio: 1 });
  await expect(page.getByText("Said 20", { exact: true })).toBeInViewport();
});

test("a list is read again by pulling it down, and by its button @phone", async ({ page, team }) => {
  await page.goto("/sessions");
  await ready(page);
  // The script of the app comes when the page stands.
  await page.waitForTimeout(6_000);
  const request = page.context().request;
  const pull = async () => {
    const touch = await page.context().newCDPSession(page);
    const at = (y: number) => ({ x: 195, y });
    await touch.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [at(300)] });
    for (let y = 310; y <= 520; y += 15) await touch.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: [at(y)] });
    await touch.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
    await touch.detach();
  };
  await beginSession(request, team, "Seen by pulling");
  await pull();
  await expect(page.getByRole("link", { name: /Seen by pulling/ })).toBeVisible({ timeout: 5_000 });
  await beginSession(request, team, "Seen by its button");
  await page.getByRole("button", { name: "Read again" }).tap();
  await expect(page.getByRole("link", { name: /Seen by its button/ })).toBeVisible({ timeout: 5_000 });
});

test("a link goes to the system's own sheet, and is copied where there is none @phone", async ({ page, team }) => {
  const session = await beginSession(page.context().request, team, "To be shared");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.addInitScript(() => {
    const shared: unknown[] = [];
    Object.assign(globalThis, { shared });
    Object.defineProperty(Navigator.prototype, "share", { configurable: true, value: async (what: unknown) => void shared.push(what) });
  });
  await page.goto(`/sessions/${session.id}`);
  await ready(page);
  await page.getByLabel("Rename, export, archive, delete").tap();
  await page.getByRole("button", { name: "Share" }).tap();
  const address = new URL(`/sessions/${session.id}`, page.url()).href;
  expect(await page.evaluate(() => (globalThis as unknown as { shared: unknown[] }).shared)).toEqual([{ title: "To be shared", url: address }]);
  await page.evaluate(() => Object.defineProperty(Navigator.prototype, "share", { value: undefined }));
  await page.getByLabel("Rename, export, archive, delete").tap();
  await page.getByRole("button", { name: "Share" }).tap();
  await expect(page.getByText(/Link copied/)).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(address);
});

test("text of twice the size, and a window on its side, lose nothing @phone", async ({ page, team }) => {
  const request = page.context().request;
  const skill = await createArtifact(request, team.volumeId, "Night watch", "---\nname: night-watch\ndescription: Who looks at the lamp.\n---\n\nLook twice.\n");
  const session = await beginSession(request, team, "One way to review");
  const across = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  for (const address of ["/", "/sessions", `/sessions/${session.id}`, "/artifacts", `/artifacts/${skill.id}`, "/settings/offline"]) {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(address);
    await ready(page);
    await page.evaluate(() => (document.documentElement.style.fontSize = "200%"));
    expect.soft(await across(), `${address}, large`).toBeLessThanOrEqual(0);
    await expect.soft(page.getByRole("heading").filter({ visible: true }).first()).toBeVisible();
    await page.evaluate(() => (document.documentElement.style.fontSize = ""));
    await page.setViewportSize({ width: 844, height: 390 });
    expect.soft(await across(), `${address}, on its side`).toBeLessThanOrEqual(0);
    await expect.soft(page.getByRole("main")).toBeVisible();
  }
});

test("who wants little motion gets none @phone", async ({ page, account }) => {
  void account;
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.goto("/sessions");
  await ready(page);
  const moving = await page.evaluate(() => document.getAnimations().filter((one) => one.playState === "running" && Number(one.effect?.getComputedTiming().duration) > 10).length);
  expect(moving).toBe(0);
});

test("of a long list only what is seen is drawn, and scrolling it runs nothing of ours @phone", async ({ page, team }) => {
  test.setTimeout(180_000);
  const request = page.context().request;
  for (let number = 0; number < 200; number += 1) await api(request, "POST", "/artifacts", { volumeId: team.volumeId, kind: "skill", name: `Beacon ${number}` });
  await page.goto(`/artifacts?volume=${team.volumeId}`);
  await ready(page);
  for (let more = 0; more < 3; more += 1) {
    // By its key: rows that come into sight have other heights than were expected of them, and move what a finger aims at.
    await page.getByRole("link", { name: "Load more" }).press("Enter");
    await expect(page.locator(".lib > li")).toHaveCount(100 + 50 * more);
  }
  const drawn = () => page.locator(".lib > li > a").evaluateAll((rows) => rows.filter((row) => row.checkVisibility({ contentVisibilityAuto: true })).length);
  expect(await drawn()).toBeLessThan(60);
  // How long a frame takes is for `scripts/bench`: here it is counted what is done.
  const changes = await page.evaluate(async () => {
    const list = document.querySelector("[data-part=list] > .scroll")!;
    let changes = 0;
    const observer = new MutationObserver((records) => (changes += records.length));
    observer.observe(list, { subtree: true, childList: true, attributes: true, characterData: true });
    for (let step = 0; step < 60; step += 1) {
      list.scrollBy(0, 120);
      await new Promise(requestAnimationFrame);
    }
    observer.disconnect();
    return changes;
  });
  expect(changes).toBe(0);
  expect(await drawn()).toBeLessThan(60);
});
