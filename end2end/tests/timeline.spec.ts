// A session's timeline and composer as one works with them: long, edited, unread, offline, read-only.
import { another, api, beginSession, checkAccessible, createArtifact, expect, importFiles, joinTeam, ready, test, watch, type Team } from "../fixtures/index.js";
import type { APIRequestContext, Page } from "@playwright/test";

type Made = { id: string };

const say = (request: APIRequestContext, session: Made, text: string) => api<{ number: number }>(request, "POST", `/sessions/${session.id}/messages`, { text });

/** A session of `count` messages, from a file of the predecessor. */
async function importLong(request: APIRequestContext, team: Team, count: number): Promise<Made> {
  const messages = Array.from({ length: count }, (_, index) => ({
    id: `m${index}`,
    role: index % 3 ? "assistant" : "user",
    content: `Entry ${index + 1}.` + (index % 7 ? "" : "\n\n" + "It takes more than one line to say this. ".repeat(1 + (index % 5))),
    timestamp: "09:30",
  }));
  const file = JSON.stringify({ id: "long", name: "The long watch", status: "active", goal: "See the end", messages });
  await importFiles(request, team.volumeId, [["sessions/long.json", file]]);
  const list = await api<{ items: (Made & { title: string })[] }>(request, "GET", "/sessions?q=long");
  return list.items.find((session) => session.title === "The long watch")!;
}

const entries = (page: Page) => page.locator(".log .item");
const field = (page: Page) => page.getByLabel("Message", { exact: true });

test("a timeline of 10,000 entries holds what one looks at, from end to end", async ({ page, team }) => {
  test.setTimeout(180_000);
  const session = await importLong(page.context().request, team, 10_000);
  await page.goto(`/sessions/${session.id}`);
  await ready(page);
  await expect(page.locator("#entry-10000")).toBeInViewport();
  const log = page.locator(".log");
  const bounded = async () => expect(await entries(page).count()).toBeLessThanOrEqual(180);
  await bounded();
  // Page by page upwards: what one reads stays in sight while more comes in above it.
  for (let step = 0; step < 20; step++) {
    await log.hover();
    await page.mouse.wheel(0, -900);
    await page.waitForTimeout(60);
    await bounded();
  }
  const first = await entries(page).first().getAttribute("id");
  expect(Number(first!.split("-")[1])).toBeLessThan(9_941);
  await expect(page.getByRole("button", { name: /Newest|new message/ })).toBeVisible();
  // Straight to the beginning, as with the Home key or the scroll bar, and back.
  await log.evaluate((log) => (log.scrollTop = -log.scrollHeight));
  await expect(page.locator("#entry-1")).toBeAttached();
  await expect(page.getByText("Entry 1.", { exact: true })).toBeVisible();
  await bounded();
  await page.getByRole("button", { name: /Newest|new message/ }).click();
  await expect(page.locator("#entry-10000")).toBeInViewport();
  await bounded();
  await field(page).fill("The last word");
  await field(page).press("Enter");
  await expect(page.locator("#entry-10001")).toBeInViewport();
  await checkAccessible(page);
});

test("a link to an entry far away shows it", async ({ page, team }) => {
  const session = await importLong(page.context().request, team, 10_000);
  await page.goto(`/sessions/${session.id}?entry=5000`);
  await ready(page);
  await expect(page.locator("#entry-5000")).toBeInViewport();
});

test("what comes in quick succession is all there", async ({ page, team }) => {
  const request = page.context().request;
  const session = await beginSession(request, team, "A rush");
  await page.goto(`/sessions/${session.id}`);
  await ready(page);
  await expect(page.locator(".status").getByText("Live", { exact: true })).toBeVisible();
  await Promise.all(Array.from({ length: 12 }, (_, index) => say(request, session, `Message ${index}`)));
  await expect(page.getByRole("article")).toHaveCount(12);
});

test("talk alone is committed, and what happened can be commented on as well", async ({ page, team }) => {
  const request = page.context().request;
  const session = await beginSession(request, team, "Only talk");
  await say(request, session, "We keep the red buoys");
  await page.goto(`/sessions/${session.id}`);
  await ready(page);
  await page.getByRole("button", { name: "Commit the session" }).click();
  await expect(page.getByText("Committed the session")).toBeVisible();
  await expect(page.getByRole("button", { name: "Commit", exact: true })).toBeDisabled();
  const committed = page.locator(".event", { hasText: "committed" });
  await committed.hover();
  await committed.getByRole("button", { name: "Comment on this" }).click();
  const dialog = page.getByRole("dialog", { name: "Comments" });
  await dialog.getByLabel("New comment").fill("And the green ones?");
  await dialog.getByRole("button", { name: "Comment", exact: true }).click();
  await expect(dialog.getByText("And the green ones?")).toBeVisible();
  await dialog.getByRole("button", { name: "Close" }).click();
  await expect(committed.getByRole("button", { name: "1 comment" })).toBeVisible();
  await checkAccessible(page);
});

test("what one writes survives a reload, is edited with a trace and deleted with a trace", async ({ page, team }) => {
  const request = page.context().request;
  const session = await beginSession(request, team, "Mooring plan");
  await page.goto(`/sessions/${session.id}`);
  await ready(page);
  await expect(page.getByText("Say what is to be done")).toBeVisible();
  await field(page).fill("Half a thought");
  await page.reload();
  await ready(page);
  await expect(field(page)).toHaveValue("Half a thought");
  await field(page).press("Enter");
  const message = page.getByRole("article", { name: /Ines Lindqvist, message 1/ });
  await expect(message).toContainText("Half a thought");
  await expect(field(page)).toHaveValue("");
  await expect(field(page)).toBeFocused();

  // Up takes up what one said last; a comment of somebody else meanwhile takes nothing away.
  await field(page).press("ArrowUp");
  const edit = message.getByLabel("Message", { exact: true });
  await expect(edit).toBeFocused();
  await edit.fill("A whole thought");
  const [entry] = (await api<{ items: { id: string }[] }>(request, "GET", `/sessions/${session.id}/entries`)).items;
  await api(request, "POST", "/comments/threads", { sessionId: session.id, entryId: entry.id, text: "Really?" });
  await expect(message.getByRole("button", { name: "1 comment" })).toBeVisible();
  await expect(edit).toHaveValue("A whole thought");
  await edit.press("Enter");
  await expect(message).toContainText("A whole thought");
  await expect(message.getByText("edited")).toBeVisible();
  await expect(field(page)).toBeFocused();

  await message.hover();
  await message.getByRole("button", { name: "Delete message" }).click();
  await page.getByRole("alertdialog", { name: "Delete this message?" }).getByRole("button", { name: "Delete message" }).click();
  await expect(message).toContainText("This message was deleted.");
  await checkAccessible(page);
});

test("files are attached: a picture is shown, a text becomes an artifact, what did not arrive is tried again", async ({ page, team }) => {
  const request = page.context().request;
  const session = await beginSession(request, team, "Charts");
  await page.goto(`/sessions/${session.id}`);
  await ready(page);
  const attach = page.getByLabel("Attach a file");
  const attached = page.getByRole("list", { name: "Attachments" });
  const png = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
  await page.context().setOffline(true);
  await attach.setInputFiles({ name: "quay.png", mimeType: "image/png", buffer: png });
  await expect(attached.getByText("not uploaded")).toBeVisible();
  await expect(page.getByRole("button", { name: "Send" })).toBeDisabled();
  await page.context().setOffline(false);
  await attached.getByRole("button", { name: "Retry" }).click();
  await attach.setInputFiles({ name: "tides.md", mimeType: "text/markdown", buffer: Buffer.from("---\nname: tides\ndescription: When to leave.\n---\n\n# Tides\n") });
  await expect(attached.getByText("not uploaded")).toHaveCount(0);
  await field(page).fill("Two files");
  await page.getByRole("button", { name: "Send" }).click();
  const message = page.getByRole("article", { name: /message 1/ });
  await expect(message.getByRole("img", { name: "quay.png" })).toBeVisible();
  await message.getByRole("button", { name: "Save as artifact" }).click();
  const dialog = page.getByRole("dialog", { name: "Save as an artifact" });
  await dialog.getByLabel("Harbor Platform").check();
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved as \u201ctides\u201d")).toBeVisible();
  await expect(page.getByRole("navigation", { name: "Artifacts of this session" }).getByRole("link", { name: /tides/ })).toBeVisible();
});

test("what came while one was away is marked, and read when one has seen it", async ({ page, team, admin, browser, problems }) => {
  test.setTimeout(120_000);
  const request = page.context().request;
  const session = await beginSession(request, team, "Night watch");
  await say(request, session, "Quiet so far");
  const second = await another(browser, admin, "Tomas Rey");
  watch(second.page, problems);
  await joinTeam(request, second.context.request, team, "member");
  await second.page.goto(`/sessions/${session.id}`);
  await ready(second.page);
  const unread = async () => (await api<{ items: { id: string; unread: number }[] }>(second.context.request, "GET", "/sessions")).items.find((one) => one.id === session.id)?.unread;
  await expect.poll(unread).toBe(0);
  await second.page.goto("/sessions");
  await ready(second.page);
  await say(request, session, "A light in the east");
  await say(request, session, "It is the pilot");
  // The list learns of it by itself, with who is there.
  await page.goto(`/sessions/${session.id}`);
  await ready(page);
  const row = second.page.getByRole("region", { name: "Sessions" }).getByRole("listitem").filter({ hasText: "Night watch" }).first();
  await expect(row.getByText("2 unread")).toBeAttached({ timeout: 30_000 });
  await expect(row.getByRole("img", { name: "Ines Lindqvist" })).toBeVisible({ timeout: 30_000 });
  await checkAccessible(second.page);
  await row.getByRole("link", { name: "Night watch" }).click();
  await expect(second.page.getByText("2 new", { exact: true })).toBeVisible();
  await expect.poll(unread).toBe(0);

  // Everybody who is here, by name; one who is elsewhere is told apart.
  await page.getByRole("region", { name: "Session", exact: true }).locator("summary", { hasText: "Who is here" }).click();
  await expect(page.getByText("Here now: 2 people")).toBeVisible();
  await checkAccessible(page);
  await page.keyboard.press("Escape");
  await expect(page.locator(".status").getByText("2 people here")).toBeVisible();
  // Where one points, the other sees; the name goes, and then the pointer, when it rests.
  const target = (await page.locator("#entry-1").boundingBox())!;
  await page.mouse.move(target.x + 50, target.y + 10);
  await page.mouse.move(target.x + 90, target.y + 14, { steps: 5 });
  await expect(second.page.locator(".pointer", { hasText: "Ines" })).toBeVisible();
  await expect(second.page.locator(".pointer")).toHaveCount(0, { timeout: 30_000 });
  // Deleted by its owner: the other one is told, and it waits in the trash.
  await page.getByLabel("Rename, export, archive, delete").click();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(page.getByText("Deleted \u201cNight watch\u201d")).toBeVisible();
  await expect(second.page.getByText("This session was deleted")).toBeVisible();
  await page.goto("/sessions?view=trash");
  await ready(page);
  await checkAccessible(page);
  await page.getByRole("listitem").filter({ hasText: "Night watch" }).getByRole("button", { name: "Take back" }).click();
  await page.waitForURL(`**/sessions/${session.id}`);
  await expect(page.getByText("It is the pilot")).toBeVisible();
  await second.context.close();
});

test("a draft of somebody else shows in the session without a reload, and who only reads may not write", async ({ page, team, admin, browser, problems }) => {
  test.setTimeout(120_000);
  const request = page.context().request;
  const artifact = await createArtifact(request, team.volumeId, "mooring", "---\nname: mooring\ndescription: How we moor.\n---\n\n# Mooring\n");
  const session = await beginSession(request, team, "Mooring");
  await page.goto(`/sessions/${session.id}`);
  await ready(page);
  // Added by hand, and by its name.
  await page.getByRole("region", { name: "Artifacts" }).getByRole("button", { name: "Add an artifact" }).last().click();
  const add = page.getByRole("dialog", { name: "Add an artifact" });
  await add.getByRole("textbox").fill("moor");
  await expect(add.getByRole("button", { name: /mooring/ }).first()).toBeVisible();
  await checkAccessible(page);
  await add.getByRole("textbox").press("Enter");
  const tab = page.getByRole("navigation", { name: "Artifacts of this session" }).getByRole("link", { name: /mooring/ });
  await expect(tab).toHaveAttribute("aria-current", "true");
  await say(request, session, "See @mooring");
  await expect(page.getByRole("article").getByRole("link", { name: /mooring/ }).last()).toBeVisible();

  const second = await another(browser, admin, "Vera Sandström");
  watch(second.page, problems);
  await joinTeam(request, second.context.request, team, "viewer");
  await second.page.goto(`/sessions/${session.id}`);
  await ready(second.page);
  await expect(second.page.getByText("You are a viewer here")).toBeVisible();
  await expect(field(second.page)).toHaveCount(0);
  await expect(second.page.getByRole("button", { name: /^Commit/ })).toHaveCount(0);

  await api(request, "PUT", `/artifacts/${artifact.id}/draft`, { text: "---\nname: mooring\ndescription: How we moor.\n---\n\n# Mooring\n\nTwice.\n", saves: 0 });
  for (const one of [page, second.page]) {
    await expect(one.getByRole("navigation", { name: "Artifacts of this session" }).getByTitle("Not committed")).toBeVisible();
    await expect(one.getByRole("article").getByText("Draft")).toBeVisible();
  }
  await expect(page.getByRole("button", { name: "Commit 1 draft" })).toBeEnabled();
  await checkAccessible(second.page);
  // Beside the timeline or not: ] turns it, and it stays so.
  await page.getByRole("log").focus();
  await page.keyboard.press("]");
  await expect(page.getByRole("region", { name: "Artifacts" })).toBeHidden();
  await page.reload();
  await ready(page);
  await expect(page.getByRole("region", { name: "Artifacts" })).toBeHidden();
  await page.getByRole("article").getByRole("link", { name: /mooring/ }).last().click();
  await expect(page.getByRole("region", { name: "Artifacts" })).toBeVisible();
  await second.context.close();
});
