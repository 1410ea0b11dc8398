// The connection of a session: it goes away, comes back, and ends.
import { api, beginSession, checkAccessible, expect, keepsChanges, ready, test, type Team } from "../fixtures/index.js";
import type { Page, WebSocketRoute } from "@playwright/test";

const field = (page: Page) => page.getByLabel("Message", { exact: true });
const state = (page: Page) => page.getByRole("contentinfo").or(page.locator(".status")).locator(".link-state").first();

/** Every socket of the page goes through here, so that it can be cut and refused. */
async function line(page: Page) {
  const open = new Set<WebSocketRoute>();
  let up = true;
  await page.routeWebSocket(/\/ws(\/|\?|$)/, (socket) => {
    if (!up) return void socket.close({ code: 4008 });
    socket.connectToServer();
    open.add(socket);
  });
  return {
    async cut() {
      up = false;
      for (const socket of open) await socket.close({ code: 4008 });
      open.clear();
    },
    mend: () => void (up = true),
  };
}

/** A session of the team's, open and live. */
async function opened(page: Page, team: Team, title: string) {
  const session = await beginSession(page.context().request, team, title);
  await page.goto(`/sessions/${session.id}`);
  await ready(page);
  await expect(state(page)).toHaveText("Live");
  return session;
}

/** A mark that a reload would take away. */
const mark = (page: Page) => page.evaluate(() => void Object.assign(window, { sameDocument: true }));
const unmoved = (page: Page) => page.evaluate(() => "sameDocument" in window);

test("offline one goes on writing, and what was written is sent once, in order, without a reload", async ({ page, team }) => {
  const request = page.context().request;
  const wire = await line(page);
  const session = await opened(page, team, "Tunnel");
  await mark(page);

  await keepsChanges(page);
  await page.context().setOffline(true);
  await wire.cut();
  await expect(page.getByText("You are offline. What you write is kept here and sent when the connection is back.")).toBeVisible();
  await expect(state(page)).toHaveText("Offline");
  const words = ["First, in the dark", "Second, in the dark"];
  for (const text of words) {
    await field(page).fill(text);
    await field(page).press("Enter");
  }
  await expect(page.getByText("Waiting for the server")).toHaveCount(2);
  await field(page).fill("Not sent yet");
  await checkAccessible(page);

  wire.mend();
  await page.context().setOffline(false);
  await expect(state(page)).toHaveText("Live", { timeout: 40_000 });
  await expect(page.getByText("You are offline")).toHaveCount(0);
  await expect(page.getByText("Waiting for the server")).toHaveCount(0, { timeout: 30_000 });
  for (const text of words) await expect(page.getByRole("article").getByText(text)).toHaveCount(1);
  const { items } = await api<{ items: { kind: string; text?: string }[] }>(request, "GET", `/sessions/${session.id}/entries`);
  expect(items.map((entry) => entry.text).filter(Boolean)).toEqual(words);
  await expect(field(page)).toHaveValue("Not sent yet");
  expect(await unmoved(page)).toBe(true);
});

test("a connection that breaks says Reconnecting, and what came meanwhile is shown when it is back", async ({ page, team }) => {
  const request = page.context().request;
  const wire = await line(page);
  const session = await opened(page, team, "Loose plug");
  await mark(page);
  await wire.cut();
  await expect(state(page)).toHaveText("Reconnecting");
  await api(request, "POST", `/sessions/${session.id}/messages`, { text: "Said meanwhile" });
  await field(page).fill("Half a thought");
  wire.mend();
  await expect(state(page)).toHaveText("Live", { timeout: 40_000 });
  await expect(page.getByRole("article").getByText("Said meanwhile")).toHaveCount(1);
  await expect(field(page)).toHaveValue("Half a thought");
  expect(await unmoved(page)).toBe(true);
});

test("one who was signed out elsewhere is told, signs in, and is back with what was written", async ({ page, account, team }) => {
  const request = page.context().request;
  const session = await opened(page, team, "Left open");
  await field(page).fill("Half a thought");
  await api(request, "POST", "/sign-out");
  await expect(page.getByText("You were signed out. Sign in again.")).toBeVisible({ timeout: 30_000 });
  await expect(state(page)).toHaveText("Signed out");
  await checkAccessible(page);
  await page.locator(".banner").getByRole("link", { name: "Sign in" }).click();
  await page.waitForURL(/\/login\?next=/);
  await page.getByLabel("E-mail").fill(account.email);
  await page.getByLabel("Password", { exact: true }).fill(account.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL(`**/sessions/${session.id}`);
  await expect(field(page)).toHaveValue("Half a thought");
});
