// A day on a train: the app is installed, the server and the network go, everything is read and written on, and comes home in order.
import { alone, coldStart, expected, goOffline, keeps, makeAvailable, offlineReady, sameElsewhere, skillFile, somebodyElse, warm, workerOf } from "../fixtures/app.js";
import { api, append, beginSession, createTeam, editor, expect, importFiles, joinTeam, ready, test } from "../fixtures/index.js";
import { devices } from "@playwright/test";

type Entries = { items: { text?: string; author?: { name: string } }[] };
type List = { items: { id: string; name: string }[] };
type Detail = { text: string; summary: { headRevisionId: string } };

const texts = (list: Entries) => list.items.map((entry) => entry.text).filter(Boolean);

test("installed, offline from a cold start, and back: everything arrives once, in order, merged @phone", async ({ problems, isMobile }) => {
  test.skip(!isMobile, "the phone's own");
  test.setTimeout(400_000);
  const { viewport, userAgent, deviceScaleFactor, hasTouch } = devices["Pixel 7"];
  await alone(async (page, server, context) => {
    const origin = `http://${server.address}`;
    await context.grantPermissions(["notifications"], { origin });
    const team = await createTeam(context.request, "Harbor Platform");
    const tomas = await somebodyElse(server, context.request, "Tomas Rey");
    await joinTeam(context.request, tomas.request, team, "member");
    const files = Array.from({ length: 1_000 }, (_, number) => skillFile(`beacon-${String(number).padStart(4, "0")}`, number === 777 ? "How the heliograph is polished." : "How a lamp is kept."));
    await importFiles(context.request, team.volumeId, files);
    const session = await beginSession(context.request, team, "On the train");
    await api(context.request, "POST", `/sessions/${session.id}/messages`, { text: "Before the tunnel" });

    // Nothing keeps the browser from installing it.
    await page.goto(`/volumes/${team.volumeId}`);
    await ready(page);
    await offlineReady(page);
    const devtools = await context.newCDPSession(page);
    const { installabilityErrors } = await devtools.send("Page.getInstallabilityErrors");
    expect(installabilityErrors.map(({ errorId }) => errorId)).toEqual([]);
    await makeAvailable(page, /^1,000 artifacts, .*as of/);
    await page.goto(`/sessions/${session.id}`);
    await ready(page);
    await expect(page.getByText("Before the tunnel")).toBeVisible();
    await warm(page);
    await keeps(page, `/sessions/${session.id}/entries`);
    await goOffline(page, server, context);

    // Cold: it is read and searched.
    const cold = await coldStart(context, `/artifacts?volume=${team.volumeId}`, problems);
    await expect(cold.locator(".lib > li")).toHaveCount(50);
    await cold.goto("/search?q=heliograph");
    await expect(cold.getByRole("link", { name: /beacon-0777/ }).first()).toBeVisible({ timeout: 60_000 });

    // Messages, in order.
    await cold.goto(`/sessions/${session.id}`);
    await ready(cold);
    await expect(cold.getByText("Before the tunnel")).toBeVisible();
    for (const text of ["One", "Two", "Three"]) {
      await cold.getByLabel("Message", { exact: true }).fill(text);
      await cold.getByRole("button", { name: "Send", exact: true }).click();
    }
    await expect(cold.locator(".outbox-status")).toContainText("3 changes waiting");

    // Two skills that were never opened in the editor: both are written on, one is committed.
    const ids: string[] = [];
    for (const name of ["beacon-0003", "beacon-0004"]) {
      await cold.goto(`/artifacts?volume=${team.volumeId}`);
      await ready(cold);
      await cold.getByPlaceholder("Filter by name, id or description").fill(name);
      await expect(cold.locator(".lib > li")).toHaveCount(1);
      await cold.locator(".lib > li > a").click();
      await expect(cold).toHaveURL(/\/artifacts\/[0-9a-f-]{36}/);
      const id = new URL(cold.url()).pathname.split("/")[2]!;
      ids.push(id);
      await cold.getByRole("link", { name: "Edit", exact: true }).first().click();
      await append(cold, `Written in a tunnel: ${name}.\n`);
      await expect(cold.getByText("Offline: kept on this device")).toBeVisible();
      await expect(cold.locator(".outbox-status")).toContainText(`${3 + ids.length} changes waiting`);
    }
    await expect(cold.locator(".outbox-status")).toContainText("5 changes waiting");
    await cold.getByRole("button", { name: "Commit", exact: true }).click();
    await expect(cold.locator(".outbox-status")).toContainText("6 changes waiting");

    // A session of one's own.
    await cold.goto("/sessions?new");
    await ready(cold);
    const dialog = cold.getByRole("dialog", { name: "New session" });
    await dialog.getByLabel("Title").fill("Begun in the tunnel");
    await dialog.getByRole("button", { name: "Begin" }).click();
    await expect(cold).toHaveURL(/\/sessions\/[0-9a-f-]{36}/);
    const begun = new URL(cold.url()).pathname.split("/")[2]!;
    await cold.getByLabel("Message", { exact: true }).fill("First words");
    await cold.getByRole("button", { name: "Send", exact: true }).click();
    await expect(cold.locator(".outbox-status")).toContainText("8 changes waiting");

    // Others go on meanwhile.
    await server.begin();
    await api(tomas.request, "POST", `/sessions/${session.id}/messages`, { text: "Meanwhile" });
    const theirs = await api<Detail>(tomas.request, "GET", `/artifacts/${ids[0]}`);
    await api(tomas.request, "PUT", `/artifacts/${ids[0]}/draft`, { text: theirs.text.replace("# beacon-0003", "# Beacon 0003"), saves: 0 });
    await context.setOffline(false);
    await expect(cold.locator(".outbox-status")).toBeEmpty({ timeout: 120_000 });

    const elsewhere = await sameElsewhere(server);
    expect(texts(await api<Entries>(elsewhere, "GET", `/sessions/${session.id}/entries`))).toEqual(["Before the tunnel", "Meanwhile", "One", "Two", "Three"]);
    expect(texts(await api<Entries>(elsewhere, "GET", `/sessions/${begun}/entries`))).toEqual(["First words"]);
    const first = await api<Detail>(elsewhere, "GET", `/artifacts/${ids[0]}`);
    expect(first.text).toBe(`${theirs.text.replace("# beacon-0003", "# Beacon 0003")}Written in a tunnel: beacon-0003.\n`);
    const second = await api<Detail>(elsewhere, "GET", `/artifacts/${ids[1]}`);
    expect(second.text.split("Written in a tunnel: beacon-0004.")).toHaveLength(2);
    const { commits } = await api<{ commits: { message: string }[] }>(elsewhere, "GET", `/volumes/${team.volumeId}/commits`);
    expect(commits.map(({ message }) => message).filter((message) => message === "Update beacon-0004")).toHaveLength(1);
    expect((await api<List>(elsewhere, "GET", `/artifacts?volume=${team.volumeId}&q=beacon-0003`)).items).toHaveLength(1);

    // A push message opens the right page.
    await cold.goto("/");
    await ready(cold);
    const { devtools: worker, registrationId } = await workerOf(context, cold, server);
    await worker.send("ServiceWorker.deliverPushMessage", {
      origin,
      registrationId,
      data: JSON.stringify({ title: "Tomas Rey", body: "On the train: Meanwhile", url: `/sessions/${session.id}?entry=2`, tag: `session-${session.id}`, ids: [crypto.randomUUID()] }),
    });
    const scope = context.serviceWorkers().find((one) => one.url().startsWith(origin))!;
    await expect.poll(() => scope.evaluate(async () => (await (globalThis as any).registration.getNotifications()).length), { timeout: 30_000 }).toBe(1);
    await scope.evaluate(async () => {
      const own = globalThis as any;
      const [notification] = await own.registration.getNotifications();
      // Only in answer to a person may a window come to the front.
      own.WindowClient.prototype.focus = async function () {
        return this;
      };
      own.dispatchEvent(new own.NotificationEvent("notificationclick", { notification, action: "open" }));
    });
    await expect(cold).toHaveURL(new RegExp(`/sessions/${session.id}\\?entry=2`), { timeout: 30_000 });
    await tomas.request.dispose();
    expected(problems);
  }, problems, {}, { viewport, userAgent, deviceScaleFactor, hasTouch, isMobile: true });
});
