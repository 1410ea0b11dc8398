// What one does with a session as a whole, and with the drafts in it.
import { readFile } from "node:fs/promises";
import { another, api, beginSession, checkAccessible, createArtifact, expect, joinTeam, ready, test, watch, type Team } from "../fixtures/index.js";
import type { APIRequestContext, Download, Page } from "@playwright/test";

type Session = { id: string };

const TEXT = (name: string, line: string) => `---\nname: ${name}\ndescription: How it is done here.\n---\n\n# ${name}\n\n${line}\n`;
const field = (page: Page) => page.getByLabel("Message", { exact: true });
const say = (request: APIRequestContext, session: Session, text: string) => api(request, "POST", `/sessions/${session.id}/messages`, { text });

async function show(page: Page, session: Session) {
  await page.goto(`/sessions/${session.id}`);
  await ready(page);
}

async function openMenu(page: Page) {
  const menu = page.locator("details.drop", { has: page.getByLabel("Rename, export, archive, delete") });
  if ((await menu.getAttribute("open")) === null) await menu.locator("summary").click();
  return menu;
}

/** An artifact with a draft, in the session. */
async function withDraft(request: APIRequestContext, team: Team, session: Session, name: string) {
  const made = await createArtifact(request, team.volumeId, name, TEXT(name, "As it was."));
  await api(request, "POST", `/sessions/${session.id}/artifacts`, { artifactId: made.id });
  await api(request, "PUT", `/artifacts/${made.id}/draft`, { text: TEXT(name, "As it is to be."), saves: 0 });
  return made;
}

test("a session is renamed, archived and brought back", async ({ page, team }) => {
  const session = await beginSession(page.context().request, team, "Mooring");
  await show(page, session);
  await (await openMenu(page)).getByRole("button", { name: "Rename" }).click();
  const dialog = page.getByRole("dialog", { name: "Rename session" });
  await expect(dialog.getByLabel("Title")).toHaveValue("Mooring");
  await dialog.getByLabel("Title").fill("Mooring in a swell");
  await dialog.getByLabel("Goal").fill("No line breaks.");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("heading", { level: 1, name: "Mooring in a swell" })).toBeVisible();
  await expect(page.getByText("No line breaks.").first()).toBeVisible();
  await expect(page).toHaveTitle(/Mooring in a swell/);

  await (await openMenu(page)).getByRole("button", { name: "Archive" }).click();
  await expect(page.getByText("This session is archived: it can be read, nothing is written.")).toBeVisible();
  await expect(field(page)).toHaveCount(0);
  await checkAccessible(page);
  await page.goto("/sessions?view=archived");
  await ready(page);
  await page.getByRole("main").getByRole("link", { name: "Mooring in a swell" }).click();
  await page.locator(".banner").getByRole("button", { name: "Bring back" }).click();
  await expect(field(page)).toBeVisible();
  await expect(page.getByText("This session is archived")).toHaveCount(0);
});

test("a session is exported as markdown and as JSON", async ({ page, team }) => {
  const request = page.context().request;
  const session = await beginSession(request, team, "Night watch");
  await say(request, session, "A light in the **east**");
  await show(page, session);
  const download = async (name: string): Promise<[Download, string]> => {
    const link = (await openMenu(page)).getByRole("link", { name });
    const [file] = await Promise.all([page.waitForEvent("download"), link.click()]);
    return [file, await readFile(await file.path(), "utf8")];
  };
  const [markdown, text] = await download("Export as markdown");
  expect(markdown.suggestedFilename()).toBe("night-watch.md");
  expect(text).toMatch(/^# Night watch\n/);
  expect(text).toMatch(/### Ines Lindqvist · .*\n\nA light in the \*\*east\*\*\n/);
  const [json, file] = await download("Export as JSON");
  expect(json.suggestedFilename()).toBe("night-watch.json");
  const { format, id, name, messages } = JSON.parse(file) as { format: string; id: string; name: string; messages: { author: string; content: string }[] };
  expect({ format, id, name }).toEqual({ format: "llmos-session-1", id: session.id, name: "Night watch" });
  expect(messages).toEqual([expect.objectContaining({ author: "Ines Lindqvist", content: "A light in the **east**" })]);
});

test("the link of Share leads through the sign-in to the session, and tells who has no right", async ({ page, team, admin, browser, problems }) => {
  const request = page.context().request;
  const session = await beginSession(request, team, "Pilots");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await show(page, session);
  await page.getByRole("button", { name: "Share" }).click();
  await expect(page.getByText("Link copied. It opens for members of the team.")).toBeVisible();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  expect(new URL(link).pathname).toBe(`/sessions/${session.id}`);

  const second = await another(browser, admin, "Tomas Rey");
  watch(second.page, problems);
  await second.page.goto(link);
  await ready(second.page);
  await expect(second.page.getByRole("heading", { name: "Nothing here for you" })).toBeVisible();
  await expect(second.page.getByText("Pilots")).toHaveCount(0);
  await checkAccessible(second.page);

  // The same person, a member by now, in a browser that does not know them.
  await joinTeam(request, second.context.request, team, "member");
  const context = await browser.newContext();
  const visitor = await context.newPage();
  watch(visitor, problems);
  await visitor.goto(link);
  await visitor.waitForURL(/\/login\?next=/);
  await visitor.getByLabel("E-mail").fill(second.account.email);
  await visitor.getByLabel("Password", { exact: true }).fill(second.account.password);
  await visitor.getByRole("button", { name: "Sign in", exact: true }).click();
  await visitor.waitForURL(`**/sessions/${session.id}`);
  await expect(visitor.getByRole("heading", { level: 1, name: "Pilots" })).toBeVisible();
  await context.close();
  await second.context.close();
});

test("a draft that was left out of a commit can be committed afterwards", async ({ page, team }) => {
  const request = page.context().request;
  const session = await beginSession(request, team, "Two drafts");
  await withDraft(request, team, session, "anchors");
  await withDraft(request, team, session, "buoys");
  await show(page, session);
  await expect(page.getByRole("button", { name: "Commit 2 drafts" })).toBeEnabled();
  const choose = page.locator("details.drop", { has: page.getByLabel("Choose the drafts") });
  await choose.locator("summary").click();
  await choose.getByLabel("buoys").uncheck();
  await checkAccessible(page);
  await page.keyboard.press("Escape");
  await page.getByLabel("Commit message").fill("Anchors only");
  await page.getByRole("button", { name: "Commit 1 draft" }).click();
  await expect(page.locator(".event", { hasText: "Anchors only" })).toBeVisible();
  await expect(page.getByRole("region", { name: "Session", exact: true }).locator("header").getByText("Committed", { exact: true })).toBeVisible();
  const tabs = page.getByRole("navigation", { name: "Artifacts of this session" });
  await expect(tabs.getByTitle("Not committed")).toHaveCount(1);
  await expect(tabs.getByRole("link", { name: /buoys/ }).getByTitle("Not committed")).toBeVisible();

  // What was left out stays so, and is still offered though it is the only one.
  await expect(page.getByRole("button", { name: "Commit", exact: true })).toBeDisabled();
  await choose.locator("summary").click();
  await choose.getByLabel("buoys").check();
  await page.keyboard.press("Escape");
  await page.getByLabel("Commit message").fill("Buoys too");
  await page.getByRole("button", { name: "Commit 1 draft" }).click();
  await expect(page.locator(".event", { hasText: "Buoys too" })).toBeVisible();
  await expect(tabs.getByTitle("Not committed")).toHaveCount(0);
});

test("a commit that somebody overtook is refused in one sentence, and nothing is lost", async ({ page, team, admin, browser }) => {
  const request = page.context().request;
  const session = await beginSession(request, team, "Overtaken");
  const artifact = await createArtifact(request, team.volumeId, "tides", TEXT("tides", "First."));
  await api(request, "POST", `/sessions/${session.id}/artifacts`, { artifactId: artifact.id });
  await api(request, "PUT", `/artifacts/${artifact.id}/draft`, { text: TEXT("tides", "Second."), saves: 0 });
  await api(request, "POST", "/commits", { message: "Second", artifacts: [{ id: artifact.id, baseRevisionId: artifact.revisionId }] });
  const mine = TEXT("tides", "Third, and mine.");
  await api(request, "PUT", `/artifacts/${artifact.id}/draft`, { text: mine, saves: 0 });
  await show(page, session);
  await expect(page.getByRole("button", { name: "Commit 1 draft" })).toBeEnabled();
  const second = await another(browser, admin, "Tomas Rey");
  await joinTeam(request, second.context.request, team, "maintainer");
  await api(second.context.request, "POST", `/artifacts/${artifact.id}/restore`, { revisionId: artifact.revisionId });

  await page.getByLabel("Commit message").fill("The third way");
  await page.getByRole("button", { name: "Commit 1 draft" }).click();
  await expect(page.locator(".toasts").getByText("Nothing was committed. Somebody committed “tides” in between: merge first.")).toBeVisible();
  await expect(page.getByLabel("Commit message")).toHaveValue("The third way");
  await expect(page.getByRole("button", { name: "Commit 1 draft" })).toBeEnabled();
  const kept = await api<{ draft: object | null; text: string }>(request, "GET", `/artifacts/${artifact.id}`);
  expect(kept.draft).toBeTruthy();
  expect(kept.text).toBe(mine);
  await expect(page.locator(".event", { hasText: "The third way" })).toHaveCount(0);
  await second.context.close();
});

test("a session that was deleted by mistake is there again after Undo", async ({ page, team }) => {
  const request = page.context().request;
  const session = await beginSession(request, team, "Not this one");
  await say(request, session, "Keep me");
  await show(page, session);
  await (await openMenu(page)).getByRole("button", { name: "Delete", exact: true }).click();
  const told = page.locator(".toasts");
  await expect(told.getByText("Deleted “Not this one”")).toBeVisible();
  await told.getByRole("button", { name: "Undo" }).click();
  await page.waitForURL(`**/sessions/${session.id}`);
  await expect(page.getByRole("article").getByText("Keep me")).toBeVisible();
  await expect(field(page)).toBeVisible();
});

test("a person is offered after @, taken with the keyboard and told", async ({ page, team, admin, browser }) => {
  const request = page.context().request;
  const session = await beginSession(request, team, "Who can");
  const second = await another(browser, admin, "Tomas Rey");
  await joinTeam(request, second.context.request, team, "member");
  const unread = async () => (await api<{ unread: number }>(second.context.request, "GET", "/notifications/unread")).unread;
  const before = await unread();
  await show(page, session);
  await field(page).pressSequentially("Ask @Tom");
  const options = page.getByRole("listbox", { name: "People and artifacts" });
  await expect(options.getByRole("option", { name: /Tomas Rey/ })).toHaveAttribute("aria-selected", "true");
  await checkAccessible(page);
  await page.keyboard.press("Enter");
  await expect(field(page)).toHaveValue("Ask @TomasRey ");
  await expect(options).toBeHidden();
  await field(page).press("Enter");
  await expect(page.getByRole("article").getByText("@Tomas Rey")).toBeVisible();
  await expect.poll(unread).toBe(before + 1);
  await second.context.close();
});

test("on a phone a session without artifacts has the place for the first one @phone", async ({ page, team }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  const request = page.context().request;
  await createArtifact(request, team.volumeId, "mooring");
  const session = await beginSession(request, team, "Ropes");
  await show(page, session);
  const parts = page.getByRole("navigation", { name: "Parts of the session" });
  await parts.getByRole("link", { name: /^Artifacts/ }).click();
  await expect(page.getByText("Nothing to work on yet")).toBeVisible();
  await expect(parts.getByRole("link", { name: /^Artifacts/ })).toHaveAttribute("aria-current", "true");
  // The way back and the name of the session are there as well.
  await expect(page.getByRole("heading", { name: "Ropes" })).toBeVisible();
  await expect(page.getByRole("link", { name: "All sessions" })).toBeVisible();
  await checkAccessible(page);

  await page.getByRole("button", { name: "Add an artifact" }).last().click();
  const add = page.getByRole("dialog", { name: "Add an artifact" });
  await add.getByRole("textbox").fill("moor");
  await add.getByRole("button", { name: /mooring/ }).first().click();
  await expect(page.getByRole("navigation", { name: "Artifacts of this session" }).getByRole("link", { name: /mooring/ })).toHaveAttribute("aria-current", "true");
  await parts.getByRole("link", { name: "Timeline" }).click();
  await expect(field(page)).toBeVisible();
});

test("a message that is too long is kept, and what is wrong with it said", async ({ page, team }) => {
  const session = await beginSession(page.context().request, team, "Long");
  await show(page, session);
  await field(page).fill("x".repeat(20_001));
  await expect(page.getByText("A message has at most 20,000 characters: attach a file for more.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Send" })).toBeDisabled();
  await field(page).press("Enter");
  await expect(field(page)).toHaveValue(/^x{20001}$/);
  await field(page).fill("Short");
  await expect(page.getByText("A message has at most")).toHaveCount(0);
  await field(page).press("Enter");
  await expect(page.getByRole("article").getByText("Short")).toBeVisible();
});
