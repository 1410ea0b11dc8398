// Sessions as people use them: two at the same time, on the same thing, with a network that goes away.
import { readFile } from "node:fs/promises";
import { another, api, append, checkAccessible, editor, expect, importFiles, joinTeam, keepsChanges, ready, test, watch } from "../fixtures/index.js";

const SKILL = "skills/code-review-excellence/SKILL.md";

test("two people talk about a skill, one edits it, one loses the network, and they commit it from the session", async ({ page, team, admin, browser, problems }) => {
  test.setTimeout(180_000);
  const request = page.context().request;
  await importFiles(request, team.volumeId, [[SKILL, await readFile(new URL(`../../tests/data/volume/${SKILL}`, import.meta.url))]]);

  // A session for the team.
  await page.goto("/sessions");
  await ready(page);
  await page.getByRole("button", { name: /New session|Begin one/ }).first().click();
  const dialog = page.getByRole("dialog", { name: "New session" });
  await dialog.getByLabel("Title").fill("Review rules");
  await dialog.getByLabel("Goal").fill("One page on how we review.");
  await dialog.getByRole("button", { name: "Begin" }).click();
  await page.waitForURL(/\/sessions\/[0-9a-f-]{36}$/);
  await expect(page.getByRole("heading", { level: 1, name: "Review rules" })).toBeVisible();
  const address = new URL(page.url()).pathname;

  // The second person arrives and is seen.
  const second = await another(browser, admin, "Tomas Rey");
  watch(second.page, problems);
  await joinTeam(request, second.context.request, team, "member");
  await second.page.goto(address);
  await ready(second.page);
  const here = page.getByRole("region", { name: "Session", exact: true }).getByRole("list", { name: "Here now" });
  await expect(here.getByRole("img", { name: "Tomas Rey" })).toBeVisible();

  // They talk; typing is seen.
  await second.page.getByLabel("Message", { exact: true }).pressSequentially("Let us rewrite", { delay: 30 });
  await expect(page.getByText("Tomas is typing")).toBeVisible();
  await second.page.getByLabel("Message", { exact: true }).fill("Let us rewrite @code-review-excellence today");
  await second.page.getByLabel("Message", { exact: true }).press("Enter");
  await expect(page.getByRole("article", { name: /Tomas Rey/ }).getByText("Let us rewrite")).toBeVisible();

  // What is named opens beside the timeline; both edit it there, and see each other.
  for (const one of [page, second.page]) {
    await one.getByRole("article").getByRole("link", { name: /code-review-excellence/ }).first().click();
    // The end of a long text is drawn where one looks at it.
    await (await editor(one)).click();
    await one.keyboard.press("Control+End");
  }
  await append(page, "\nAsk before you judge.\n");
  await expect(second.page.locator(".cm-line", { hasText: "Ask before you judge." })).toBeVisible();
  await expect(second.page.locator(".cm-other-name", { hasText: "Ines Lindqvist" })).toBeVisible();
  await expect(page.getByText("Saved on disk").first()).toBeVisible();
  await expect(page.getByRole("button", { name: /^Commit 1 draft/ })).toBeEnabled();

  // One loses the network, goes on typing, and comes back: nothing is lost.
  await keepsChanges(second.page);
  await second.context.setOffline(true);
  await second.page.getByLabel("Message", { exact: true }).fill("I am in a tunnel");
  await second.page.getByLabel("Message", { exact: true }).press("Enter");
  await expect(second.page.getByText("Waiting for the server")).toBeVisible();
  await append(second.page, "Written in a tunnel.\n");
  await expect(second.page.getByText("Offline: kept on this device")).toBeVisible({ timeout: 30_000 });
  await append(page, "Written above ground.\n");
  await second.context.setOffline(false);
  await expect(page.getByRole("article", { name: /Tomas Rey/ }).getByText("I am in a tunnel")).toBeVisible({ timeout: 45_000 });
  for (const one of [page, second.page]) {
    for (const words of ["Written in a tunnel.", "Written above ground."]) await expect(one.locator(".cm-line", { hasText: words })).toBeVisible({ timeout: 45_000 });
  }
  await expect(second.page.getByText("Saved on disk").first()).toBeVisible();
  await checkAccessible(page);

  // They commit it from the session; everybody sees the commit, and the history who changed what.
  await page.getByLabel("Commit message").fill("Rewrite how we review");
  await page.getByRole("button", { name: /^Commit 1 draft/ }).click();
  for (const one of [page, second.page]) await expect(one.locator(".event", { hasText: "Rewrite how we review" })).toBeVisible();
  await page.goto((await page.locator('article a[href^="/artifacts/"]', { hasText: "code-review-excellence" }).first().getAttribute("href")) + "?tab=history");
  await expect(page.getByText("Rewrite how we review").first()).toBeVisible();
  await expect(page.getByText(/Tomas Rey/).first()).toBeVisible();
  await second.context.close();
});

test("sessions are filtered by team and status, and the address says so @phone", async ({ page, team }) => {
  const request = page.context().request;
  const begin = (title: string, teamId?: string) => api<{ id: string }>(request, "POST", "/sessions", { title, goal: "", teamId });
  await begin("Pilotage rules", team.id);
  const old = await begin("Old moorings", team.id);
  await api(request, "POST", `/sessions/${old.id}/archive`);
  await begin("Mine alone");
  const rows = page.locator(".rows.sessions > li");
  const choose = async (label: string, words: string) => {
    await page.locator("summary", { hasText: `${label}:` }).click();
    await page.locator(".drop[open]").getByRole("link", { name: words, exact: true }).click();
  };
  await page.goto("/sessions");
  await ready(page);
  await expect(rows).toHaveCount(2);
  await choose("Team", team.name);
  await expect(rows).toHaveText([/Pilotage rules/]);
  await choose("Sort", "title");
  await choose("Status", "Archived");
  await expect(rows).toHaveText([/Old moorings/]);
  await expect(page).toHaveURL(new RegExp(`\\?team=${team.id}&status=archived&sort=title$`));
  await page.reload();
  await ready(page);
  await expect(rows).toHaveText([/Old moorings/]);
  await expect(page.locator("summary", { hasText: "Status: archived" })).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is wider than the window").toBe(true);
  await checkAccessible(page);
  await choose("Status", "Any");
  await choose("Team", "Any");
  await expect(rows).toHaveCount(2);
});
