// The library as one works in it: an artifact beside the list, many at once, the trash.
import { another, api, append, checkAccessible, createArtifact, expect, joinTeam, ready, test } from "../fixtures/index.js";
import type { APIRequestContext } from "@playwright/test";

const NAMES = ["Anchor watch", "Berth plan", "Cargo list"];

async function three(request: APIRequestContext, volumeId: string) {
  const made = [];
  for (const name of NAMES) made.push(await createArtifact(request, volumeId, name, `---\nname: ${name}\ndescription: About the ${name}.\n---\n\n# ${name}\n`));
  return made;
}

test("an artifact opens beside the list, which stays as it is", async ({ page, team }) => {
  await three(page.context().request, team.volumeId);
  await page.goto(`/artifacts?volume=${team.volumeId}&sort=name`);
  await ready(page);
  const list = page.getByRole("region", { name: "Library" });
  const item = page.getByRole("region", { name: "Artifact", exact: true });
  const rows = list.locator(".lib > li > a");
  await expect(rows).toHaveCount(3);
  await list.locator(".lib").evaluate((list) => list.setAttribute("data-same", ""));
  await rows.first().click();
  await expect(item.getByRole("heading", { name: NAMES[0], level: 1 }).first()).toBeVisible();
  await expect(rows.first()).toHaveAttribute("aria-current", "true");
  await checkAccessible(page);

  // Keys go on in the list; what is open goes along, in one step of the browser's history.
  await page.keyboard.press("j");
  await expect(page).toHaveTitle(new RegExp(NAMES[1]));
  await page.keyboard.press("ArrowDown");
  await expect(page).toHaveTitle(new RegExp(NAMES[2]));
  await expect(rows.nth(2)).toHaveAttribute("aria-current", "true");
  await expect(list.locator(".lib[data-same]")).toBeVisible();

  // What changes there shows in its row.
  await item.getByRole("link", { name: "Edit" }).first().click();
  await append(page, "\nTwice.\n");
  await expect(item.getByText("Saved on disk")).toBeVisible();
  await item.getByRole("link", { name: "Read" }).click();
  await expect(rows.nth(2).getByText("Draft")).toBeVisible();

  await page.goto(page.url().split("?")[0]);
  await ready(page);
  await expect(item.getByRole("heading", { name: NAMES[2] }).first()).toBeVisible();
  await expect(list).toBeVisible();
  await page.setViewportSize({ width: 1100, height: 800 });
  await expect(list).toBeHidden();
  await item.getByRole("link", { name: "Back to the library" }).click();
  await expect(list).toBeVisible();

  // Another row arrives before them, without a press that takes the focus along: it stays with its row.
  const box = list.getByLabel(`Select ${NAMES[0]}`);
  await box.focus();
  await createArtifact(page.context().request, team.volumeId, "Dock rota");
  await list.getByRole("button", { name: "Read again" }).dispatchEvent("click");
  await expect(rows.first()).toContainText("Dock rota");
  await expect(box).toBeFocused();
});

test("a row that is pressed while the filter moves the list under it opens", async ({ page, team }) => {
  await three(page.context().request, team.volumeId);
  const rows = page.locator(".lib > li > a");
  // The filtered list comes when the test says so: a slow machine would otherwise have it before the button is down.
  let answer = () => {};
  let held = Promise.resolve();
  await page.route(/\/api\/v1\/artifacts\?.*\bq=/, async (route) => {
    await held;
    await route.continue();
  });
  const press = async () => {
    await page.goto(`/artifacts?volume=${team.volumeId}&sort=name`);
    await ready(page);
    const box = (await rows.filter({ hasText: NAMES[2] }).boundingBox())!;
    held = new Promise((resolve) => (answer = resolve));
    await page.locator("[data-filter]").fill(NAMES[2]);
    await page.mouse.move(box.x + 60, box.y + 12);
    await page.mouse.down();
  };
  // The list has another length, and the row stands elsewhere, when the button comes up again.
  await press();
  answer();
  await expect(rows).toHaveCount(1);
  await page.mouse.up();
  await expect(page.getByRole("heading", { level: 1, name: NAMES[2] }).first()).toBeVisible();
  await expect(page).toHaveURL(/\/artifacts\/[0-9a-f-]{36}$/);
  // At once: the filter, which follows, does not lead back to the list.
  await press();
  await page.mouse.up();
  await expect(page.getByRole("heading", { level: 1, name: NAMES[2] }).first()).toBeVisible();
  answer();
  await expect(rows).toHaveCount(1);
  await expect(page).toHaveURL(/\/artifacts\/[0-9a-f-]{36}$/);
});

test("what is typed into the filter before the script is there is what is filtered by", async ({ page, team }) => {
  await three(page.context().request, team.volumeId);
  let arrive = () => {};
  const script = new Promise<void>((resolve) => { arrive = resolve; });
  await page.route("**/*.wasm", async (route) => { await script; await route.continue(); });
  await page.goto(`/artifacts?volume=${team.volumeId}`, { waitUntil: "domcontentloaded" });
  const field = page.getByPlaceholder("Filter by name, id or description");
  await field.pressSequentially(NAMES[1]);
  arrive();
  await ready(page);
  await expect(field).toHaveValue(NAMES[1]);
  await expect(page.locator(".lib > li > a")).toHaveCount(1);
});

test("a link that is pressed while the code of its page is still on its way opens", async ({ page, team }) => {
  await three(page.context().request, team.volumeId);
  let [arrive, comes] = [() => {}, () => {}];
  const code = new Promise<void>((resolve) => { arrive = resolve; });
  const begun = new Promise<void>((resolve) => { comes = resolve; });
  // All but what is loaded first; a front that is in one piece has nothing else, and stands then.
  await page.route(/\/pkg\/(?!llmos\.)[^/]+\.wasm$/, async (route) => { comes(); await code; await route.continue().catch(() => {}); });
  await page.goto(`/artifacts?volume=${team.volumeId}`, { waitUntil: "domcontentloaded" });
  await Promise.race([begun, ready(page)]);
  await page.getByRole("link", { name: NAMES[1] }).click();
  arrive();
  await expect(page.getByRole("heading", { level: 1, name: NAMES[1] }).first()).toBeVisible();
  await ready(page);
});

test("many at once: tag, commit, move and delete, with a way back", async ({ page, team }) => {
  test.slow();
  const request = page.context().request;
  await three(request, team.volumeId);
  const second = await api<{ id: string }>(request, "POST", "/volumes", { name: "Second quay", team: team.id });
  const here = `/artifacts?volume=${team.volumeId}`;
  await page.goto(here);
  await ready(page);
  const bar = page.getByRole("toolbar", { name: "Selection" });
  const rows = page.locator(".lib > li > a");
  const choose = async (number: number) => {
    for (const name of NAMES.slice(0, number)) await page.getByLabel(`Select ${name}`).check({ force: true });
    await expect(bar.getByText(`${number} chosen`)).toBeVisible();
  };

  // Without a pointer that hovers the boxes have to be asked for.
  await page.getByRole("button", { name: "Select", exact: true }).click();
  for (const name of NAMES) await expect(page.getByLabel(`Select ${name}`)).toHaveCSS("opacity", "1");
  await choose(2);
  await checkAccessible(page);
  const download = page.waitForEvent("download");
  await bar.getByRole("link", { name: "Export" }).click();
  expect((await download).suggestedFilename()).toMatch(/\.zip$/);

  await bar.getByRole("button", { name: "Tag" }).click();
  const tags = page.getByRole("dialog", { name: "Tags" });
  await tags.getByLabel("Add").fill("quay");
  await tags.getByRole("button", { name: "Change tags" }).click();
  await expect(page.getByText("Tagged 2 artifacts")).toBeVisible();
  await expect(rows.getByText("Draft")).toHaveCount(2);
  await page.getByRole("status").getByRole("button", { name: "Undo" }).click();
  await expect(rows.getByText("Draft")).toHaveCount(0);

  await choose(2);
  await bar.getByRole("button", { name: "Tag" }).click();
  await tags.getByLabel("Add").fill("quay");
  await tags.getByRole("button", { name: "Change tags" }).click();
  await expect(rows.getByText("Draft")).toHaveCount(2);
  await choose(2);
  await bar.getByRole("button", { name: "Commit" }).click();
  const commit = page.getByRole("dialog", { name: "Commit" });
  await commit.getByLabel("Message").fill("Tag the quay");
  await commit.getByRole("button", { name: "Commit 2 drafts" }).click();
  await expect(page.getByText("Committed 2 drafts")).toBeVisible();
  await expect(rows.getByText("Draft")).toHaveCount(0);

  await choose(2);
  await bar.getByRole("button", { name: "Move" }).click();
  const move = page.getByRole("dialog", { name: "Move to a volume" });
  await move.getByLabel("Second quay").check();
  await move.getByRole("button", { name: "Move", exact: true }).click();
  await expect(rows).toHaveCount(1);
  const moved = page.getByRole("status").filter({ hasText: "Moved 2 artifacts" });
  await moved.getByRole("button", { name: "Undo" }).last().click();
  await expect(rows).toHaveCount(3);
  expect((await api<{ total: number }>(request, "GET", `/artifacts?volume=${second.id}`)).total).toBe(0);

  await choose(3);
  await bar.getByRole("button", { name: "Delete" }).click();
  await expect(page.getByText("No artifacts yet")).toBeVisible();
  await page.getByRole("status").getByRole("button", { name: "Undo" }).last().click();
  await expect(rows).toHaveCount(3);
});

test("a line tells of what others commit while rows are chosen, and of one's own commits none does", async ({ page, browser, admin, team }) => {
  const request = page.context().request;
  const made = await three(request, team.volumeId);
  const second = await another(browser, admin, "Ines Castro");
  await joinTeam(request, second.context.request, team, "member");
  const commit = (by: APIRequestContext, { id, revisionId }: (typeof made)[number]) => api(by, "POST", "/commits", { message: "As it is now", artifacts: [{ id, baseRevisionId: revisionId }] });
  const changed = async (by: APIRequestContext, one: (typeof made)[number]) => {
    await api(by, "POST", "/artifacts/bulk", { action: "tag", ids: [one.id], add: ["quay"], remove: [] });
    await commit(by, one);
  };
  await page.goto(`/artifacts?volume=${team.volumeId}`);
  await ready(page);
  await page.getByLabel(`Select ${NAMES[2]}`).check({ force: true });
  const told = page.getByText("Somebody committed.");
  const counted = page.waitForResponse(/\/artifacts\/facets/);
  await changed(request, made[0]);
  await counted;
  await expect(told).toBeHidden();
  await changed(second.context.request, made[1]);
  await expect(told).toBeVisible();
  await page.getByRole("button", { name: "Show the list anew" }).click();
  await expect(told).toBeHidden();
  await second.context.close();
});

test("the trash gives back, and forgets for ever after a question", async ({ page, team }) => {
  const { id } = await createArtifact(page.context().request, team.volumeId, "Old chart");
  await page.goto(`/artifacts/${id}`);
  await ready(page);
  const menu = page.getByLabel(/^Copy, (publish, )?fork, move, delete$/);
  const remove = async () => {
    await menu.click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await expect(page.getByText("Deleted \u201cOld chart\u201d")).toBeVisible();
  };
  await remove();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByText("Back again")).toBeVisible();
  await page.goto(`/artifacts/${id}`);
  await ready(page);
  await remove();
  await page.goto(`/artifacts?view=trash&volume=${team.volumeId}`);
  await ready(page);
  await page.locator(".lib > li > a", { hasText: "Old chart" }).click();
  await page.getByRole("button", { name: "Take back" }).click();
  await expect(page.getByText("Back in the library")).toBeVisible();
  await expect(page.getByText("In the trash.")).toBeHidden();
  await remove();
  await page.goto(`/artifacts/${id}`);
  await ready(page);
  await checkAccessible(page);
  await page.getByRole("button", { name: "Delete for ever" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete for ever" }).click();
  await expect(page.getByText("The trash is empty")).toBeVisible();
  expect((await page.goto(`/artifacts/${id}`))?.status()).toBe(404);
});

test("changes count their lines and are discarded after a question", async ({ page, team }) => {
  const request = page.context().request;
  const { id } = await createArtifact(request, team.volumeId, "Mooring", "# Mooring\n\nOne line.\n");
  await api(request, "PUT", `/artifacts/${id}/draft`, { text: "# Mooring\n\nOne line.\nTwo.\nThree.\n", saves: 0 });
  await page.goto("/changes");
  await ready(page);
  await expect(page.getByRole("listitem").filter({ hasText: "Mooring" }).getByText("+2")).toBeVisible();
  await page.getByRole("button", { name: "Discard" }).click();
  const sure = page.getByRole("alertdialog", { name: "Discard 1 draft?" });
  await sure.getByRole("button", { name: "Discard" }).click();
  await expect(page.getByText("Everything is committed")).toBeVisible();
});
