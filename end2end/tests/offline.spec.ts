// What somebody keeps on the device as a whole, and what they write, commit and make while the server is gone.
import { readFileSync } from "node:fs";
import { alone, coldStart, expected, goOffline, keeps, makeAvailable, offlineReady, sameElsewhere, skillFile, somebodyElse, warm } from "../fixtures/app.js";
import { ADMIN, api, append, beginSession, checkAccessible, createArtifact, createTeam, editor, expect, importFiles, joinTeam, ready, signIn, test } from "../fixtures/index.js";

test.describe.configure({ mode: "default" });

type Detail = { text: string; draft: { behind: boolean } | null; summary: { id: string; headRevisionId: string | null }; head: { id: string } | null };
type List = { items: { id: string; name: string }[]; total: number };

const FIRST = "---\nname: night-watch\ndescription: Who looks at the lamp.\n---\n\nLook once.\n\nSay so.\n";

test("a pinned volume of a thousand is listed, filtered, read and searched after a cold start", async ({ problems }) => {
  test.setTimeout(300_000);
  await alone(async (page, server, context) => {
    const team = await createTeam(context.request, "Harbor Platform");
    await page.addInitScript(() => Object.assign(StorageManager.prototype, { persist: async () => (sessionStorage.setItem("persist", "asked"), true) }));
    const files = Array.from({ length: 1_000 }, (_, number) => skillFile(`beacon-${String(number).padStart(4, "0")}`, number === 777 ? "How the heliograph is polished." : "How a lamp is kept."));
    await importFiles(context.request, team.volumeId, files);
    await page.goto(`/volumes/${team.volumeId}`);
    await ready(page);
    await offlineReady(page);
    await makeAvailable(page, /^1,000 artifacts, .*as of/);
    await checkAccessible(page);
    await page.goto("/settings/offline");
    await ready(page);
    await expect(page.getByRole("listitem").filter({ hasText: "1,000 artifacts" })).toBeVisible();
    await expect(page.getByText("compared with the server")).toBeVisible({ timeout: 120_000 });
    await checkAccessible(page);
    expect(await page.evaluate(() => sessionStorage.getItem("persist"))).toBe("asked");
    // Nobody looked at them: what one opened lately is empty.
    expect((await api<List>(context.request, "GET", "/artifacts?view=recent")).items).toEqual([]);
    await warm(page);
    await goOffline(page, server, context);

    const cold = await coldStart(context, `/artifacts?volume=${team.volumeId}`, problems);
    await expect(cold.locator(".lib > li")).toHaveCount(50);
    await expect(cold.getByRole("main").getByText("1,000").first()).toBeVisible();
    await expect(cold.locator(".app-status")).toContainText(/As of \d\d:\d\d/);
    await cold.getByRole("link", { name: "Load more" }).click();
    await expect(cold.locator(".lib > li")).toHaveCount(100);
    await cold.getByPlaceholder("Filter by name, id or description").fill("heliograph");
    await expect(cold.locator(".lib > li")).toHaveCount(1);
    await cold.locator(".lib > li > a").click();
    await expect(cold.getByText("How the heliograph is polished. Look twice.")).toBeVisible();
    // The library of all volumes was never opened: it has what is here.
    await cold.goto("/artifacts");
    await expect(cold.locator(".lib > li")).toHaveCount(50);
    await cold.goto("/search?q=heliograph");
    await expect(cold.getByText(/on this device/)).toBeVisible({ timeout: 30_000 });
    await expect(cold.getByRole("link", { name: /beacon-0777/ }).first()).toBeVisible();

    // Cleared, it is gone.
    await context.setOffline(false);
    await server.begin();
    await cold.goto("/settings/offline");
    await ready(cold);
    await cold.getByRole("button", { name: "Clear" }).click();
    await expect(cold.getByText("Nothing is kept as a whole")).toBeVisible();
    expect(await cold.evaluate(async () => (await (await caches.open((await caches.keys()).find((name) => name.startsWith("llmos-pins-"))!)).keys()).length)).toBe(0);
    expected(problems);
  }, problems);
});

test("a pinned session has all that was said", async ({ problems }) => {
  test.setTimeout(180_000);
  await alone(async (page, server, context) => {
    const team = await createTeam(context.request, "Harbor Platform");
    const session = await beginSession(context.request, team, "A long talk");
    for (let number = 1; number <= 130; number += 1) await api(context.request, "POST", `/sessions/${session.id}/messages`, { text: `Said ${number}` });
    await page.goto(`/sessions/${session.id}`);
    await ready(page);
    await offlineReady(page);
    await page.getByLabel("Rename, export, archive, delete").click();
    await makeAvailable(page, /^13\d entries, /);
    await warm(page);
    await goOffline(page, server, context);
    const cold = await coldStart(context, `/sessions/${session.id}`, problems);
    await expect(cold.getByText("Said 130", { exact: true })).toBeVisible();
    await cold.locator(".log").evaluate((log) => log.scrollTo(0, -log.scrollHeight));
    await expect(cold.getByText("Said 1", { exact: true })).toBeVisible({ timeout: 30_000 });
    expected(problems);
  }, problems);
});

test("a text that was open before is written on without the server, survives a cold start and merges at the return", async ({ problems }) => {
  test.setTimeout(240_000);
  await alone(async (page, server, context) => {
    const team = await createTeam(context.request, "Harbor Platform");
    const skill = await createArtifact(context.request, team.volumeId, "Night watch", FIRST);
    await page.goto(`/artifacts/${skill.id}?tab=edit`);
    await ready(page);
    await editor(page);
    await offlineReady(page);
    await warm(page);
    await goOffline(page, server, context);
    const cold = await coldStart(context, `/artifacts/${skill.id}?tab=edit`, problems);
    await append(cold, "Written in a tunnel.\n");
    await expect(cold.getByText("Offline: kept on this device")).toBeVisible();
    await expect(cold.locator(".outbox-status")).toContainText("1 change waiting");
    await cold.close();
    const colder = await coldStart(context, `/artifacts/${skill.id}?tab=edit`, problems);
    await expect(await editor(colder)).toContainText("Written in a tunnel.");
    await append(colder, "And on.\n");

    // Others write meanwhile.
    await server.begin();
    const elsewhere = await sameElsewhere(server);
    await api(elsewhere, "PUT", `/artifacts/${skill.id}/draft`, { text: FIRST.replace("Look once.", "Look twice."), saves: 0 });
    await context.setOffline(false);
    await expect(await editor(colder)).toContainText("Look twice.", { timeout: 60_000 });
    await expect(colder.getByText(/Saved on disk/)).toBeVisible({ timeout: 60_000 });
    await expect(colder.locator(".outbox-status")).toBeEmpty({ timeout: 60_000 });
    const { text } = await api<Detail>(elsewhere, "GET", `/artifacts/${skill.id}`);
    expect(text).toBe(FIRST.replace("Look once.", "Look twice.") + "Written in a tunnel.\nAnd on.\n");
    expected(problems);
  }, problems);
});

test("a text that was only read is written beside its document, committed, and joined with what others wrote", async ({ problems }) => {
  test.setTimeout(240_000);
  await alone(async (page, server, context) => {
    const team = await createTeam(context.request, "Harbor Platform");
    const skill = await createArtifact(context.request, team.volumeId, "Night watch", FIRST);
    await page.goto(`/artifacts/${skill.id}`);
    await ready(page);
    await offlineReady(page);
    await warm(page);
    await goOffline(page, server, context);
    const cold = await coldStart(context, `/artifacts/${skill.id}?tab=edit`, problems);
    await append(cold, "Written in a tunnel.\n");
    await expect(cold.getByText("Offline: kept on this device")).toBeVisible();
    await expect(cold.locator(".outbox-status")).toContainText("1 change waiting");
    await cold.getByLabel("Message of the commit").fill("From the tunnel");
    await cold.getByRole("button", { name: "Commit", exact: true }).click();
    await expect(cold.locator(".outbox-status")).toContainText("2 changes waiting");

    await server.begin();
    const elsewhere = await sameElsewhere(server);
    await api(elsewhere, "PUT", `/artifacts/${skill.id}/draft`, { text: FIRST.replace("Look once.", "Look twice."), saves: 0 });
    await context.setOffline(false);
    await expect(cold.locator(".outbox-status")).toBeEmpty({ timeout: 60_000 });
    const joined = FIRST.replace("Look once.", "Look twice.") + "Written in a tunnel.\n";
    await expect.poll(async () => (await api<Detail>(elsewhere, "GET", `/artifacts/${skill.id}`)).text, { timeout: 30_000 }).toBe(joined);
    const { head } = await api<Detail>(elsewhere, "GET", `/artifacts/${skill.id}`);
    expect(head!.id).not.toBe(skill.revisionId);
    const { commits } = await api<{ commits: { message: string }[] }>(elsewhere, "GET", `/volumes/${team.volumeId}/commits`);
    expect(commits.filter((commit) => commit.message === "From the tunnel")).toHaveLength(1);
    expected(problems);
  }, problems);
});

test("an artifact that is made without the server is written, survives a cold start, and arrives once", async ({ problems }) => {
  test.setTimeout(240_000);
  await alone(async (page, server, context) => {
    const team = await createTeam(context.request, "Harbor Platform");
    await page.goto("/artifacts");
    await ready(page);
    await offlineReady(page);
    await warm(page);
    await goOffline(page, server, context);
    const cold = await coldStart(context, `/artifacts/new?volume=${team.volumeId}`, problems);
    await cold.getByLabel("Name").fill("Tunnel lamp");
    await cold.getByRole("button", { name: "Create" }).click();
    await expect(cold).toHaveURL(/\/artifacts\/[0-9a-f-]{36}\?tab=edit/);
    const address = new URL(cold.url());
    const id = address.pathname.split("/")[2]!;
    await append(cold, "Light it first.\n");
    await expect(cold.locator(".outbox-status")).toContainText("changes waiting");
    await cold.close();
    const colder = await coldStart(context, `${address.pathname}${address.search}`, problems);
    await expect(await editor(colder)).toContainText("Light it first.");
    await expect(colder.getByText("Made on this device")).toBeVisible();
    await expect(colder.locator(".outbox-status")).toContainText("changes waiting");

    await server.begin();
    const elsewhere = await sameElsewhere(server);
    await context.setOffline(false);
    await expect(colder.locator(".outbox-status")).toBeEmpty({ timeout: 60_000 });
    await expect.poll(async () => (await api<Detail>(elsewhere, "GET", `/artifacts/${id}`)).text.split("Light it first.").length, { timeout: 30_000 }).toBe(2);
    expect((await api<List>(elsewhere, "GET", `/artifacts?volume=${team.volumeId}`)).items.map(({ id }) => id)).toEqual([id]);
    await expect(colder.getByText("Made on this device")).toHaveCount(0, { timeout: 30_000 });
    expected(problems);
  }, problems);
});

test("who lost a team while offline reads nothing of it any more, and keeps what they wrote", async ({ problems }) => {
  test.setTimeout(240_000);
  await alone(async (page, server, context) => {
    const tomas = await somebodyElse(server, context.request, "Tomas Rey");
    const team = await createTeam(tomas.request, "Lighthouse");
    await joinTeam(tomas.request, context.request, team, "member");
    await importFiles(tomas.request, team.volumeId, [skillFile("beacon-one", "How a lamp is kept.")]);
    const session = await beginSession(tomas.request, team, "Leaving");
    const me = await api<{ person: { id: string } }>(context.request, "GET", "/me");
    await page.goto(`/volumes/${team.volumeId}`);
    await ready(page);
    await offlineReady(page);
    await makeAvailable(page, /^1 artifact, /);
    await page.goto(`/sessions/${session.id}`);
    await ready(page);
    await warm(page);
    await keeps(page, `/sessions/${session.id}/entries`);
    await goOffline(page, server, context);
    const cold = await coldStart(context, `/sessions/${session.id}`, problems);
    await cold.getByLabel("Message", { exact: true }).fill("Written too late");
    await cold.getByLabel("Message", { exact: true }).press("Enter");
    await expect(cold.locator(".outbox-status")).toContainText("1 change waiting");

    await server.begin();
    await api(tomas.request, "DELETE", `/teams/${team.id}/members/${me.person.id}`);
    await context.setOffline(false);
    await expect(cold.locator(".outbox-status")).toContainText("1 to look at", { timeout: 60_000 });
    await cold.goto("/settings/unsent");
    await ready(cold);
    await expect(cold.getByText(/does not exist, or it is not shared with you/)).toBeVisible();
    const [file] = await Promise.all([cold.waitForEvent("download"), cold.getByRole("button", { name: "Export" }).click()]);
    expect(readFileSync(await file.path(), "utf8")).toContain("Written too late");

    // Nothing of it is left on the device, also without the server.
    await goOffline(cold, server, context);
    const colder = await coldStart(context, `/artifacts?volume=${team.volumeId}`, problems);
    await expect(colder.getByText("beacon-one")).toHaveCount(0);
    const kept = await colder.evaluate(async () => {
      const found: string[] = [];
      for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const request of await cache.keys()) if ((await (await cache.match(request))!.text()).includes("beacon-one")) found.push(`${name} ${request.url}`);
      }
      return found;
    });
    expect(kept).toEqual([]);
    await tomas.request.dispose();
    expected(problems);
  }, problems);
});

test("who was signed out elsewhere while offline signs in again, and what they wrote arrives", async ({ problems }) => {
  test.setTimeout(240_000);
  await alone(async (page, server, context) => {
    const team = await createTeam(context.request, "Harbor Platform");
    const session = await beginSession(context.request, team, "Signed out");
    await page.goto(`/sessions/${session.id}`);
    await ready(page);
    await offlineReady(page);
    await warm(page);
    await goOffline(page, server, context);
    const cold = await coldStart(context, `/sessions/${session.id}`, problems);
    await cold.getByLabel("Message", { exact: true }).fill("Before I heard of it");
    await cold.getByLabel("Message", { exact: true }).press("Enter");
    await expect(cold.locator(".outbox-status")).toContainText("1 change waiting");

    await server.begin();
    const elsewhere = await sameElsewhere(server);
    const signIns = await api<{ id: string; current: boolean }[]>(elsewhere, "GET", "/me/sign-ins");
    for (const other of signIns.filter(({ current }) => !current)) await api(elsewhere, "DELETE", `/me/sign-ins/${other.id}`);
    await context.setOffline(false);
    await cold.goto("/");
    await signIn(cold, ADMIN);
    await ready(cold);
    type Entries = { items: { text?: string }[] };
    await expect
      .poll(async () => (await api<Entries>(elsewhere, "GET", `/sessions/${session.id}/entries`)).items.map(({ text }) => text).filter(Boolean), { timeout: 60_000 })
      .toEqual(["Before I heard of it"]);
    expected(problems);
  }, problems);
});

test("analytics shows the last figures with their age", async ({ problems }) => {
  test.setTimeout(240_000);
  await alone(async (page, server, context) => {
    const team = await createTeam(context.request, "Harbor Platform");
    await beginSession(context.request, team, "Counted");
    await page.goto("/analytics");
    await ready(page);
    await offlineReady(page);
    await page.reload();
    await ready(page);
    await expect(page.locator("#main")).toContainText("Sessions");
    const shown = await page.locator("#main").innerText();
    await warm(page);
    await goOffline(page, server, context);
    const cold = await coldStart(context, "/analytics", problems);
    await expect(cold.locator(".app-status")).toContainText(/As of \d\d:\d\d/);
    await expect(cold.locator("#main")).toContainText("Sessions");
    await expect(cold.getByText("These are the last numbers that this device has: the server cannot be reached.")).toContainText(/As of \d\d:\d\d/);
    expect((await cold.locator("#main").innerText()).split("\n").slice(0, 3)).toEqual(shown.split("\n").slice(0, 3));
    expected(problems);
  }, problems);
});
