// What can go wrong on a device, each as far as the browser lets a test bring it about.
import { alone, coldStart, expected, goOffline, offlineReady, sameElsewhere, skillFile, warm } from "../fixtures/app.js";
import { ADMIN, api, append, beginSession, createArtifact, createTeam, editor, expect, importFiles, keepsChanges, ready, test } from "../fixtures/index.js";

type Entries = { items: { text?: string; createdAt: number }[] };
const texts = (list: Entries) => list.items.map((entry) => entry.text).filter(Boolean);
/** In the page, before its own scripts: the person wants to save data. */
const savesData = () => void Object.defineProperty(Navigator.prototype, "connection", { get: () => ({ saveData: true }) });

test("a full disk: what was wanted as a whole says that not all of it is here, and nothing else breaks", async ({ problems }) => {
  test.setTimeout(180_000);
  await alone(async (page, server, context) => {
    // Nothing of the build is fetched ahead: it would be thrown away for what is opened meanwhile, and the volume have its room.
    await page.addInitScript(savesData);
    const team = await createTeam(context.request, "Harbor Platform");
    await importFiles(context.request, team.volumeId, Array.from({ length: 200 }, (_, number) => skillFile(`beacon-${number}`, `How a lamp is kept. ${"Polish it. ".repeat(2_000)}`)));
    const session = await beginSession(context.request, team, "No room");
    await page.goto(`/volumes/${team.volumeId}`);
    await ready(page);
    await offlineReady(page);
    const used = await page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
    const devtools = await context.newCDPSession(page);
    const origin = `http://${server.address}`;
    await devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: used + 2 * 1024 * 1024 });
    await page.getByRole("switch", { name: "Available offline" }).check();
    await expect(page.getByText("There is no room on this device for all of it.")).toBeVisible({ timeout: 120_000 });
    await page.goto(`/sessions/${session.id}`);
    await ready(page);
    await page.getByLabel("Message", { exact: true }).fill("It still works");
    await page.getByLabel("Message", { exact: true }).press("Enter");
    await expect.poll(async () => texts(await api<Entries>(context.request, "GET", `/sessions/${session.id}/entries`))).toEqual(["It still works"]);
    // Room again: it goes on.
    await devtools.send("Storage.overrideQuotaForOrigin", { origin });
    await page.goto("/settings/offline");
    await ready(page);
    await page.getByRole("button", { name: /^Compare .* with the server/ }).click();
    await expect(page.getByText(/^200 artifacts, /)).toBeVisible({ timeout: 120_000 });
    expected(problems);
  }, problems);
});

test("a window in which the browser keeps nothing: pages, messages and texts work, and the outbox says what it cannot", async ({ page, team, problems }) => {
  // As in private windows of some browsers.
  await page.addInitScript(() => {
    for (const name of ["indexedDB", "caches"]) Object.defineProperty(globalThis, name, { value: undefined });
    Object.defineProperty(Navigator.prototype, "serviceWorker", { get: () => undefined });
    delete (Navigator.prototype as unknown as Record<string, unknown>).serviceWorker;
  });
  const request = page.context().request;
  const session = await beginSession(request, team, "Private");
  const skill = await createArtifact(request, team.volumeId, "Night watch", "---\nname: night-watch\ndescription: x\n---\n\nLook once.\n");
  await page.goto(`/artifacts/${skill.id}?tab=edit`);
  await append(page, "Twice.\n");
  await expect(page.getByText(/Saved on disk/)).toBeVisible({ timeout: 30_000 });
  await page.goto(`/volumes/${team.volumeId}`);
  await ready(page);
  await expect(page.getByText(/keeps nothing for when there is no network/)).toBeVisible();
  await expect(page.getByRole("switch", { name: "Available offline" })).toBeDisabled();
  await page.goto(`/sessions/${session.id}`);
  await ready(page);
  await keepsChanges(page);
  await page.context().setOffline(true);
  await page.getByLabel("Message", { exact: true }).fill("Only in this window");
  await page.getByLabel("Message", { exact: true }).press("Enter");
  await expect(page.getByText("Waiting for the server")).toBeVisible();
  await page.context().setOffline(false);
  await expect.poll(async () => texts(await api<Entries>(request, "GET", `/sessions/${session.id}/entries`)), { timeout: 30_000 }).toEqual(["Only in this window"]);
  expected(problems);
});

test("a worker of an older version, and caches that it left, give way", async ({ problems }) => {
  test.setTimeout(180_000);
  await alone(async (page, server, context) => {
    // What one of years ago may have left, and what is none of ours.
    await page.goto("/");
    await page.evaluate(async () => {
      for (const name of ["llmos-pages-v1", "llmos-precache-v0", "somebody-elses"]) await (await caches.open(name)).put("/x", new Response("old"));
    });
    await page.evaluate(async () => (await navigator.serviceWorker.getRegistration("/"))?.unregister());
    await page.reload();
    await offlineReady(page);
    await expect.poll(() => page.evaluate(() => caches.keys()).then((names) => names.filter((name) => /v1|v0|somebody/.test(name)))).toEqual(["somebody-elses"]);
    // Another build, whose pages have other files.
    await server.kill();
    await server.begin({ WS_URL: `ws://${server.address}` });
    await page.evaluate(async () => (await navigator.serviceWorker.getRegistration("/"))!.update());
    await expect(page.getByRole("button", { name: "New version: load it" })).toBeVisible({ timeout: 60_000 });
    // Nobody pressed it: the next start is the newer one, once no window is open any more; the browser takes a moment to see that.
    await page.close();
    const next = await context.newPage();
    const isStillOld = async () => {
      await next.goto("/artifacts");
      await ready(next);
      const isOld = await next.evaluate(async () => Boolean((await navigator.serviceWorker.getRegistration("/"))?.waiting));
      // Until the next look no window of the app is open.
      if (isOld) await next.goto("about:blank");
      return isOld;
    };
    await expect.poll(isStillOld, { timeout: 60_000, intervals: [1_000, 2_000, 4_000] }).toBe(false);
    await expect(next.getByRole("heading", { name: "Library" })).toBeVisible();
    await expect(next.getByRole("button", { name: "New version: load it" })).toHaveCount(0);
    expected(problems);
  }, problems);
});

for (const days of [-5, 5]) {
  test(`a clock that is ${Math.abs(days)} days ${days < 0 ? "behind" : "ahead"}: what is made offline is taken, in order`, async ({ problems }) => {
    test.setTimeout(180_000);
    await alone(async (page, server, context) => {
      await context.addInitScript((off: number) => {
        const Real = Date;
        const shifted = class extends Real {
          constructor(...given: unknown[]) {
            super(...((given.length ? given : [Real.now() + off]) as []));
          }
          static override now = () => Real.now() + off;
        };
        globalThis.Date = shifted as DateConstructor;
      }, days * 86_400_000);
      await createTeam(context.request, "Harbor Platform");
      await page.goto("/sessions");
      await ready(page);
      await offlineReady(page);
      await expect.poll(() => page.evaluate(() => localStorage.getItem("llmos-clock"))).toContain("ahead");
      await warm(page);
      await goOffline(page, server, context);
      const cold = await coldStart(context, "/sessions?new", problems);
      const dialog = cold.getByRole("dialog", { name: "New session" });
      await dialog.getByLabel("Title").fill("Another day");
      await dialog.getByRole("button", { name: "Begin" }).click();
      await expect(cold).toHaveURL(/\/sessions\/[0-9a-f-]{36}/);
      const id = new URL(cold.url()).pathname.split("/")[2]!;
      for (const text of ["One", "Two"]) {
        await cold.getByLabel("Message", { exact: true }).fill(text);
        await cold.getByLabel("Message", { exact: true }).press("Enter");
      }
      await expect(cold.locator(".outbox-status")).toContainText("3 changes waiting");
      await server.begin();
      await context.setOffline(false);
      await expect(cold.locator(".outbox-status")).toBeEmpty({ timeout: 60_000 });
      const elsewhere = await sameElsewhere(server);
      const entries = await api<Entries>(elsewhere, "GET", `/sessions/${id}/entries`);
      expect(texts(entries)).toEqual(["One", "Two"]);
      for (const { createdAt } of entries.items) expect(Math.abs(createdAt - Date.now())).toBeLessThan(600_000);
      expected(problems);
    }, problems);
  });
}

test("a proxy that answers everything with its sign-in page: nothing counts as sent, and nothing as refused", async ({ problems }) => {
  test.setTimeout(180_000);
  await alone(async (page, _server, context) => {
    const team = await createTeam(context.request, "Harbor Platform");
    const session = await beginSession(context.request, team, "At the station");
    await page.goto(`/sessions/${session.id}`);
    await ready(page);
    await offlineReady(page);
    await context.route(/\/api\/v1\//, (route) => route.fulfill({ status: 200, contentType: "text/html", body: "<form>Sign in to the network</form>" }));
    await page.getByLabel("Message", { exact: true }).fill("Held up");
    await page.getByLabel("Message", { exact: true }).press("Enter");
    await expect(page.getByText("Waiting for the server")).toBeVisible();
    await expect(page.locator(".outbox-status")).toContainText("1 change waiting");
    await page.waitForTimeout(3_000);
    await expect(page.locator(".outbox-status")).toContainText("1 change waiting");
    await context.unroute(/\/api\/v1\//);
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await expect(page.locator(".outbox-status")).toBeEmpty({ timeout: 60_000 });
    expect(texts(await api<Entries>(context.request, "GET", `/sessions/${session.id}/entries`))).toEqual(["Held up"]);
    expected(problems);
  }, problems);
});

test("half a WebAssembly is never kept, and the page starts with the whole one", async ({ problems }) => {
  test.setTimeout(240_000);
  await alone(async (page, server, context) => {
    // The worker's own requests pass here too; the page has what it asks for itself.
    await context.route(/\/pkg\/.*\.wasm$/, async (route) => {
      if (!route.request().serviceWorker()) return route.continue();
      const answer = await route.fetch();
      const whole = await answer.body();
      return route.fulfill({ response: answer, body: whole.subarray(0, whole.length / 2) });
    });
    await page.goto("/");
    await ready(page);
    await page.waitForTimeout(8_000);
    // The worker is not there without it; pages go on as if there were none.
    expect(await page.evaluate(async () => Boolean((await navigator.serviceWorker.getRegistration("/"))?.active))).toBe(false);
    // Not as late as the end: what a dead server does not answer would be waited for.
    await context.unrouteAll({ behavior: "ignoreErrors" });
    await page.reload();
    await ready(page);
    await offlineReady(page);
    await warm(page);
    await goOffline(page, server, context);
    const cold = await coldStart(context, "/", problems);
    await expect(cold.getByRole("navigation", { name: "Main", exact: true })).toBeVisible();
    expected(problems);
    problems.splice(0, problems.length, ...problems.filter((problem) => !/integrity|bad-precaching|ServiceWorker/i.test(problem)));
  }, problems);
});

test("the server dies while it is written: the text stands there, and arrives", async ({ problems }) => {
  test.setTimeout(180_000);
  await alone(async (page, server, context) => {
    const team = await createTeam(context.request, "Harbor Platform");
    const skill = await createArtifact(context.request, team.volumeId, "Night watch", "---\nname: night-watch\ndescription: x\n---\n\nLook once.\n");
    await page.goto(`/artifacts/${skill.id}?tab=edit`);
    await ready(page);
    await editor(page);
    await offlineReady(page);
    await warm(page);
    await server.kill();
    // The browser believes to be online.
    await append(page, "Written while nobody listened.\n");
    await expect(page.getByText("Reconnecting: kept on this device")).toBeVisible({ timeout: 30_000 });
    await page.reload();
    await ready(page);
    await expect(await editor(page)).toContainText("Written while nobody listened.", { timeout: 30_000 });
    await server.begin();
    const elsewhere = await sameElsewhere(server, ADMIN);
    await expect.poll(async () => (await api<{ text: string }>(elsewhere, "GET", `/artifacts/${skill.id}`)).text.split("nobody listened").length, { timeout: 60_000 }).toBe(2);
    expected(problems);
  }, problems);
});

test("who saves data gets what is opened, and nothing ahead of it", async ({ problems }) => {
  test.setTimeout(120_000);
  await alone(async (page) => {
    await page.addInitScript(savesData);
    await page.goto("/");
    await ready(page);
    await offlineReady(page);
    await page.waitForTimeout(8_000);
    const kept = await page.evaluate(async () => (await (await caches.open("llmos-assets")).keys()).map(({ url }) => new URL(url).pathname));
    expect(kept.filter((path) => /\/vendor\/(editor|charts|signing)\./.test(path))).toEqual([]);
    expected(problems);
  }, problems);
});
