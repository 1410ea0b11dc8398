// How one is told, set by keyboard; and what a browser that may not show messages says.
import { randomUUID } from "node:crypto";
import { whole } from "../browser.js";
import { offlineReady } from "../fixtures/app.js";
import { another, api, beginSession, checkAccessible, createTeam, expect, joinTeam, ready, test } from "../fixtures/index.js";

type Preferences = { kinds: { kind: string; push: boolean }[]; teams: { team: string; level: string }[]; quiet?: { from: number; to: number }; timeZone?: string };

test.use({ launchOptions: whole });

test("what one is told is chosen by keyboard and is there after a reload @phone", async ({ page, account }) => {
  void account;
  const request = page.context().request;
  const team = await createTeam(request, "Harbor");
  await page.goto("/notifications");
  await ready(page);
  await page.getByRole("link", { name: "How you are told" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/settings/notifications");
  await expect(page.getByRole("heading", { name: "What you are told" })).toBeVisible();
  await checkAccessible(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);

  const answers = page.getByLabel("Push: Somebody answers you");
  await answers.focus();
  await expect(answers).toBeChecked();
  await page.keyboard.press("Space");
  const level = page.getByLabel("From Harbor");
  await level.focus();
  await level.press("o");
  await expect(level).toHaveValue(`${team.id}:mentions`);
  // One kind of it another way.
  await page.getByText("Repositories of Harbor, another way").focus();
  await page.keyboard.press("Enter");
  const pushes = page.getByLabel("Harbor: A push changed a volume");
  await pushes.selectOption({ label: "At once" });
  await checkAccessible(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  await page.getByLabel("Keep quiet at night").focus();
  await page.keyboard.press("Space");
  await page.getByLabel("From", { exact: true }).fill("21:30");
  // Without a choice it is that of the device.
  const zone = await page.evaluate(() => Intl.DateTimeFormat().resolvedOptions().timeZone);
  await expect(page.getByLabel("Time zone")).toHaveValue(zone);
  await page.getByRole("button", { name: "Save" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText("Saved", { exact: true })).toBeVisible();

  await page.reload();
  await ready(page);
  await expect(page.getByLabel("Push: Somebody answers you")).not.toBeChecked();
  await expect(page.getByLabel("Push: Somebody names you")).toBeChecked();
  await expect(page.getByLabel("From Harbor")).toHaveValue(`${team.id}:mentions`);
  await expect(pushes).toHaveValue(`${team.id}:push:once`);
  await expect(page.getByLabel("Keep quiet at night")).toBeChecked();
  await expect(page.getByLabel("From", { exact: true })).toHaveValue("21:30");
  const preferences = await api<Preferences>(request, "GET", "/notifications/preferences");
  expect(preferences.quiet).toEqual({ from: 21 * 60 + 30, to: 7 * 60 });
  expect(preferences.timeZone).toBe(zone);
});

/** A browser that takes messages. Each has an address of its own: a device that somebody else signs in with is theirs. */
const device = () => ({ endpoint: `https://push.example/${randomUUID()}`, p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", auth: "BTBZMqHH6r4Tts7J_aSIgg" });

test.describe("with the worker", () => {
  test.use({ serviceWorkers: "allow" });

  test("this browser is turned on, stands in the list, and is off when it is removed there", async ({ page, account }) => {
    void account;
    // A browser without a screen knows no push service: this is what the browser itself would do.
    await page.addInitScript((device) => {
      const bytes = (text: string) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0)).buffer;
      let made: object | null = null;
      Object.defineProperty(Notification, "permission", { get: () => (made ? "granted" : "default") });
      Notification.requestPermission = async () => "granted";
      Object.assign(PushManager.prototype, {
        getSubscription: async () => made,
        async subscribe({ userVisibleOnly, applicationServerKey }: { userVisibleOnly: boolean; applicationServerKey: string }) {
          sessionStorage.setItem("subscribed", JSON.stringify({ userVisibleOnly, applicationServerKey }));
          const getKey = (name: "p256dh" | "auth") => bytes(device[name]);
          return (made = { endpoint: device.endpoint, options: { applicationServerKey: bytes(applicationServerKey) }, getKey, unsubscribe: async () => ((made = null), true) });
        },
      });
    }, device());
    await page.goto("/settings/notifications");
    await ready(page);
    // It is the worker that subscribes, and the first visit's has all files of its build to fetch.
    await offlineReady(page);
    await page.getByRole("button", { name: "Turn on" }).click();
    await expect(page.getByRole("button", { name: "Turn on" })).toHaveCount(0);
    const devices = await api<{ name: string }[]>(page.context().request, "GET", "/notifications/devices");
    expect(devices).toHaveLength(1);
    // The server's key, by which the push service knows it: a point of 65 bytes.
    const asked = JSON.parse((await page.evaluate(() => sessionStorage.getItem("subscribed")))!) as { userVisibleOnly: boolean; applicationServerKey: string };
    expect(asked.userVisibleOnly).toBe(true);
    expect(asked.applicationServerKey).toMatch(/^B[\w-]{86}$/);
    await checkAccessible(page);
    await page.getByRole("button", { name: /^Remove / }).click();
    await expect(page.getByText("No device yet")).toBeVisible();
    await expect(page.getByRole("button", { name: "Turn on" })).toBeVisible();
  });

  test("the service worker shows what comes, and is never an old one", async ({ page, account }) => {
    void account;
    const worker = await page.context().request.get("/sw.js");
    expect(worker.headers()["cache-control"]).toBe("no-store");
    expect(worker.headers()["content-type"]).toContain("javascript");
    await page.goto("/settings/notifications");
    await page.evaluate(async () => {
      await navigator.serviceWorker.register("/sw.js");
      await navigator.serviceWorker.ready;
    });
  });

  test("what is read anywhere is no longer shown on any page's device", async ({ page, admin, browser, team }) => {
    const request = page.context().request;
    const second = await another(browser, admin, "Tomas Rey");
    await joinTeam(request, second.context.request, team, "member");
    const session = await beginSession(request, team, "Night watch");
    // A browser without a screen shows nothing: here is what another would say it shows.
    await page.addInitScript((shown) => {
      const dismissed: string[] = [];
      Object.assign(globalThis, { dismissed });
      ServiceWorkerRegistration.prototype.getNotifications = () =>
        Promise.resolve(shown.map((tag) => ({ tag, close: () => dismissed.push(tag) }) as unknown as Notification));
    }, [`session-${session.id}`, "session-of-something-else"]);
    await page.goto("/");
    await ready(page);
    await page.evaluate(async () => {
      await navigator.serviceWorker.register("/sw.js");
      await navigator.serviceWorker.ready;
    });
    await api(second.context.request, "POST", `/sessions/${session.id}/messages`, { text: "@InesLindqvist, the lamp is out." });
    await expect(page.locator(".rail .bell")).toHaveAccessibleName("Notifications, 1 unread");
    // Read on another device.
    await api(request, "PUT", `/sessions/${session.id}/read`, { number: 1 });
    await expect(page.locator(".rail .bell")).toHaveAccessibleName("Notifications");
    await expect.poll(() => page.evaluate(() => (globalThis as unknown as { dismissed: string[] }).dismissed)).toEqual([`session-${session.id}`]);
    await second.context.close();
  });
});

test("devices are listed, and one that is gone is removed", async ({ page, account }) => {
  void account;
  const request = page.context().request;
  // A browser without a screen subscribes to no push service: here is one that somebody else's did.
  await api(request, "POST", "/notifications/devices", { ...device(), name: "Old phone" });
  await page.goto("/settings/notifications");
  await ready(page);
  await expect(page.getByText("Old phone")).toBeVisible();
  await checkAccessible(page);
  await page.getByRole("button", { name: "Remove Old phone" }).click();
  await expect(page.getByText("No device yet")).toBeVisible();
});

test("what cannot take messages says why", async ({ page, account }) => {
  void account;
  await page.addInitScript(() => Object.defineProperty(Notification, "permission", { get: () => "denied" }));
  await page.goto("/settings/notifications");
  await ready(page);
  await expect(page.getByText("You have told this browser not to show messages")).toBeVisible();
  await expect(page.getByRole("button", { name: "Turn on" })).toHaveCount(0);
});

test("the choices work without JavaScript @noscript", async ({ page, account }) => {
  void account;
  await page.goto("/settings/notifications");
  await page.getByLabel("Push: Somebody names you").uncheck();
  await page.getByRole("button", { name: "Save" }).click();
  await page.waitForURL("**/settings/notifications");
  await expect(page.getByLabel("Push: Somebody names you")).not.toBeChecked();
});
