// The app without a network: installable, started cold with the server gone, private to whoever is signed in, renewed without interrupting, recalled.
import path from "node:path";
import type { Page } from "@playwright/test";
import { whole } from "../browser.js";
import { alone, expected, offlineReady } from "../fixtures/app.js";
import { ADMIN, api, beginSession, checkAccessible, createArtifact, createTeam, expect, ready, test, watch } from "../fixtures/index.js";

test.use({ launchOptions: whole, serviceWorkers: "allow" });

/** Who signs out is taken to another document: where one goes while it is asked, the next asking finds out. */
const caches = (page: Page) => page.evaluate(() => globalThis.caches.keys()).catch(() => ["llmos-state-unknown"]);
const kept = async (page: Page) => (await caches(page)).filter((name) => /^llmos-(reads|pictures|pins|shared|state)/.test(name));
/** Which paths below /api/v1 are kept of whoever is signed in. */
const paths = (page: Page) =>
  page.evaluate(async () => {
    const names = (await globalThis.caches.keys()).filter((name) => name.startsWith("llmos-reads-"));
    const lists = await Promise.all(names.map(async (name) => (await globalThis.caches.open(name)).keys()));
    return lists.flat().map(({ url }) => new URL(url).pathname.replace("/api/v1", ""));
  });

test("the browser finds nothing that keeps it from installing the app", async ({ problems }) => {
  test.setTimeout(120_000);
  await alone(async (page, server, context) => {
    await page.goto("/");
    await offlineReady(page);
    const devtools = await context.newCDPSession(page);
    const { installabilityErrors } = await devtools.send("Page.getInstallabilityErrors");
    expect(installabilityErrors).toEqual([]);
    const { url, errors } = await devtools.send("Page.getAppManifest");
    expect(url).toBe(`http://${server.address}/manifest.webmanifest`);
    expect(errors).toEqual([]);
    const manifest = (await (await context.request.get("/manifest.webmanifest")).json()) as { icons: { src: string }[]; screenshots: { src: string }[]; shortcuts: { url: string; icons: { src: string }[] }[] };
    for (const { src } of [...manifest.icons, ...manifest.screenshots, ...manifest.shortcuts.flatMap((shortcut) => shortcut.icons)]) {
      const answer = await context.request.get(src);
      expect(answer.ok() && answer.headers()["content-type"]!.startsWith("image/"), src).toBe(true);
    }
    await page.goto("/settings/app");
    await ready(page);
    await expect(page.getByRole("heading", { name: "LLMos-Lite as an app" })).toBeVisible();
    await expect(page.getByText("The app starts without a network")).toBeVisible();
    await checkAccessible(page);
  }, problems);
});

test("it starts cold while the server is gone, reads what was seen, and says how old that is", async ({ problems }) => {
  test.setTimeout(180_000);
  await alone(async (page, server, context) => {
    const team = await createTeam(context.request, "Harbor Platform");
    const skill = await createArtifact(context.request, team.volumeId, "Night watch", "---\nname: night-watch\ndescription: Who looks at the lamp.\n---\n\nLook at the lamp twice.\n");
    const session = await beginSession(context.request, team, "One way to review");
    await page.goto("/");
    await offlineReady(page);
    // One is seen as the server sent it, the others within the app.
    await page.goto(`/artifacts/${skill.id}`);
    await ready(page);
    await expect(page.getByText("Look at the lamp twice.")).toBeVisible();
    await page.getByRole("link", { name: "Sessions", exact: true }).first().click();
    await page.getByRole("link", { name: /One way to review/ }).first().click();
    await expect(page).toHaveURL(new RegExp(session.id));
    await expect.poll(async () => (await paths(page)).some((path) => path === `/artifacts/${skill.id}`), { timeout: 30_000 }).toBe(true);
    await expect.poll(async () => (await paths(page)).includes(`/sessions/${session.id}`)).toBe(true);
    const lazy = () => page.evaluate(async () => (await (await globalThis.caches.open("llmos-assets")).keys()).length);
    await expect.poll(lazy, { timeout: 60_000 }).toBeGreaterThan(0);
    await page.close();
    await server.kill();
    await context.setOffline(true);

    const cold = await context.newPage();
    watch(cold, problems);
    await cold.goto("/");
    await ready(cold);
    expect(await cold.evaluate(() => document.documentElement.hasAttribute("data-shell"))).toBe(true);
    await cold.goto(`/artifacts/${skill.id}`);
    await expect(cold.getByText("Look at the lamp twice.")).toBeVisible();
    await expect(cold.locator(".app-status")).toContainText(/As of \d\d:\d\d/);
    await cold.goto(`/sessions/${session.id}`);
    await expect(cold.getByRole("heading", { name: "One way to review" })).toBeVisible();
    // The shortcuts of the installed app.
    await cold.goto("/sessions?new");
    await expect(cold.getByRole("dialog", { name: "New session" })).toBeVisible();
    await checkAccessible(cold);

    await context.setOffline(false);
    await server.begin();
    await cold.goto(`/artifacts/${skill.id}`);
    await ready(cold);
    await expect(cold.locator(".app-status")).toBeEmpty();

    // Forgotten on request, but for what each page needs.
    await cold.goto("/settings/offline");
    await ready(cold);
    await expect(cold.getByText(/^[1-9]\d* answers, .*the oldest as of/)).toBeVisible();
    await cold.getByRole("button", { name: "Forget what was opened" }).click();
    await expect.poll(() => paths(cold)).not.toContain(`/artifacts/${skill.id}`);
    expect(await paths(cold)).toContain("/me");
    expected(problems);
  }, problems);
});

test("nothing of an account stays when it signs out, here or elsewhere", async ({ page, account, browser }) => {
  test.setTimeout(120_000);
  await page.goto("/artifacts");
  await offlineReady(page);
  await expect.poll(async () => (await paths(page)).includes("/me"), { timeout: 30_000 }).toBe(true);
  for (const path of await paths(page)) expect(path).not.toMatch(/tokens|sign-ins|audit|admin|export/);

  // Somebody ends this sign-in on another device.
  const elsewhere = await browser.newContext();
  await api(elsewhere.request, "POST", "/sign-in", { email: account.email, password: account.password });
  const signIns = await api<{ id: string; current: boolean }[]>(elsewhere.request, "GET", "/me/sign-ins");
  for (const one of signIns.filter((one) => !one.current)) await api(elsewhere.request, "DELETE", `/me/sign-ins/${one.id}`);
  await elsewhere.close();
  await page.goto("/");
  await expect(page).toHaveURL(/\/login/);
  await expect.poll(() => kept(page)).toEqual([]);

  await page.getByLabel("E-mail").fill(account.email);
  await page.getByLabel("Password", { exact: true }).fill(account.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL((url) => !url.pathname.startsWith("/login"));
  await page.goto("/settings/security");
  await ready(page);
  await expect.poll(async () => (await kept(page)).length, { timeout: 30_000 }).toBeGreaterThan(0);
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.waitForURL(/\/login/);
  await expect.poll(() => kept(page)).toEqual([]);
});

test("a newer version waits until somebody wants it, and a broken one is recalled", async ({ problems }) => {
  test.setTimeout(240_000);
  await alone(async (page, server) => {
    await page.goto("/artifacts/new");
    await offlineReady(page);
    const before = await page.evaluate(() => fetch("/sw.js").then((answer) => answer.text()));
    // Where the sockets are is in the empty page: with another word on it the worker is another one.
    await server.kill();
    await server.begin({ WS_URL: `ws://${server.address}` });
    expect(await page.evaluate(() => fetch("/sw.js").then((answer) => answer.text()))).not.toBe(before);
    await page.getByLabel("Name").fill("Half a name");
    await page.evaluate(async () => (await navigator.serviceWorker.getRegistration("/"))!.update());
    const announced = page.getByRole("button", { name: "New version: load it" });
    await expect(announced).toBeVisible({ timeout: 60_000 });
    await expect(page.getByLabel("Name")).toHaveValue("Half a name");
    await Promise.all([page.waitForEvent("load"), announced.click()]);
    await ready(page);
    await expect(announced).toHaveCount(0);

    await server.kill();
    await server.begin({ SERVICE_WORKER: "recall" });
    // As a browser does at every navigation: while one worker is still put in place, looking for another finds none.
    const lookAgain = async () => {
      await page.evaluate(async () => (await navigator.serviceWorker.getRegistration("/"))?.update()).catch(() => undefined);
      return caches(page);
    };
    await expect.poll(lookAgain, { timeout: 60_000, intervals: [1_000] }).toEqual([]);
    await page.goto("/artifacts");
    await ready(page);
    expect(await page.evaluate(() => document.documentElement.hasAttribute("data-shell"))).toBe(false);
    // Subscriptions to push messages belong to it.
    expect(await page.evaluate(async () => Boolean(await navigator.serviceWorker.getRegistration("/")))).toBe(true);
    expected(problems);
  }, problems);
});

test("a proxy's sign-in page is shown, and never taken for an answer", async ({ problems }) => {
  test.setTimeout(120_000);
  await alone(async (page, server, context) => {
    await page.goto("/artifacts");
    await offlineReady(page);
    await expect.poll(async () => (await paths(page)).includes("/me"), { timeout: 30_000 }).toBe(true);
    // The routes of a context see what the worker asks for, too.
    await context.route(/\/api\/v1\//, (route) => route.fulfill({ contentType: "text/html", body: "<form>Sign in to the network</form>" }));
    const [status, text] = await page.evaluate(() => fetch("/api/v1/me").then(async (answer) => [answer.status, await answer.text()] as const));
    expect([status, text.includes(ADMIN.email)]).toEqual([200, true]);
    expect(await page.evaluate(() => fetch("/api/v1/teams/0192a000-0000-7000-8000-00000000dead").then(() => "an answer", () => "none"))).toBe("none");
    await context.unroute(/\/api\/v1\//);
    void server;
    expected(problems);
  }, problems);
});

test("what another app shares becomes the text of an artifact", async ({ page, account }) => {
  void account;
  await page.goto("/");
  await offlineReady(page);
  await page.evaluate(() => {
    const form = Object.assign(document.createElement("form"), { method: "post", action: "/share", enctype: "multipart/form-data" });
    for (const [name, value] of [["title", "A way to review"], ["text", "Read the tests first."]]) form.append(Object.assign(document.createElement("input"), { name, value }));
    document.body.append(form);
    form.submit();
  });
  await page.waitForURL(/\/artifacts\/new\?shared=/);
  await ready(page);
  await expect(page.getByLabel("Name")).toHaveValue("A way to review");
  await expect(page.getByText("21 characters from another app")).toBeVisible();
  await page.getByRole("button", { name: "Create and edit" }).click();
  await expect(page.locator(".cm-content")).toContainText("Read the tests first.");
});

test("what is shared while nobody is signed in is there after the sign-in", async ({ page, account }) => {
  await page.goto("/settings/security");
  await offlineReady(page);
  await ready(page);
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.waitForURL(/\/login/);
  // The other one is still on its way there.
  const later = await page.context().newPage();
  await later.goto("/login");
  await ready(later);
  await later.evaluate(() => {
    const form = Object.assign(document.createElement("form"), { method: "post", action: "/share", enctype: "multipart/form-data" });
    form.append(Object.assign(document.createElement("input"), { name: "text", value: "Read the tests first." }));
    document.body.append(form);
    form.submit();
  });
  await later.waitForURL(/\/login\?next=/);
  await ready(later);
  await later.getByLabel("E-mail").fill(account.email);
  await later.getByLabel("Password", { exact: true }).fill(account.password);
  await later.getByRole("button", { name: "Sign in", exact: true }).click();
  await later.waitForURL(/\/artifacts\/new\?shared=/);
  await ready(later);
  await expect(later.getByText("21 characters from another app")).toBeVisible();
  // What is not there says so.
  await later.goto("/artifacts/new?shared=00000000-0000-4000-8000-000000000000");
  await ready(later);
  await expect(later.getByText("What was shared is not on this device any more")).toBeVisible();
});

test("a link of our own protocol opens its page", async ({ page, account }) => {
  void account;
  await page.goto("/open?link=web%2Bllmos%3Asessions");
  await expect(page).toHaveURL(/\/sessions$/);
});

// Pictures for the manifest: LLMOS_SCREENSHOTS=1 writes them, from pages as they are.
for (const [form, width, height] of [["wide", 1440, 900], ["narrow", 390, 844]] as const) {
  test(`the ${form} picture of the manifest`, async ({ page, team }) => {
    test.skip(!process.env.LLMOS_SCREENSHOTS, "set LLMOS_SCREENSHOTS=1 to take it anew");
    const session = await beginSession(page.context().request, team, "One way to review");
    await api(page.context().request, "POST", `/sessions/${session.id}/messages`, { text: "Two things bother me:\n\n- it says **what** to look for, not **in which order**\n- nobody reads forty points" });
    await page.setViewportSize({ width, height });
    await page.goto(`/sessions/${session.id}`);
    await ready(page);
    await page.screenshot({ path: path.join(import.meta.dirname, "..", "..", "public", "screenshots", `${form}.png`) });
  });
}
