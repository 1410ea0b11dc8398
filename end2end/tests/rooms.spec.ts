// What administrators see of the live part of the server.
import { ADMIN_STATE, api, checkAccessible, createArtifact, expect, ready, test, watch } from "../fixtures/index.js";

test("the room inspector shows who is where, live, and can be paused", async ({ page, team, browser, problems }) => {
  const request = page.context().request;
  const session = await api<{ id: string }>(request, "POST", "/sessions", { title: "Mooring plan", teamId: team.id });
  await createArtifact(request, team.volumeId, "mooring");
  const context = await browser.newContext({ storageState: ADMIN_STATE });
  const admin = await context.newPage();
  watch(admin, problems);
  await admin.goto("/admin/rooms?kind=session");
  await ready(admin);
  const row = admin.getByRole("row").filter({ hasText: session.id.slice(-7) });
  await expect(row).toHaveCount(0);
  await page.goto(`/sessions/${session.id}`);
  await ready(page);
  await expect(row.getByRole("img", { name: "Ines Lindqvist" })).toBeVisible();
  // What it is about belongs to its team.
  await expect(row).toContainText("A session not shared with you");
  const number = row.locator("[data-l='Newest number']");
  const before = Number(await number.innerText());
  await api(request, "POST", `/sessions/${session.id}/messages`, { text: "At the north quay" });
  await expect.poll(async () => Number(await number.innerText())).toBeGreaterThan(before);
  await checkAccessible(admin);

  const pause = admin.getByRole("button", { name: "Pause" });
  await pause.click();
  await expect(pause).toHaveAttribute("aria-pressed", "true");
  await page.goto("/settings");
  await admin.waitForTimeout(2_500);
  await expect(row.getByRole("img", { name: "Ines Lindqvist" })).toBeVisible();
  await pause.click();
  await expect(row.getByRole("img", { name: "Ines Lindqvist" })).toHaveCount(0);

  await admin.getByRole("navigation", { name: "Kind of room" }).getByRole("link", { name: "Workspaces" }).click();
  await expect(admin).toHaveURL(/kind=workspace/);
  await expect(admin.getByRole("row").filter({ hasText: "Own workspace" }).first()).toBeVisible();
  // The server cannot be reached: what was seen stays, and says so.
  await context.setOffline(true);
  await expect(admin.getByText(/Not up to date/)).toBeVisible();
  await expect(admin.getByRole("row").filter({ hasText: "Own workspace" }).first()).toBeVisible();
  await context.setOffline(false);
  await expect(admin.getByText(/Not up to date/)).toHaveCount(0);
  for (const [width, height] of [[390, 844], [820, 1180]]) {
    await admin.setViewportSize({ width, height });
    expect(await admin.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
    await checkAccessible(admin);
  }
  await context.close();
});

test("the room inspector is for administrators", async ({ page, account }) => {
  void account;
  expect((await page.goto("/admin/rooms"))?.status()).toBe(403);
});
