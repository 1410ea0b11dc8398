// Every page, desktop in the dark theme and phone in the light one: accessible as far as a machine can tell, nothing wider than the
// window, no error, no violation; on the phone with room for fingers.
import type { Page } from "@playwright/test";
import { tooSmall } from "../fixtures/hands.js";
import { ADMIN_STATE, api, checkAccessible, createArtifact, expect, ready, test, watch } from "../fixtures/index.js";

const TEXT = `---
name: harbor-pilotage
description: How to bring a ship in. Use when a ship is due.
category: documentation
tags: [harbor, ships]
version: 1.0.0
---

# Pilotage

| Step | Who |
|---|---|
| Meet the ship | pilot |

\`\`\`sh
radio --channel 12
\`\`\`
`;

async function useTheme(page: Page, baseURL: string) {
  const theme = test.info().project.name === "phone" ? "light" : "dark";
  await page.context().addCookies([{ name: "theme", value: theme, url: baseURL }]);
}

async function stands(page: Page, address: string, status = 200) {
  await test.step(address, async () => {
    const response = await page.goto(address);
    expect(response?.status(), address).toBe(status);
    await ready(page);
    await expect(page.getByRole("main")).toBeVisible();
    await checkAccessible(page);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(wider, `${address} is wider than the window`).toBeLessThanOrEqual(0);
    if (test.info().project.name === "phone") expect.soft(await tooSmall(page), address).toEqual([]);
  });
}

test("every page stands on its own @phone", async ({ page, team, baseURL }) => {
  // There are forty of them.
  test.setTimeout(480_000);
  await useTheme(page, baseURL!);
  const request = page.context().request;
  const { id } = await createArtifact(request, team.volumeId, "Harbor pilotage", TEXT);
  await api(request, "PUT", `/artifacts/${id}/draft`, { text: TEXT + "\nSlowly.\n", saves: 0 });
  const commits = await api<{ commits: { id: string }[] }>(request, "GET", `/volumes/${team.volumeId}/commits`);
  const session = await api<{ id: string }>(request, "POST", "/sessions", { title: "Bring a ship in", goal: "By noon.", teamId: team.id });
  await api(request, "POST", `/sessions/${session.id}/messages`, { text: "As in @harbor-pilotage.\n\n| Step | Who |\n|---|---|\n| Meet | pilot |" });
  await api(request, "POST", "/comments/threads", { artifactId: id, text: "Which channel?" });
  for (const address of [
    "/",
    "/sessions",
    `/sessions/${session.id}`,
    "/notifications",
    "/analytics",
    `/analytics?range=90d&team=${team.id}&rows=sessions`,
    "/artifacts",
    `/artifacts?volume=${team.volumeId}&kind=skill&sort=name`,
    "/artifacts?q=nothing-has-this-name",
    "/artifacts?view=trash",
    "/artifacts/new",
    `/artifacts/${id}`,
    ...["edit", "history", "diff", "files", "comments"].map((tab) => `/artifacts/${id}?tab=${tab}`),
    "/marketplace",
    "/marketplace?q=nothing-has-this-name&verified=true",
    "/marketplace/installed",
    `/marketplace/installed?volume=${team.volumeId}`,
    "/evolution",
    `/evolution?team=${team.id}`,
    "/traces",
    `/traces?team=${team.id}`,
    "/changes",
    "/import",
    `/volumes/${team.volumeId}`,
    `/commits/${commits.commits[0].id}`,
    ...["members", "tasks", "invitations", "agents", "audit", "settings"].map((part) => `/teams/${team.id}/${part}`),
    ...["profile", "security", "notifications", "tokens", "teams", "data"].map((part) => `/settings/${part}`),
  ]) {
    await stands(page, address);
  }
});

test("the way in stands on its own @phone", async ({ page, admin, problems, baseURL }) => {
  watch(page, problems);
  await useTheme(page, baseURL!);
  const { url } = await api<{ url: string }>(admin, "POST", "/admin/invitations", { role: "viewer", maxUses: 1, expiresInDays: 1 });
  const invitation = new URL(url).pathname;
  for (const address of ["/login", "/sign-up", invitation, `/sign-up?invitation=${invitation.split("/").pop()}`, "/marketplace", "/marketplace/record"]) await stands(page, address);
  await stands(page, "/invite/nothing", 404);
  await stands(page, "/reset/nothing", 410);
});

test("the administration stands on its own @phone", async ({ page, browser, problems, baseURL }) => {
  const context = await browser.newContext({ storageState: ADMIN_STATE, viewport: page.viewportSize() });
  const theirs = await context.newPage();
  watch(theirs, problems);
  await useTheme(theirs, baseURL!);
  for (const part of ["users", "teams", "invitations", "settings", "health", "rooms", "jobs", "audit"]) await stands(theirs, `/admin/${part}`);
  await stands(theirs, "/deliveries");
  await context.close();
});

test("administration is for administrators", async ({ page, account }) => {
  void account;
  await stands(page, "/admin", 403);
  await stands(page, "/deliveries", 403);
});

test("a violation of the policy does not go unnoticed here", async ({ page }) => {
  const noticed: string[] = [];
  await page.goto("/login");
  watch(page, noticed);
  await page.evaluate(() => {
    const picture = document.createElement("img");
    picture.src = "https://elsewhere.invalid/picture.png";
    document.body.append(picture);
  });
  await expect.poll(() => noticed.join()).toContain("Content Security Policy");
});
