// The frame around every page: palette, keys, themes, errors.
import { checkAccessible, createArtifact, expect, ready, test } from "../fixtures/index.js";

test("the palette finds an artifact and goes there by keyboard", async ({ page, team }) => {
  const artifact = await createArtifact(page.context().request, team.volumeId, "Lantern inspection");
  await page.goto("/");
  await ready(page);
  await page.keyboard.press("Control+k");
  const field = page.getByRole("combobox", { name: "Search or go to" });
  await expect(field).toBeFocused();
  await checkAccessible(page);
  await field.fill("lantern");
  await expect(page.getByRole("option", { name: /Lantern inspection|lantern-inspection/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/artifacts/${artifact.id}`);
});

test("the palette runs actions and Escape gives the focus back", async ({ page, account }) => {
  void account;
  await page.goto("/");
  await ready(page);
  const opener = page.getByRole("button", { name: "Search or go to" });
  await opener.focus();
  await page.keyboard.press("Enter");
  const field = page.getByRole("combobox", { name: "Search or go to" });
  await expect(field).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(field).toBeHidden();
  await expect(opener).toBeFocused();
  await page.keyboard.press("Control+k");
  await field.fill("changes");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/changes");
});

test("single keys go places, are listed under ?, do nothing in a field and can be turned off", async ({ page, account }) => {
  void account;
  await page.goto("/");
  await ready(page);
  await page.keyboard.press("?");
  const list = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await expect(list).toBeVisible();
  await checkAccessible(page);
  await page.keyboard.press("Escape");
  await expect(list).toBeHidden();
  // The second key counts within 1.2 s of the first, which a busy machine may miss.
  await expect(async () => {
    await page.keyboard.press("g");
    await page.keyboard.press("a");
    await page.waitForURL("**/artifacts", { timeout: 2_000 });
  }).toPass();
  // The address says so before the page stands, whose code may have to be loaded.
  await expect(page.locator("[data-filter]")).toBeVisible();
  await page.keyboard.press("/");
  await expect(page.locator("[data-filter]")).toBeFocused();
  await page.keyboard.type("gh?");
  await expect(page.locator("[data-filter]")).toHaveValue("gh?");
  await page.goto("/");
  await ready(page);
  await page.keyboard.press("?");
  await list.getByLabel("Single keys work outside of fields").uncheck();
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await page.waitForTimeout(500);
  expect(new URL(page.url()).pathname).toBe("/");
});

test("the theme is kept, and the server renders it at once", async ({ page, account }) => {
  void account;
  await page.goto("/");
  await ready(page);
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await page.getByRole("button", { name: /Theme: dark/ }).click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "light");
  await checkAccessible(page);
  const html = await (await page.context().request.get("/")).text();
  expect(html).toContain('data-theme="light"');
});

test("an address that is no page says so, with its status @phone", async ({ page, account }) => {
  void account;
  const response = await page.goto("/nothing/here");
  expect(response?.status()).toBe(404);
  await expect(page.getByText("Nothing here for you")).toBeVisible();
  await ready(page);
  await checkAccessible(page);
  // The frame stays: from there one goes on.
  await page.getByRole("link", { name: "Sessions" }).filter({ visible: true }).first().click();
  await expect(page.getByRole("heading", { level: 1, name: "Sessions" })).toBeVisible();
});

test("a page of a list that is not there leads to the first one", async ({ page, account }) => {
  void account;
  await page.goto("/sessions?view=mine&cursor=zzz");
  await ready(page);
  await page.getByRole("link", { name: "First page" }).click();
  await expect(page.getByText("No session yet")).toBeVisible();
});

test("every answer carries the policy, and a page's scripts have its nonce", async ({ page, account }) => {
  void account;
  for (const address of ["/", "/login", "/api/v1/me", "/healthz", "/favicon.svg", "/nothing"]) {
    const response = await page.context().request.get(address);
    const policy = response.headers()["content-security-policy"] ?? "";
    expect(policy, address).toMatch(/default-src '(none|self)'/);
    expect(policy, address).not.toContain("'unsafe-eval'");
    expect(response.headers()["x-request-id"], address).toBeTruthy();
  }
  const response = await page.goto("/");
  const nonce = /'nonce-([^']+)'/.exec(response!.headers()["content-security-policy"])?.[1];
  expect(nonce).toBeTruthy();
  const html = await response!.text();
  for (const [tag] of html.matchAll(/<script\b[^>]*>/g)) expect(tag).toContain(nonce!);
});

test("the API reference shows itself without asking anybody else", async ({ page, account }) => {
  void account;
  const foreign: string[] = [];
  page.on("request", (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (protocol.startsWith("http") && hostname !== "127.0.0.1") foreign.push(request.url());
  });
  await page.goto("/api/docs");
  await expect(page.getByRole("heading", { name: /LLMos-Lite/ }).first()).toBeVisible();
  expect(foreign).toEqual([]);
});

test("help is a press away, in the frame, on a phone and in the palette @phone", async ({ page, account, isMobile }) => {
  void account;
  await page.goto("/");
  await ready(page);
  if (isMobile) {
    const tabs = page.getByRole("navigation", { name: "Main, phone" });
    await tabs.getByText("More").click();
    await tabs.getByRole("link", { name: "Help" }).click();
    await expect(page).toHaveURL(/\/help\/troubleshooting$/);
  } else {
    await page.getByRole("button", { name: "Help" }).click();
    await expect(page.getByRole("link", { name: "Troubleshooting" })).toBeVisible();
    await checkAccessible(page);
    await page.getByRole("link", { name: "Coming from the predecessor" }).click();
    await expect(page).toHaveURL(/\/help\/migrating$/);
    await page.goto("/");
    await ready(page);
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Search or go to" }).fill("help trouble");
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(/\/help\/troubleshooting$/);
  }
  await expect(page.getByRole("navigation", { name: "Help" }).getByRole("link", { name: "Coming from the predecessor" })).toBeVisible();
});
