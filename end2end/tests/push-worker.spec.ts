// Push messages as the worker shows them: grouped, with acts, leading to the right page. The browser here has no push service: they are delivered over its tools.
import type { Worker } from "@playwright/test";
import { alone, expected, offlineReady, somebodyElse, workerOf } from "../fixtures/app.js";
import { api, beginSession, createTeam, expect, joinTeam, ready, test } from "../fixtures/index.js";

type Entries = { items: { text?: string }[] };

/** A press on a message that is shown. Systems do it; here its event is made by hand, with what it may do only in answer to a person. */
const press = (worker: Worker, action: string, reply?: string) =>
  worker.evaluate(async ({ action, reply }) => {
    // The worker's own scope, which these tests have no types of.
    const scope = globalThis as any;
    const [notification] = await scope.registration.getNotifications();
    scope.clients.openWindow = async (url: string) => ((scope.opened = url), null);
    scope.WindowClient.prototype.focus = async function () {
      return this;
    };
    const event = new scope.NotificationEvent("notificationclick", { notification, action });
    let done: Promise<unknown> = Promise.resolve();
    Object.defineProperty(event, "waitUntil", { value: (work: Promise<unknown>) => (done = work) });
    Object.defineProperty(event, "reply", { value: reply });
    scope.dispatchEvent(event);
    await done;
    // It is closed a moment later; one of the same session that comes before that would be closed with it.
    while ((await scope.registration.getNotifications()).length) await new Promise((again) => setTimeout(again, 20));
    return scope.opened as string | undefined;
  }, { action, reply });

test("messages about one session are one, lead to it, and are answered from where they stand", async ({ problems }) => {
  test.setTimeout(180_000);
  await alone(async (page, server, context) => {
    const origin = `http://${server.address}`;
    await context.grantPermissions(["notifications"], { origin });
    const team = await createTeam(context.request, "Harbor Platform");
    const session = await beginSession(context.request, team, "One way to review");
    await page.goto("/");
    await ready(page);
    await offlineReady(page);
    const { devtools, registrationId } = await workerOf(context, page, server);
    const me = await api<{ person: { id: string } }>(context.request, "GET", "/me");
    const worker = context.serviceWorkers().find((one) => one.url().startsWith(origin)) ?? (await context.waitForEvent("serviceworker"));
    const deliver = (body: string, id: string, account = me.person.id) =>
      devtools.send("ServiceWorker.deliverPushMessage", {
        origin,
        registrationId,
        data: JSON.stringify({ account, title: "Tomas Rey named you", body, url: `/sessions/${session.id}?entry=1`, tag: `session-${session.id}`, ids: [id] }),
      });
    await deliver("One way to review: look", crypto.randomUUID());
    await deliver("One way to review: and here", crypto.randomUUID());
    const shown = () =>
      worker.evaluate(async () => {
        const list = await (globalThis as any).registration.getNotifications();
        return list.map(({ title, body, data, actions }: any) => ({ title, body, count: data.count, acts: actions?.map(({ action }: any) => action) }));
      });
    await expect.poll(shown, { timeout: 30_000 }).toEqual([{ title: "Tomas Rey named you", body: "One way to review: and here\nand 1 more", count: 2, acts: ["open", "reply"] }]);

    await press(worker, "reply", "On my way");
    await expect.poll(async () => (await api<Entries>(context.request, "GET", `/sessions/${session.id}/entries`)).items.map((entry) => entry.text).filter(Boolean), { timeout: 30_000 }).toEqual(["On my way"]);

    await deliver("One way to review: once more", crypto.randomUUID());
    await expect.poll(async () => (await shown()).length).toBe(1);
    await press(worker, "open");
    await expect(page).toHaveURL(new RegExp(`/sessions/${session.id}\\?entry=1`), { timeout: 30_000 });

    // What told somebody else is not answered in this one's name: it is written on the page, where one sees who one is.
    await deliver("One way to review: for another", crypto.randomUUID(), crypto.randomUUID());
    await expect.poll(async () => (await shown()).length).toBe(1);
    await press(worker, "reply", "In the wrong name");
    await expect(page).toHaveURL(new RegExp(`/sessions/${session.id}\\?entry=1&reply`), { timeout: 30_000 });
    expect((await api<Entries>(context.request, "GET", `/sessions/${session.id}/entries`)).items.map((entry) => entry.text)).not.toContain("In the wrong name");

    // Where messages take no text it is written on the page.
    await deliver("One way to review: again", crypto.randomUUID());
    await expect.poll(async () => (await shown()).length).toBe(1);
    await press(worker, "reply");
    await expect(page.getByLabel("Message", { exact: true })).toBeFocused({ timeout: 30_000 });

    // Where it cannot be kept, what was typed stands on the page.
    await worker.evaluate(() => {
      IDBFactory.prototype.open = () => {
        throw new DOMException("no room", "UnknownError");
      };
    });
    await deliver("One way to review: and again", crypto.randomUUID());
    await expect.poll(async () => (await shown()).length).toBe(1);
    await press(worker, "reply", "Typed in the message");
    await expect(page.getByLabel("Message", { exact: true })).toHaveValue("Typed in the message", { timeout: 30_000 });
    expected(problems);
  }, problems);
});

test("the number of unread notifications is on the app's icon", async ({ problems }) => {
  test.setTimeout(120_000);
  await alone(async (page, server, context) => {
    await page.addInitScript(() => {
      const told: number[] = [];
      Object.assign(globalThis, { told });
      Object.assign(Navigator.prototype, { setAppBadge: async (count: number) => void told.push(count), clearAppBadge: async () => void told.push(0) });
    });
    const team = await createTeam(context.request, "Harbor Platform");
    const tomas = await somebodyElse(server, context.request, "Tomas Rey");
    await joinTeam(context.request, tomas.request, team, "member");
    const session = await beginSession(context.request, team, "One way to review");
    await page.goto("/");
    await ready(page);
    await offlineReady(page);
    // By the page, which is told; the worker counts what it reads itself.
    await page.waitForFunction(() => performance.getEntriesByType("resource").some(({ name }) => name.includes("/vendor/pwa")));
    const shown = () => page.evaluate(() => (globalThis as unknown as { told: number[] }).told.at(-1));
    await api(tomas.request, "POST", `/sessions/${session.id}/messages`, { text: "@MayaOkafor, the lamp is out." });
    await expect.poll(shown, { timeout: 30_000 }).toBe(1);
    await api(tomas.request, "POST", `/sessions/${session.id}/messages`, { text: "@MayaOkafor, and again." });
    await expect.poll(shown, { timeout: 30_000 }).toBe(2);
    await api(context.request, "POST", "/notifications/read-all", {});
    await expect.poll(shown, { timeout: 30_000 }).toBe(0);
    await tomas.request.dispose();
    expected(problems);
  }, problems);
});

test("the browser's own reminder looks for what is new", async ({ problems }) => {
  test.setTimeout(180_000);
  await alone(async (page, server, context) => {
    const team = await createTeam(context.request, "Harbor Platform");
    await page.goto(`/volumes/${team.volumeId}`);
    await ready(page);
    await offlineReady(page);
    await page.getByRole("switch", { name: "Available offline" }).check();
    await expect(page.getByText(/^0 artifacts, /)).toBeVisible({ timeout: 60_000 });
    await api(context.request, "POST", "/artifacts", { volumeId: team.volumeId, kind: "skill", name: "Night watch" });
    // As if it had been long ago.
    await page.evaluate(async () => {
      const cache = await caches.open((await caches.keys()).find((name) => name.startsWith("llmos-pins-"))!);
      for (const { url } of await cache.keys()) {
        if (!/\/pinned\/volume\/[^/]+$/.test(url)) continue;
        const pin = (await (await cache.match(url))!.json()) as { at: number };
        await cache.put(url, new Response(JSON.stringify({ ...pin, at: pin.at - 3_600_000 })));
      }
    });
    const { devtools, origin, registrationId } = await workerOf(context, page, server);
    await devtools.send("ServiceWorker.dispatchPeriodicSyncEvent", { origin, registrationId, tag: "llmos-refresh" });
    await page.goto("/settings/offline");
    await ready(page);
    await expect(page.getByText(/^1 artifact, /)).toBeVisible({ timeout: 60_000 });
    expected(problems);
  }, problems);
});
