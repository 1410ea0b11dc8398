// The app as it is put on a device and as systems use it: offered, installed, opened with text and files, woken, renewed beside a second window.
import type { Page } from "@playwright/test";
import { whole } from "../browser.js";
import { alone, expected, offlineReady, somebodyElse, warm } from "../fixtures/app.js";
import { another, api, createArtifact, createTeam, expect, joinTeam, keepsChanges, ready, signIn, test } from "../fixtures/index.js";

const IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";

/** What pages ask of a script by its name (`src/browser/pwa.rs`), which comes when the page stands. */
const ask = <T>(page: Page, what: unknown): Promise<T> =>
  page.evaluate(async (what) => {
    const { imports } = JSON.parse(document.querySelector("script[type=importmap]")!.textContent!) as { imports: Record<string, string> };
    const { ask } = (await import(imports["llmos/pwa"]!)) as { ask(text: string): Promise<string> };
    return JSON.parse(await ask(JSON.stringify(what)));
  }, what) as Promise<T>;

test.use({ launchOptions: whole });

test("it is offered to who came back on a third day, and the browser is asked once", async ({ page, account }) => {
  void account;
  await page.addInitScript(() => {
    const today = Math.floor(Date.now() / 86_400_000);
    localStorage.getItem("llmos-offer") ?? localStorage.setItem("llmos-offer", JSON.stringify({ days: [today - 9, today - 2], offered: 0, last: 0 }));
    // The browser's word, which it says once and early.
    document.addEventListener("DOMContentLoaded", () => {
      const event = new Event("beforeinstallprompt", { cancelable: true });
      const prompt = async () => void sessionStorage.setItem("prompted", String(Number(sessionStorage.getItem("prompted") ?? 0) + 1));
      dispatchEvent(Object.assign(event, { prompt, userChoice: Promise.resolve({ outcome: "accepted" }) }));
      sessionStorage.setItem("held", String(event.defaultPrevented));
    });
  });
  await page.goto("/");
  await ready(page);
  await expect(page.getByText("LLMos-Lite can be an app on this device")).toBeVisible({ timeout: 30_000 });
  expect(await page.evaluate(() => sessionStorage.getItem("held"))).toBe("true");
  await page.getByRole("link", { name: "Install", exact: true }).click();
  await expect(page).toHaveURL(/\/settings\/app$/);
  await page.getByRole("button", { name: "Install", exact: true }).click();
  await expect(page.getByText("LLMos-Lite is installed")).toBeVisible();
  expect(await page.evaluate(() => sessionStorage.getItem("prompted"))).toBe("1");
  // It can be asked once: then the menu of the browser is what is left.
  await expect(page.getByText("Look for Install in this browser's menu")).toBeVisible();
  expect(await page.evaluate(() => (JSON.parse(localStorage.getItem("llmos-offer")!) as { offered: number }).offered)).toBe(1);
});

test("on an iPhone it says how, has a splash screen, and makes room for the keyboard", async ({ browser, admin, account }) => {
  void account;
  const second = await another(browser, admin, "Tomas Rey");
  const context = await browser.newContext({ userAgent: IPHONE, viewport: { width: 390, height: 844 } });
  const page = await context.newPage();
  await page.addInitScript(() => {
    const seen = Object.assign(new EventTarget(), { height: innerHeight, offsetTop: 0, scale: 1 });
    Object.defineProperty(globalThis, "visualViewport", { value: seen });
  });
  await signIn(page, second.account);
  await page.goto("/settings/app");
  await ready(page);
  await expect(page.getByText("Choose Add to Home Screen, then Add.")).toBeVisible({ timeout: 30_000 });
  await expect(page.getByRole("button", { name: "Install", exact: true })).toHaveCount(0);
  for (const [name, content] of [["apple-mobile-web-app-title", "LLMos"], ["apple-mobile-web-app-status-bar-style", "black-translucent"], ["mobile-web-app-capable", "yes"]])
    await expect(page.locator(`meta[name=${name}]`)).toHaveAttribute("content", content!);
  await expect(page.locator("link[rel=apple-touch-icon]")).toHaveAttribute("href", /apple-touch-180/);
  // Drawn for just this screen, when the page stands.
  await expect(page.locator("link[rel=apple-touch-startup-image]")).toHaveCount(2, { timeout: 30_000 });
  await expect(page.locator("link[rel=apple-touch-startup-image]").first()).toHaveAttribute("href", /^data:image\/png/);
  const keyboard = (covered: number) =>
    page.evaluate((covered) => {
      const seen = visualViewport as unknown as EventTarget & { height: number };
      seen.height = innerHeight - covered;
      seen.dispatchEvent(new Event("resize"));
      return document.documentElement.style.getPropertyValue("--keyboard");
    }, covered);
  expect(await keyboard(336)).toBe("336px");
  // Bars of the browser are no keyboard.
  expect(await keyboard(60)).toBe("0px");
  await context.close();
  await second.context.close();
});

test("the script registers the worker, asks for a sync that is told to the page, and shows a message", async ({ problems }) => {
  test.setTimeout(180_000);
  await alone(async (page, server, context) => {
    const origin = `http://${server.address}`;
    await context.grantPermissions(["notifications"], { origin });
    await createTeam(context.request, "Harbor Platform");
    await page.goto("/");
    await ready(page);
    await offlineReady(page);
    expect(await ask(page, { act: "register" })).toBe(true);
    expect(await ask<{ worker: boolean; installed: boolean }>(page, { act: "state" })).toMatchObject({ worker: true, installed: false });
    expect(typeof (await ask(page, { act: "sync", tag: "llmos-test" }))).toBe("boolean");
    expect(await ask(page, { act: "notify", title: "The lamp", body: "It is out.", url: "/sessions", tag: "lamp" })).toBe(true);
    const shown = await page.evaluate(async () => (await (await navigator.serviceWorker.ready).getNotifications({ tag: "lamp" })).map(({ title, body }) => [title, body]));
    expect(shown).toEqual([["The lamp", "It is out."]]);
    // Nothing of it stays for whoever signs in next.
    await page.goto("/settings/security");
    await ready(page);
    await keepsChanges(page);
    await page.evaluate(() => localStorage.setItem("llmos-searches", "[]"));
    // The page is loaded anew, so that nothing of the account stays in it.
    const anew = page.waitForEvent("load");
    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    await anew;
    await expect.poll(() => page.evaluate(async () => (await (await navigator.serviceWorker.getRegistration("/"))?.getNotifications())?.length)).toBe(0);
    expect(await page.evaluate(() => localStorage.getItem("llmos-searches"))).toBeNull();
    const times = () =>
      page.evaluate(async () => {
        if (!(await indexedDB.databases()).some(({ name }) => name === "workbox-expiration")) return 0;
        const database = await new Promise<IDBDatabase>((done) => {
          const opening = indexedDB.open("workbox-expiration");
          opening.onsuccess = () => done(opening.result);
        });
        const number = await new Promise<number>((done) => {
          const counting = database.transaction("cache-entries").objectStore("cache-entries").count();
          counting.onsuccess = () => done(counting.result);
        });
        database.close();
        return number;
      });
    await expect.poll(times).toBe(0);
    expected(problems);
  }, problems);
});

test("the browser is asked to keep what somebody wants here, and says what it promised", async ({ page, team }) => {
  await page.addInitScript(() => {
    let kept = false;
    Object.assign(StorageManager.prototype, { persist: async () => (sessionStorage.setItem("persist", "asked"), (kept = true)), persisted: async () => kept });
    // The part of the settings shows the act only where there is a worker.
    Object.defineProperty(Navigator.prototype, "serviceWorker", {
      value: Object.assign(new EventTarget(), { register: async () => ({ active: {}, addEventListener: () => undefined, update: async () => undefined }), getRegistration: async () => undefined, ready: new Promise(() => undefined), startMessages: () => undefined }),
    });
  });
  void team;
  await page.goto("/settings/app");
  await ready(page);
  await expect(page.getByText("The browser may throw it away when the disk is full.")).toBeVisible({ timeout: 30_000 });
  await page.getByRole("button", { name: "Ask the browser to keep it" }).click();
  await expect(page.getByText("The browser keeps it even when the disk is full.")).toBeVisible();
  expect(await page.evaluate(() => sessionStorage.getItem("persist"))).toBe("asked");
});

test.describe("with the worker", () => {
  test.use({ serviceWorkers: "allow" });

  test("a link and files that other apps share become one text; what is too large is named", async ({ page, account }) => {
    void account;
    await page.goto("/");
    await offlineReady(page);
    await page.evaluate(() => {
      const form = Object.assign(document.createElement("form"), { method: "post", action: "/share", enctype: "multipart/form-data" });
      form.append(Object.assign(document.createElement("input"), { name: "url", value: "https://harbor.example/tides" }));
      const files = new DataTransfer();
      files.items.add(new File(["# The night watch\n\nLook twice.\n"], "night-watch.md", { type: "text/markdown" }));
      files.items.add(new File(["x".repeat(2 * 1024 * 1024 + 1)], "log-book.md", { type: "text/markdown" }));
      const field = Object.assign(document.createElement("input"), { type: "file", name: "files", multiple: true });
      field.files = files.files;
      form.append(field);
      document.body.append(form);
      form.submit();
    });
    await page.waitForURL(/\/artifacts\/new\?shared=/);
    await ready(page);
    await expect(page.getByLabel("Name")).toHaveValue("The night watch");
    await expect(page.getByText(/over 2 MB.*log-book\.md/)).toBeVisible();
    await page.getByRole("button", { name: "Create and edit" }).click();
    await expect(page.locator(".cm-content")).toContainText("https://harbor.example/tides");
    await expect(page.locator(".cm-content")).toContainText("Look twice.");
  });
});

test("a markdown file that is opened with the app becomes the text of an artifact", async ({ page, account }) => {
  void account;
  await page.addInitScript(() => {
    const file = new File(["# Tides\n\nAt high water only.\n"], "harbor-tides.md");
    Object.defineProperty(globalThis, "launchQueue", { value: { setConsumer: (take: (launched: unknown) => void) => take({ files: [{ getFile: async () => file }] }) } });
  });
  await page.goto("/artifacts/new?file");
  await ready(page);
  await expect(page.getByLabel("Name")).toHaveValue("harbor-tides", { timeout: 30_000 });
  await page.getByRole("button", { name: "Create and edit" }).click();
  await expect(page.locator(".cm-content")).toContainText("At high water only.");
});

test("what needs the server says so as soon as the network goes, and no more when it is back", async ({ page, team }) => {
  await page.goto(`/import?volume=${team.volumeId}`);
  await ready(page);
  const words = page.getByText("Importing needs the server, which cannot be reached now.");
  await expect(page.locator(".link-state").first()).toContainText("Live");
  await expect(words).toHaveCount(0);
  await page.context().setOffline(true);
  await expect(words).toBeVisible({ timeout: 30_000 });
  // On a phone the line above the tabs says it.
  await page.setViewportSize({ width: 390, height: 844 });
  await expect(page.locator(".status .link-state")).toBeVisible();
  await expect(page.locator(".status .link-state")).toContainText("Offline");
  await page.context().setOffline(false);
  await expect(words).toHaveCount(0, { timeout: 30_000 });
  await expect(page.locator(".status .link-state")).toBeHidden();
});

test("HTML that runs or loads something is refused, wherever it came from", async ({ page, account, problems }) => {
  void account;
  await page.goto("/");
  await ready(page);
  const takes = (html: string) =>
    page.evaluate((html) => {
      try {
        document.createElement("div").innerHTML = html;
        return true;
      } catch {
        return false;
      }
    }, html);
  for (const html of ["<script>1</script>", "<p><IFRAME src=/></p>", "<object data=x>", "<base href=//elsewhere>"]) expect(await takes(html), html).toBe(false);
  for (const html of ["<p>one</p>", "<p>&lt;script&gt;</p>", "<pre><code>script</code></pre>"]) expect(await takes(html), html).toBe(true);
  // The browser says each.
  expect(problems.length).toBeGreaterThanOrEqual(4);
  problems.splice(0, problems.length, ...problems.filter((problem) => !/TrustedHTML/.test(problem)));
});

test("a server that hangs has eight seconds where something older is here: reads and pages", async ({ problems }) => {
  test.setTimeout(180_000);
  await alone(async (page, server, context) => {
    const team = await createTeam(context.request, "Harbor Platform");
    await page.goto("/");
    await ready(page);
    await offlineReady(page);
    await warm(page);
    const path = `/api/v1/teams/${team.id}`;
    const read = () => page.evaluate(async (path) => ((answer) => [answer.status, answer.headers.has("x-llmos-kept-at")])(await fetch(path)), path);
    expect(await read()).toEqual([200, false]);
    // A part of a file that is kept whole.
    const part = await page.evaluate(async () => {
      const name = performance.getEntriesByType("resource").map((entry) => new URL(entry.name).pathname).find((path) => /^\/pkg\/.*\.js$/.test(path))!;
      const answer = await fetch(name, { headers: { range: "bytes=0-9" } });
      return [answer.status, (await answer.arrayBuffer()).byteLength];
    });
    expect(part).toEqual([206, 10]);
    server.pause();
    expect(await read()).toEqual([200, true]);
    await page.goto("/artifacts", { timeout: 60_000 });
    await ready(page);
    expect(await page.evaluate(() => document.documentElement.hasAttribute("data-shell"))).toBe(true);
    server.resume();
    expected(problems);
  }, problems);
});

test("a team that was lost while the app was closed is gone from the device at the next start, with the server there", async ({ problems }) => {
  test.setTimeout(180_000);
  await alone(async (page, server, context) => {
    const tomas = await somebodyElse(server, context.request, "Tomas Rey");
    const team = await createTeam(tomas.request, "Harbor Platform");
    const skill = await createArtifact(tomas.request, team.volumeId, "Night watch", "---\nname: night-watch\ndescription: Who looks at the lamp.\n---\n\nOnly for the team.\n");
    await joinTeam(tomas.request, context.request, team, "member");
    await page.goto(`/artifacts/${skill.id}`);
    await ready(page);
    await offlineReady(page);
    const has = (of: Page) =>
      of.evaluate(async () => {
        for (const name of await caches.keys()) {
          const cache = await caches.open(name);
          for (const request of await cache.keys()) if ((await (await cache.match(request))!.text()).includes("Only for the team.")) return true;
        }
        return false;
      });
    await expect.poll(() => has(page), { timeout: 60_000 }).toBe(true);
    await page.close();
    const me = await api<{ person: { id: string } }>(context.request, "GET", "/me");
    await api(tomas.request, "DELETE", `/teams/${team.id}/members/${me.person.id}`);
    const next = await context.newPage();
    await next.goto("/");
    await ready(next);
    await expect.poll(() => has(next), { timeout: 60_000 }).toBe(false);
    await tomas.request.dispose();
    expected(problems);
  }, problems);
});

test("a newer version that one window takes leaves the other as it is", async ({ problems }) => {
  test.setTimeout(240_000);
  await alone(async (page, server, context) => {
    await page.goto("/artifacts/new");
    await ready(page);
    await offlineReady(page);
    const other = await context.newPage();
    await other.goto("/artifacts/new");
    await ready(other);
    await other.getByLabel("Name").fill("Half a name");
    await server.kill();
    await server.begin({ WS_URL: `ws://${server.address}` });
    await page.evaluate(async () => (await navigator.serviceWorker.getRegistration("/"))!.update());
    const announced = page.getByRole("button", { name: "New version: load it" });
    await expect(announced).toBeVisible({ timeout: 60_000 });
    await Promise.all([page.waitForEvent("load"), announced.click()]);
    await ready(page);
    await expect(other.getByLabel("Name")).toHaveValue("Half a name");
    // What it has not loaded yet is there as well.
    await other.getByRole("link", { name: "Sessions", exact: true }).first().click();
    await expect(other.getByRole("heading", { name: "Sessions", exact: true })).toBeVisible({ timeout: 30_000 });
    expected(problems);
  }, problems);
});
