// What can be done without a network besides writing messages, each as people do it: it is kept, arrives once, and a conflict is settled and sent again.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium, type APIRequestContext, type Browser, type Page } from "@playwright/test";
import { whole } from "../browser.js";
import { alone, coldStart, expected as whenGone, goOffline, offlineReady, sameElsewhere, warm } from "../fixtures/app.js";
import { becomePublisher, install, publish, unique } from "../fixtures/market.js";
import { ADMIN, another, api, append, beginSession, checkAccessible, createArtifact, createTeam, editor, expect, joinTeam, keepsChanges, ready, test, watch } from "../fixtures/index.js";
import { freePort, Server } from "../fixtures/server.js";

type Entries = { items: { kind: string; text?: string; message?: string }[] };
type Detail = { text: string; favourite: boolean; summary: { headRevisionId: string; version: string }; draft: { saves: number; behind: boolean } | null };
type Commits = { commits: { message: string }[] };

const TEXT = (line: string) => `---\nname: night-watch\ndescription: Who looks at the lamp.\nversion: 1.0.0\n---\n\n${line}\n\nSay so.\n`;
const status = (page: Page) => page.locator(".outbox-status");
const detailOf = (request: APIRequestContext, id: string) => api<Detail>(request, "GET", `/artifacts/${id}`);
const messages = async (request: APIRequestContext, volume: string) => (await api<Commits>(request, "GET", `/volumes/${volume}/commits`)).commits.map((commit) => commit.message);

/** The browser says this of each request without a network. */
const expected = (problems: string[]) => problems.splice(0, problems.length, ...problems.filter((problem) => !/WebSocket|ERR_INTERNET_DISCONNECTED|ERR_FAILED/.test(problem)));

/** Without a network from now on: everything that the page needs is here. */
async function goAway(page: Page) {
  await keepsChanges(page);
  await page.context().setOffline(true);
}

async function comeBack(page: Page) {
  await page.context().setOffline(false);
  await expect(status(page)).toBeEmpty({ timeout: 60_000 });
}

test("a session is renamed, a message changed and another deleted in a tunnel", async ({ page, team, problems }) => {
  const request = page.context().request;
  const session = await beginSession(request, team, "Mooring");
  for (const text of ["Helo", "Not this"]) await api(request, "POST", `/sessions/${session.id}/messages`, { text });
  await page.goto(`/sessions/${session.id}`);
  await ready(page);
  await goAway(page);
  await page.getByLabel("Rename, export, archive, delete").click();
  await page.getByRole("button", { name: "Rename" }).click();
  const dialog = page.getByRole("dialog", { name: "Rename session" });
  await dialog.getByLabel("Title").fill("Mooring in a swell");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toBeHidden({ timeout: 30_000 });
  await expect(page.getByText("Kept on this device, and sent when the server can be reached").first()).toBeVisible();
  await expect(status(page)).toContainText("1 change waiting");
  const message = (words: string) => page.getByRole("article").filter({ hasText: words });
  await message("Helo").hover();
  await message("Helo").getByRole("button", { name: "Edit message" }).click();
  const edited = page.locator(".edit-message textarea");
  await edited.fill("Hello");
  await edited.press("Enter");
  await expect(status(page)).toContainText("2 changes waiting", { timeout: 30_000 });
  await message("Not this").hover();
  await message("Not this").getByRole("button", { name: "Delete message" }).click();
  await page.getByRole("alertdialog", { name: "Delete this message?" }).getByRole("button", { name: "Delete message" }).click();
  await expect(status(page)).toContainText("3 changes waiting", { timeout: 30_000 });
  await comeBack(page);
  await expect.poll(async () => (await api<{ title: string }>(request, "GET", `/sessions/${session.id}`)).title).toBe("Mooring in a swell");
  const { items } = await api<Entries>(request, "GET", `/sessions/${session.id}/entries`);
  expect(items.map((entry) => entry.text).filter(Boolean)).toEqual(["Hello"]);
  expected(problems);
});

test("a favourite, a value of the frontmatter and one's name are kept, and arrive", async ({ page, team, problems }) => {
  const request = page.context().request;
  const skill = await createArtifact(request, team.volumeId, "Night watch", TEXT("Look once."));
  await page.goto(`/artifacts/${skill.id}`);
  await ready(page);
  await goAway(page);
  await page.getByRole("button", { name: "Favourite", exact: true }).click();
  await expect(status(page)).toContainText("1 change waiting");
  const version = page.getByLabel("version", { exact: true });
  await version.fill("1.1.0");
  await version.press("Enter");
  await expect(status(page)).toContainText("2 changes waiting", { timeout: 30_000 });
  await comeBack(page);
  await expect.poll(async () => ((detail) => [detail.favourite, detail.summary.version])(await detailOf(request, skill.id))).toEqual([true, "1.1.0"]);

  await page.goto("/settings/profile");
  await ready(page);
  await goAway(page);
  await page.getByLabel("Name", { exact: true }).fill("Ines of the tunnel");
  await page.getByRole("button", { name: "Save", exact: true }).first().click();
  await expect(status(page)).toContainText("1 change waiting", { timeout: 30_000 });
  await comeBack(page);
  await expect.poll(async () => (await api<{ person: { name: string } }>(request, "GET", "/me")).person.name).toBe("Ines of the tunnel");
  expected(problems);
});

test("a review is written in a tunnel", async ({ page, team, admin, browser, problems }) => {
  test.slow();
  const slug = unique("lamp-care");
  const publisher = await another(browser, admin, "Tomas Rey");
  await publish(await becomePublisher(publisher.context.request), admin, { slug, name: "Lamp care" });
  await install(page.context().request, team.volumeId, slug);
  await page.goto(`/marketplace/${slug}`);
  await ready(page);
  await expect(page.getByRole("radio", { name: "4 stars" })).toBeVisible();
  await goAway(page);
  await expect(page.getByText("Installing needs the server, which cannot be reached now.")).toBeVisible({ timeout: 30_000 });
  await page.getByRole("radio", { name: "4 stars" }).check();
  await page.getByLabel(/What you think of it/).fill("Bright enough for a tunnel.");
  await page.getByRole("button", { name: "Publish the review" }).click();
  await expect(status(page)).toContainText("1 change waiting", { timeout: 30_000 });
  await comeBack(page);
  await expect.poll(async () => JSON.stringify(await api(page.context().request, "GET", `/marketplace/listings/${slug}/reviews`))).toContain("Bright enough for a tunnel.");
  await publisher.context.close();
  expected(problems);
});

test("a session that is only talk is committed once, however often the answer is lost", async ({ page, team, problems }) => {
  const request = page.context().request;
  const session = await beginSession(request, team, "One way to review");
  await api(request, "POST", `/sessions/${session.id}/messages`, { text: "Read the tests first." });
  await page.goto(`/sessions/${session.id}`);
  await ready(page);
  await keepsChanges(page);
  // It arrives, and nobody hears of it.
  let lost = 0;
  await page.route(`**/api/v1/sessions/${session.id}/commit`, async (route) => {
    if (lost >= 2) return route.continue();
    lost += 1;
    await route.fetch();
    return route.abort();
  });
  await page.getByRole("button", { name: "Commit the session" }).click();
  await expect.poll(() => lost, { timeout: 60_000 }).toBe(2);
  await expect(status(page)).toBeEmpty({ timeout: 60_000 });
  await expect.poll(async () => (await api<Entries>(request, "GET", `/sessions/${session.id}/entries`)).items.some((entry) => entry.kind === "commit")).toBe(true);
  const { items } = await api<Entries>(request, "GET", `/sessions/${session.id}/entries`);
  expect(items.filter((entry) => entry.kind === "commit")).toHaveLength(1);
  expected(problems);
});

test("one artifact is committed twice in a tunnel, and both arrive, in order", async ({ page, team, problems }) => {
  const request = page.context().request;
  const skill = await createArtifact(request, team.volumeId, "Night watch", TEXT("Look once."));
  // The outbox alone brings it: an editor that is connected again may bring the second line before the first commit.
  let dead = false;
  await page.routeWebSocket(/\/ws\/doc\//, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((message) => void (dead || server.send(message)));
    server.onMessage((message) => void (dead || socket.send(message)));
  });
  await page.goto(`/artifacts/${skill.id}?tab=edit`);
  await ready(page);
  await editor(page);
  await expect(page.getByText("As committed")).toBeVisible();
  await goAway(page);
  dead = true;
  await expect(page.locator(".saved")).toContainText("Offline", { timeout: 60_000 });
  for (const [number, words] of [[1, "First"], [2, "Second"]] as const) {
    await append(page, `${words} line.\n`);
    await page.getByLabel("Message of the commit").fill(words);
    await page.getByRole("button", { name: "Commit", exact: true }).click();
    await expect(status(page)).toContainText(`${number * 2} changes waiting`, { timeout: 30_000 });
  }
  await comeBack(page);
  expect((await messages(request, team.volumeId)).slice(0, 2)).toEqual(["Second", "First"]);
  const now = await detailOf(request, skill.id);
  expect([now.text, now.draft]).toEqual([TEXT("Look once.") + "First line.\nSecond line.\n", null]);
  expected(problems);
});

test("who commits a text beside its document and writes on is in nobody's way", async ({ problems }) => {
  test.setTimeout(240_000);
  await alone(async (page, server, context) => {
    const team = await createTeam(context.request, "Harbor Platform");
    const skill = await createArtifact(context.request, team.volumeId, "Night watch", TEXT("Look once."));
    // Only read: its document is not on this device.
    await page.goto(`/artifacts/${skill.id}`);
    await ready(page);
    await offlineReady(page);
    await warm(page);
    await goOffline(page, server, context);
    const cold = await coldStart(context, `/artifacts/${skill.id}?tab=edit`, problems);
    for (const [number, words] of [[1, "First"], [2, "Second"]] as const) {
      await append(cold, `${words} line.\n`);
      await expect(status(cold)).toContainText(number === 1 ? "1 change waiting" : "3 changes waiting", { timeout: 30_000 });
      await cold.getByLabel("Message of the commit").fill(words);
      await cold.getByRole("button", { name: "Commit", exact: true }).click();
      await expect(status(cold)).toContainText(`${number * 2} changes waiting`, { timeout: 30_000 });
    }
    await server.begin();
    await context.setOffline(false);
    await expect(status(cold)).toBeEmpty({ timeout: 60_000 });
    expect((await messages(context.request, team.volumeId)).slice(0, 2)).toEqual(["Second", "First"]);
    const now = await detailOf(context.request, skill.id);
    expect([now.text, now.draft]).toEqual([TEXT("Look once.") + "First line.\nSecond line.\n", null]);
    whenGone(problems);
  }, problems);
});

test("a commit that others were faster with is merged and sent again", async ({ page, team, admin, browser, problems }) => {
  test.slow();
  const request = page.context().request;
  const second = await another(browser, admin, "Tomas Rey");
  watch(second.page, problems);
  await joinTeam(request, second.context.request, team, "member");
  const [skill, other] = [await createArtifact(request, team.volumeId, "Day watch", TEXT("Look once.")), await createArtifact(request, team.volumeId, "Night watch", TEXT("Look once."))];
  for (const { id } of [skill, other]) await api(request, "PUT", `/artifacts/${id}/draft`, { text: TEXT("Look twice."), saves: 0 });
  await page.goto("/changes");
  await ready(page);
  await goAway(page);
  await page.getByRole("button", { name: /^Commit/ }).click();
  await expect(status(page)).toContainText("1 change waiting");
  // The second of the two is committed and written anew meanwhile: the merge is that one's.
  const theirs = await detailOf(second.context.request, other.id);
  await api(second.context.request, "POST", "/commits", { message: "Faster", artifacts: [{ id: other.id, baseRevisionId: theirs.summary.headRevisionId }] });
  await api(request, "PUT", `/artifacts/${other.id}/draft`, { text: TEXT("Look three times."), saves: 0 });
  await page.context().setOffline(false);
  await expect(status(page)).toContainText("1 to look at", { timeout: 60_000 });
  await status(page).getByRole("link").click();
  await expect(page.getByRole("link", { name: /^Merge/ })).toHaveCount(1);
  await expect(page.getByRole("link", { name: /^Merge/ })).toHaveAttribute("href", `/artifacts/${other.id}?tab=merge`);
  await checkAccessible(page);
  // What is there now stands on their commit: whoever has looked sends it again.
  await page.getByRole("button", { name: /^Retry/ }).click();
  await expect(page.getByText("Everything is sent")).toBeVisible({ timeout: 60_000 });
  for (const { id } of [skill, other]) expect((await detailOf(request, id)).draft).toBeNull();
  await second.context.close();
  expected(problems);
});

test("lines that others changed too are both in the draft, and somebody is asked to look", async ({ problems }) => {
  test.setTimeout(240_000);
  await alone(async (page, server, context) => {
    const team = await createTeam(context.request, "Harbor Platform");
    const skill = await createArtifact(context.request, team.volumeId, "Night watch", TEXT("Look once."));
    // Only read: its document is not on this device.
    await page.goto(`/artifacts/${skill.id}`);
    await ready(page);
    await offlineReady(page);
    await expect.poll(() => page.evaluate(async () => (await (await caches.open("llmos-assets")).keys()).length), { timeout: 60_000 }).toBeGreaterThan(0);
    const { revision, me } = { revision: (await detailOf(context.request, skill.id)).summary.headRevisionId, me: await api<{ person: { id: string } }>(context.request, "GET", "/me") };
    await api(context.request, "PUT", `/artifacts/${skill.id}/draft`, { text: TEXT("Look three times."), saves: 0 });
    await keepsChanges(page);
    await page.evaluate(
      async ({ account, id, revision, base, text }) => {
        const { imports } = JSON.parse(document.querySelector("script[type=importmap]")!.textContent!) as { imports: Record<string, string> };
        const { ask } = (await import(imports["llmos/outbox"]!)) as { ask(text: string): Promise<string> };
        const wish = { objects: [`artifact:${id}`], method: "POST", path: `/artifacts/${id}/edits`, body: JSON.stringify({ text, base, revision }), label: "Text of “Night watch”", merge: `/artifacts/${id}?tab=merge`, holds: true, latest: true };
        await ask(JSON.stringify({ act: "add", account, wish, wait: false }));
      },
      { account: me.person.id, id: skill.id, revision, base: TEXT("Look once."), text: TEXT("Look twice.") },
    );
    await expect(status(page)).toContainText("1 change to look at", { timeout: 60_000 });
    await status(page).getByRole("link").click();
    await expect(page.getByText("both readings are in the draft")).toBeVisible();
    await expect(page.getByRole("link", { name: /^Look/ })).toHaveAttribute("href", `/artifacts/${skill.id}?tab=diff`);
    await checkAccessible(page);
    await page.getByRole("button", { name: /^Done/ }).click();
    await expect(page.getByText("Everything is sent")).toBeVisible();
    expect((await detailOf(context.request, skill.id)).text).toBe(TEXT("Look twice.\nLook three times."));
    void server;
    whenGone(problems);
  }, problems);
});

test("what is typed while the link dies is in the outbox by itself, and arrives though nobody opens the editor again", async ({ page, team, problems }) => {
  const request = page.context().request;
  const skill = await createArtifact(request, team.volumeId, "Night watch", TEXT("Look once."));
  // A link that takes everything and answers nothing, as a dead one does.
  let dead = false;
  await page.routeWebSocket(/\/ws\/doc\//, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((message) => void (dead || server.send(message)));
    server.onMessage((message) => void (dead || socket.send(message)));
  });
  await page.goto(`/artifacts/${skill.id}?tab=edit`);
  await ready(page);
  await editor(page);
  await expect(page.getByText("As committed")).toBeVisible();
  await keepsChanges(page);
  dead = true;
  // Where it arrives by itself is seen at once; so nothing does for now.
  await page.route(`**/api/v1/artifacts/${skill.id}/edits`, (route) => route.abort());
  await append(page, "Typed into a dead link.\n");
  await expect(status(page)).toContainText("1 change waiting", { timeout: 30_000 });
  const other = await page.context().newPage();
  watch(other, problems);
  await page.close({ runBeforeUnload: false });
  await other.goto("/sessions");
  await ready(other);
  await expect.poll(async () => (await detailOf(request, skill.id)).text, { timeout: 60_000 }).toContain("Typed into a dead link.");
  expected(problems);
});

test("a full disk: what can be sent goes straight, and what cannot stays with the page, which says why", async ({ problems }) => {
  test.setTimeout(180_000);
  await alone(async (page, server, context) => {
    const team = await createTeam(context.request, "Harbor Platform");
    const session = await beginSession(context.request, team, "No room");
    await page.goto(`/sessions/${session.id}`);
    await ready(page);
    await keepsChanges(page);
    // As the browser says it of every write.
    await page.evaluate(() => {
      IDBObjectStore.prototype.add = () => {
        throw new DOMException("There is no room.", "QuotaExceededError");
      };
    });
    const field = page.getByLabel("Message", { exact: true });
    await field.fill("Straight to the server");
    await field.press("Enter");
    const texts = async (request: APIRequestContext) => (await api<Entries>(request, "GET", `/sessions/${session.id}/entries`)).items.map((entry) => entry.text).filter(Boolean);
    await expect.poll(() => texts(context.request), { timeout: 30_000 }).toEqual(["Straight to the server"]);
    await context.setOffline(true);
    await field.fill("Nowhere to go");
    await field.press("Enter");
    await expect(page.getByText(/There is no room on this device, so this was not kept/)).toBeVisible({ timeout: 30_000 });
    const elsewhere = await sameElsewhere(server);
    expect(await texts(elsewhere)).toEqual(["Straight to the server"]);
    await elsewhere.dispose();
    whenGone(problems);
  }, problems);
});

test("what was kept outlives the browser itself", async () => {
  test.setTimeout(180_000);
  const server = await Server.start({});
  const profile = mkdtempSync(path.join(tmpdir(), "llmos-profile-"));
  let [process, browser] = [undefined as ChildProcess | undefined, undefined as Browser | undefined];
  const begin = async () => {
    const port = await freePort();
    process = spawn(whole.executablePath, [...whole.args, "--headless=new", `--remote-debugging-port=${port}`, `--user-data-dir=${profile}`, "about:blank"], { stdio: "ignore" });
    await expect.poll(() => fetch(`http://127.0.0.1:${port}/json/version`).then((answer) => answer.ok, () => false), { timeout: 30_000 }).toBe(true);
    browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
    return browser.contexts()[0]!;
  };
  const kill = async () => {
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    const ended = once(process, "exit");
    process.kill("SIGKILL");
    await ended;
  };
  const origin = `http://${server.address}`;
  try {
    await server.api("POST", "/sign-up", ADMIN);
    const session = await server.api<{ id: string }>("POST", "/sessions", { title: "To be crashed" });
    const first = await (await begin()).newPage();
    const enter = async (page: Page) => {
      await page.goto(`${origin}/login`);
      if (!new URL(page.url()).pathname.startsWith("/login")) return;
      await page.getByLabel("E-mail").fill(ADMIN.email);
      await page.getByLabel("Password", { exact: true }).fill(ADMIN.password);
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      await page.waitForURL((url) => !url.pathname.startsWith("/login"));
    };
    await enter(first);
    await first.goto(`${origin}/sessions/${session.id}`);
    await ready(first);
    await keepsChanges(first);
    await first.context().setOffline(true);
    await first.getByLabel("Message", { exact: true }).fill("Written before the crash");
    await first.getByLabel("Message", { exact: true }).press("Enter");
    await expect(first.getByText("Waiting for the server")).toBeVisible();
    await kill();
    // The same profile again. Whether the sign-in was on the disk yet is the browser's: what waits is of the account.
    const second = await (await begin()).newPage();
    await enter(second);
    await second.goto(`${origin}/`);
    await ready(second);
    const texts = async () => (await server.api<Entries>("GET", `/sessions/${session.id}/entries`)).items.map((entry) => entry.text).filter(Boolean);
    await expect.poll(texts, { timeout: 60_000 }).toEqual(["Written before the crash"]);
  } finally {
    await browser?.close().catch(() => undefined);
    await kill();
    await server.end();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
});
