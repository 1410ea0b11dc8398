// The editor: several at once, without a network, by those who may only read, and what is said about the text.
import { another, api, append, checkAccessible, createArtifact, editor, expect, joinTeam, ready, test, watch, write, type Team } from "../fixtures/index.js";
import type { APIRequestContext, Browser, Page } from "@playwright/test";

const TEXT = "---\nname: harbor-lights\ndescription: When the lights are lit.\n---\n\n# Lights\n\nLit at dusk.\n\nOut at dawn.\n";

async function colleague(browser: Browser, page: Page, admin: APIRequestContext, team: Team, role: string, problems: string[]) {
  const second = await another(browser, admin, "Tomas Rey");
  watch(second.page, problems);
  await joinTeam(page.context().request, second.context.request, team, role);
  return second;
}

async function open(page: Page, id: string, tab = "edit") {
  await page.goto(`/artifacts/${id}?tab=${tab}`);
  await ready(page);
  return editor(page);
}

const line = (page: Page, words: string) => page.locator(".cm-line", { hasText: words });

test("two write at the same time, see each other, and each takes back only their own @phone", async ({ page, team, admin, browser, problems }) => {
  const { id } = await createArtifact(page.context().request, team.volumeId, "Harbor lights", TEXT);
  const second = await colleague(browser, page, admin, team, "member", problems);
  await open(page, id);
  await open(second.page, id);
  await append(page, "Ask the keeper.");
  await expect(line(second.page, "Ask the keeper.")).toBeVisible();
  await expect(second.page.locator(".cm-other-name", { hasText: "Ines Lindqvist" })).toBeVisible();
  await line(second.page, "Lit at dusk.").click();
  await second.page.keyboard.press("End");
  await second.page.keyboard.type(" In fog, too.");
  await expect(line(page, "In fog, too.")).toBeVisible();
  await expect(page.getByRole("list", { name: "Writing here" }).getByRole("img", { name: "Tomas Rey" })).toBeVisible();

  await (await editor(page)).click();
  await page.keyboard.press("Control+z");
  for (const one of [page, second.page]) {
    await expect(line(one, "Ask the keeper.")).toBeHidden();
    await expect(line(one, "In fog, too.")).toBeVisible();
  }
  // A deletion is on disk only when the server says so, too.
  await expect(page.getByText("Saved on disk")).toBeVisible();
  await checkAccessible(page);
  const detail = await api<{ text: string }>(page.context().request, "GET", `/artifacts/${id}`);
  expect(detail.text).toBe(TEXT.replace("Lit at dusk.", "Lit at dusk. In fog, too."));
  await second.context.close();
});

test("what is written without a network outlives the page, and is merged", async ({ page, team, admin, browser, problems }) => {
  const { id } = await createArtifact(page.context().request, team.volumeId, "Harbor lights", TEXT);
  const second = await colleague(browser, page, admin, team, "member", problems);
  await open(page, id);
  await open(second.page, id);
  await second.context.setOffline(true);
  await append(second.page, "From the boat.\n");
  await expect(second.page.getByText("kept on this device")).toBeVisible({ timeout: 30_000 });
  await append(page, "From the shore.\n");
  await expect(page.getByText("Saved on disk")).toBeVisible();
  // The page is left without having reached the server.
  second.page.on("dialog", (dialog) => void dialog.accept());
  await second.page.close({ runBeforeUnload: false });
  await second.context.setOffline(false);
  const again = await second.context.newPage();
  watch(again, problems);
  await open(again, id);
  for (const one of [page, again]) {
    for (const words of ["From the boat.", "From the shore."]) await expect(line(one, words)).toBeVisible({ timeout: 45_000 });
  }
  await expect(again.getByText(/^Saved/)).toBeVisible();
  const detail = await api<{ text: string }>(page.context().request, "GET", `/artifacts/${id}`);
  expect(detail.text).toContain("From the boat.");
  await second.context.close();
});

test("who may only read sees it written, and cannot write", async ({ page, team, admin, browser, problems }) => {
  const { id } = await createArtifact(page.context().request, team.volumeId, "Harbor lights", TEXT);
  const second = await colleague(browser, page, admin, team, "viewer", problems);
  await open(page, id);
  const content = await open(second.page, id, "source");
  await expect(second.page.getByText("Read only")).toBeVisible();
  await append(page, "Ask the keeper.");
  await expect(line(second.page, "Ask the keeper.")).toBeVisible();
  await content.click();
  await second.page.keyboard.type("No.");
  await expect(line(second.page, "No.")).toBeHidden();
  await expect(second.page.getByRole("button", { name: "Commit", exact: true })).toBeHidden();
  await checkAccessible(second.page);

  // A right that is taken away is gone in the open editor.
  const members = await api<{ person: { id: string; name: string } }[]>(page.context().request, "GET", `/teams/${team.id}/members`);
  const tomas = members.find((member) => member.person.name === "Tomas Rey")!.person.id;
  await api(page.context().request, "DELETE", `/teams/${team.id}/members/${tomas}`);
  await expect(second.page.getByText("This is not shared with you any more.")).toBeVisible();
  await second.context.close();
});

test("a comment stays at its words, and leads to them", async ({ page, team }) => {
  const { id } = await createArtifact(page.context().request, team.volumeId, "Harbor lights", TEXT);
  await open(page, id);
  await line(page, "Lit at dusk.").dblclick({ position: { x: 10, y: 8 } });
  await page.getByRole("button", { name: "Comment", exact: true }).click();
  const beside = page.getByRole("region", { name: "Comments" });
  await expect(beside.getByText("Lit", { exact: true })).toBeVisible();
  await beside.getByLabel("New comment").fill("By whom?");
  await beside.getByRole("button", { name: "Comment", exact: true }).click();
  await expect(page.locator(".cm-thread", { hasText: "Lit" })).toBeVisible();

  // What is written before it moves it; it does not grow.
  await (await editor(page)).click();
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.insertText("title: Lights of the harbor\n");
  await expect(page.locator(".cm-thread")).toHaveText("Lit");
  await page.getByRole("button", { name: "Write", exact: true }).click();
  await page.locator(".cm-thread").click();
  await expect(beside.getByText("By whom?")).toBeVisible();
  await checkAccessible(page);

  // From the list of comments to the words.
  await page.goto(`/artifacts/${id}?tab=comments`);
  await ready(page);
  await page.locator(".quoted", { hasText: "Lit" }).click();
  await editor(page);
  await expect(page.locator(".cm-editor.cm-focused")).toBeVisible();
  expect(await page.evaluate(() => getSelection()?.toString())).toBe("Lit");

  // Resolved, it is not marked any more.
  await page.getByRole("button", { name: "Comments", exact: true }).click();
  await beside.getByRole("button", { name: "Resolve" }).click();
  await expect(page.locator(".cm-thread")).toBeHidden();
});

test("the preview and the hints follow what is written", async ({ page, team }) => {
  const { id } = await createArtifact(page.context().request, team.volumeId, "Harbor lights", TEXT);
  await open(page, id);
  await page.getByRole("button", { name: "Preview", exact: true }).click();
  const preview = page.locator(".preview");
  await expect(preview.getByRole("heading", { name: "Lights" })).toBeVisible();
  await page.getByRole("button", { name: "Write", exact: true }).click();
  await write(page, TEXT.replace("# Lights", "# Lamps").replace("harbor-lights", "Harbor Lights"));
  await expect(page.locator(".hints summary", { hasText: "hint" })).toBeVisible();
  await page.getByRole("button", { name: "Preview", exact: true }).click();
  await expect(preview.getByRole("heading", { name: "Lamps" })).toBeVisible();
});
