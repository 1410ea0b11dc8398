// What is done without a network is kept, shown, and arrives once and in order; what the server will not have is kept and explained.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium, type Page } from "@playwright/test";
import { whole } from "../browser.js";
import { ADMIN, another, api, beginSession, checkAccessible, createArtifact, createTeam, expect, joinTeam, keepsChanges, ready, test } from "../fixtures/index.js";
import { Server } from "../fixtures/server.js";

type Entries = { items: { kind: string; text?: string }[] };

const field = (page: Page) => page.getByLabel("Message", { exact: true });
const status = (page: Page) => page.locator(".outbox-status");

async function say(page: Page, text: string) {
  await field(page).fill(text);
  await field(page).press("Enter");
}

/** What was written in a session, as the server has it. */
const texts = async (page: Page, session: string) =>
  (await api<Entries>(page.context().request, "GET", `/sessions/${session}/entries`)).items.map((entry) => entry.text).filter(Boolean);

/** The browser says this of each request without a network. */
const expected = (problems: string[]) => problems.splice(0, problems.length, ...problems.filter((problem) => !/WebSocket|ERR_INTERNET_DISCONNECTED|ERR_FAILED/.test(problem)));

test("a session that is begun offline, and what is said in it, arrive once and in order", async ({ page, team, problems }) => {
  // The parts that are used offline are opened before: there is no worker in these tests.
  await beginSession(page.context().request, team, "Before the tunnel");
  await page.goto("/settings/unsent");
  await ready(page);
  await expect(page.getByText("Everything is sent")).toBeVisible();
  await page.getByRole("link", { name: "Sessions", exact: true }).first().click();
  await page.getByRole("link", { name: /Before the tunnel/ }).first().click();
  await expect(field(page)).toBeVisible();
  await page.getByRole("link", { name: "All sessions" }).click();

  await keepsChanges(page);
  await page.context().setOffline(true);
  await page.getByRole("button", { name: "New session" }).click();
  const dialog = page.getByRole("dialog", { name: "New session" });
  await dialog.getByLabel("Title").fill("In the tunnel");
  await dialog.getByRole("button", { name: "Begin" }).click();
  await expect(page).toHaveURL(/\/sessions\/[0-9a-f-]{36}/);
  await expect(page.getByRole("heading", { name: "In the tunnel" })).toBeVisible();
  await expect(page.getByText("Not sent yet")).toBeVisible();
  const session = new URL(page.url()).pathname.split("/")[2]!;
  for (const text of ["One", "Two", "Three"]) await say(page, text);
  await expect(page.getByText("Waiting for the server")).toHaveCount(3);
  await expect(status(page)).toContainText("4 changes waiting");
  await checkAccessible(page);

  await status(page).getByRole("link").click();
  await expect(page.getByRole("heading", { name: "Unsent changes" }).last()).toBeVisible();
  await expect(page.locator(".rows.unsent > li")).toHaveCount(4);
  await checkAccessible(page);
  await page.getByRole("button", { name: /Discard: .*Two/ }).click();
  await expect(page.locator(".rows.unsent > li")).toHaveCount(3);
  await page.getByRole("button", { name: /Edit: .*One/ }).click();
  await page.getByLabel("What is sent").fill("One, put right");
  await page.getByRole("button", { name: "Save and send" }).click();
  await expect(page.getByLabel("What is sent")).toHaveCount(0);
  // What needs the server says so, and this does not.
  const needs = page.getByText("Changing this needs the server, which cannot be reached now.");
  await expect(needs).toHaveCount(0);
  const parts = page.getByRole("navigation", { name: "Settings", exact: true });
  await parts.getByRole("link", { name: "Security" }).click();
  await expect(needs).toBeVisible();
  await parts.getByRole("link", { name: "Unsent changes" }).click();
  await expect(page.locator(".rows.unsent > li")).toHaveCount(3);

  await page.context().setOffline(false);
  await expect(page.getByText("Everything is sent")).toBeVisible({ timeout: 30_000 });
  await expect(status(page)).toBeEmpty();
  expect(await texts(page, session)).toEqual(["One, put right", "Three"]);
  expected(problems);
});

test("what waits outlives the page, and one of two tabs sends it", async ({ page, team, problems }) => {
  const session = await beginSession(page.context().request, team, "Two tabs");
  await page.goto(`/sessions/${session.id}`);
  await ready(page);
  const other = await page.context().newPage();
  await other.goto(`/sessions/${session.id}`);
  await ready(other);
  await Promise.all([keepsChanges(page), keepsChanges(other)]);
  await page.context().setOffline(true);
  await say(page, "From the first");
  await expect(page.getByText("Waiting for the server")).toHaveCount(1);
  await expect(other.getByText("Waiting for the server")).toHaveCount(1);
  await page.close();
  await say(other, "From the second");
  await expect(other.getByText("Waiting for the server")).toHaveCount(2);
  await other.context().setOffline(false);
  await expect(other.getByText("Waiting for the server")).toHaveCount(0, { timeout: 30_000 });
  expect(await texts(other, session.id)).toEqual(["From the first", "From the second"]);
  expected(problems);
});

test("who lost the team meanwhile keeps what they wrote, and hears why it is not sent", async ({ page, team, browser, problems }) => {
  const admin = page.context().request;
  const second = await another(browser, admin, "Tomas Rey");
  await joinTeam(admin, second.context.request, team, "member");
  const session = await beginSession(admin, team, "Leaving");
  await second.page.goto(`/sessions/${session.id}`);
  await ready(second.page);
  await keepsChanges(second.page);
  await second.context.setOffline(true);
  await say(second.page, "Written too late");
  await expect(second.page.getByText("Waiting for the server")).toBeVisible();
  const members = await api<{ person: { id: string; name: string } }[]>(admin, "GET", `/teams/${team.id}/members`);
  const gone = members.find((member) => member.person.name === "Tomas Rey")!;
  await api(admin, "DELETE", `/teams/${team.id}/members/${gone.person.id}`);
  await second.context.setOffline(false);
  await expect(status(second.page)).toContainText("1 to look at", { timeout: 30_000 });
  await status(second.page).getByRole("link").click();
  await expect(second.page.getByText(/does not exist, or it is not shared with you/)).toBeVisible();
  await checkAccessible(second.page);

  const [file] = await Promise.all([second.page.waitForEvent("download"), second.page.getByRole("button", { name: "Export" }).click()]);
  expect(readFileSync(await file.path(), "utf8")).toContain("Written too late");
  await second.page.getByRole("button", { name: /Discard/ }).click();
  await expect(second.page.getByText("Everything is sent")).toBeVisible();
  await second.context.close();
  expected(problems);
});

test("a commit that others were faster with leads to the merge", async ({ page, team, admin, browser, problems }) => {
  const request = page.context().request;
  const second = await another(browser, admin, "Tomas Rey");
  await joinTeam(request, second.context.request, team, "member");
  const skill = await createArtifact(request, team.volumeId, "Night watch", "---\nname: night-watch\ndescription: Who looks at the lamp.\n---\n\nLook once.\n");
  const detail = await api<{ draft: { saves: number } | null }>(request, "GET", `/artifacts/${skill.id}`);
  await api(request, "PUT", `/artifacts/${skill.id}/draft`, { text: "---\nname: night-watch\ndescription: Who looks at the lamp.\n---\n\nLook twice.\n", saves: detail.draft?.saves ?? 0 });
  await page.goto("/changes");
  await ready(page);
  await keepsChanges(page);
  await page.context().setOffline(true);
  await page.getByRole("button", { name: /^Commit/ }).click();
  await expect(status(page)).toContainText("1 change waiting");
  await api(second.context.request, "POST", "/commits", { message: "First", artifacts: [{ id: skill.id, baseRevisionId: skill.revisionId }] });
  await second.context.close();
  await page.context().setOffline(false);
  await expect(status(page)).toContainText("1 to look at", { timeout: 30_000 });
  await status(page).getByRole("link").click();
  await expect(page.getByRole("link", { name: "Merge" })).toHaveAttribute("href", `/artifacts/${skill.id}?tab=merge`);
  await page.getByRole("link", { name: "Merge" }).click();
  await expect(page.getByTitle("The server did not take it")).toContainText("not sent");
  await page.goBack();
  await page.getByRole("button", { name: /Discard/ }).click();
  expected(problems);
});

test("signing out with unsent changes is asked about, and they are there at the next sign-in", async ({ page, account, team, problems }) => {
  const session = await beginSession(page.context().request, team, "Signing out");
  await page.goto(`/sessions/${session.id}`);
  await ready(page);
  const messages = `**/api/v1/sessions/${session.id}/messages`;
  // The server says that nobody is signed in: nothing goes by itself any more, until somebody wants it.
  await page.route(messages, (route) => route.fulfill({ status: 401, headers: { "x-llmos-account": "-" }, json: { code: "unauthenticated", message: "Sign in to go on." } }));
  await say(page, "Sent when I say so");
  await status(page).getByRole("link").click();
  await expect(page.getByText("Sign in to go on.")).toBeVisible();
  await page.unroute(messages);
  await page.getByRole("button", { name: "Send now" }).click();
  await expect(page.getByText("Everything is sent")).toBeVisible();
  await page.goBack();
  // The server takes no message for a while.
  await page.route(messages, (route) => route.abort());
  await say(page, "Later, then");
  await expect(status(page)).toContainText("1 change waiting");
  await page.goto("/settings/security");
  await ready(page);
  await expect(status(page)).toContainText("1 change waiting");
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  const dialog = page.getByRole("alertdialog", { name: "Sign out with unsent changes?" });
  await expect(dialog).toBeVisible();
  await checkAccessible(page);
  // The address is that of the sign-in at once, and the page is loaded anew a moment later, so that nothing of the account stays in it.
  const anew = page.waitForEvent("load");
  await dialog.getByRole("button", { name: "Sign out" }).click();
  await anew;
  await expect(page).toHaveURL(/\/login/);
  await ready(page);
  await page.unroute(messages);
  await page.getByLabel("E-mail").fill(account.email);
  await page.getByLabel("Password", { exact: true }).fill(account.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(page.locator(".status")).toBeVisible();
  await expect.poll(() => texts(page, session.id), { timeout: 30_000 }).toEqual(["Sent when I say so", "Later, then"]);
  expected(problems);
});

test("the worker sends what waits while no page of ours is open", async () => {
  test.setTimeout(180_000);
  const server = await Server.start({});
  const profile = mkdtempSync(path.join(tmpdir(), "llmos-profile-"));
  const context = await chromium.launchPersistentContext(profile, { ...whole, baseURL: `http://${server.address}`, serviceWorkers: "allow" });
  try {
    await api(context.request, "POST", "/sign-up", ADMIN);
    const session = await beginSession(context.request, await createTeam(context.request, "Harbor Platform"), "Nobody there");
    const page = await context.newPage();
    await page.goto(`/sessions/${session.id}`);
    await ready(page);
    await expect.poll(() => page.evaluate(() => Boolean(navigator.serviceWorker.controller)), { timeout: 60_000 }).toBe(true);
    await server.kill();
    await say(page, "To be sent by nobody");
    await expect(page.getByText("Waiting for the server")).toHaveCount(1);
    // The page goes at once, and the server comes back to an empty browser: a picture is no page of ours.
    await page.goto("about:blank");
    await server.begin();
    await page.goto("/favicon.svg");
    expect(await texts(page, session.id)).toEqual([]);
    const devtools = await context.newCDPSession(page);
    const registered = new Promise<string>((done) =>
      devtools.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
        const ours = registrations.find((one) => one.scopeURL.startsWith(`http://${server.address}`));
        if (ours) done(ours.registrationId);
      }),
    );
    await devtools.send("ServiceWorker.enable");
    await devtools.send("ServiceWorker.dispatchSyncEvent", { origin: `http://${server.address}`, registrationId: await registered, tag: "llmos-outbox", lastChance: false });
    await expect.poll(() => texts(page, session.id), { timeout: 30_000 }).toEqual(["To be sent by nobody"]);
  } finally {
    await context.close();
    await server.end();
    rmSync(profile, { recursive: true, force: true });
  }
});
