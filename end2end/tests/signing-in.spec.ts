// Second factors as people meet them: a passkey of a virtual device, an authenticator app, recovery codes, and proving once more who one is.
import { createHmac } from "node:crypto";
import { ADMIN, api, checkAccessible, expect, ready, test, watch, type Account } from "../fixtures/index.js";
import { Server } from "../fixtures/server.js";
import type { Page } from "@playwright/test";

/** The code that an app with this secret shows (RFC 6238). */
function codeOf(secret: string, at: number): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret.replaceAll(" ", "")].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const digest = createHmac("sha1", key).update(counter).digest();
  const offset = digest[digest.length - 1]! & 15;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

async function fillIn(page: Page, account: Pick<Account, "email" | "password">) {
  await page.goto("/login");
  await ready(page);
  await page.getByLabel("E-mail").fill(account.email);
  await page.getByLabel("Password", { exact: true }).fill(account.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

async function signOut(page: Page) {
  await page.goto("/settings/security");
  await ready(page);
  // The page is loaded anew, so that nothing of the account stays in it.
  const anew = page.waitForEvent("load");
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await anew;
}

test("a passkey is added, signs in by itself, answers the second step, and goes", async ({ browser, problems }) => {
  const server = await Server.start((port) => ({ SITE_URL: `http://localhost:${port}` }));
  const context = await browser.newContext({ baseURL: server.named });
  try {
    const page = await context.newPage();
    watch(page, problems);
    const devtools = await context.newCDPSession(page);
    await devtools.send("WebAuthn.enable");
    await devtools.send("WebAuthn.addVirtualAuthenticator", {
      options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    });
    await api(context.request, "POST", "/sign-up", ADMIN);
    await page.goto("/settings/security");
    await ready(page);
    await expect(page.getByText("None yet: whoever knows your password signs in as you.")).toBeVisible();
    await page.getByRole("button", { name: "Add a passkey" }).click();
    const dialog = page.getByRole("dialog", { name: "Add a passkey" });
    await dialog.getByLabel("Name").fill("Laptop");
    await dialog.getByRole("button", { name: "Go on" }).click();
    const codes = page.getByRole("dialog", { name: "Your recovery codes" });
    await expect(codes.getByRole("listitem")).toHaveCount(10);
    await checkAccessible(page);
    await codes.getByRole("button", { name: "I have kept them" }).click();
    await expect(page.getByRole("button", { name: "Remove Laptop" })).toBeVisible();

    await signOut(page);
    await ready(page);
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await page.waitForURL((url) => !url.pathname.startsWith("/login"));

    await signOut(page);
    await fillIn(page, ADMIN);
    await page.waitForURL("**/login/second-step**");
    await ready(page);
    await checkAccessible(page);
    await page.getByRole("button", { name: "Use a passkey" }).click();
    await page.waitForURL((url) => !url.pathname.startsWith("/login"));

    await page.goto("/settings/security");
    await ready(page);
    await page.getByRole("button", { name: "Rename Laptop" }).click();
    const rename = page.getByRole("dialog", { name: "Rename" });
    await rename.getByLabel("Name").fill("Old laptop");
    await rename.getByRole("button", { name: "Save" }).click();
    await page.getByRole("button", { name: "Remove Old laptop" }).click();
    await page.getByRole("alertdialog").getByRole("button", { name: "Remove it" }).click();
    await expect(page.getByText("None yet: whoever knows your password signs in as you.")).toBeVisible();
  } finally {
    await context.close();
    await server.end();
  }
});

test("an authenticator app and its recovery codes @phone", async ({ page, account }) => {
  await page.goto("/settings/security");
  await ready(page);
  await page.getByRole("button", { name: "Add an authenticator app" }).click();
  const dialog = page.getByRole("dialog", { name: "Add an authenticator app" });
  await expect(dialog.getByRole("img", { name: /QR code/ })).toBeVisible();
  await checkAccessible(page);
  const secret = await dialog.locator(".secret code").innerText();
  await dialog.getByLabel("Code that the app shows now").fill("000000");
  await dialog.getByRole("button", { name: "Add the app" }).click();
  await expect(dialog.getByText("This code does not fit.")).toBeVisible();
  await dialog.getByLabel("Code that the app shows now").fill(codeOf(secret, Date.now()));
  await dialog.getByRole("button", { name: "Add the app" }).click();
  const codes = page.getByRole("dialog", { name: "Your recovery codes" });
  const download = page.waitForEvent("download");
  await codes.getByRole("link", { name: "Download" }).click();
  expect((await download).suggestedFilename()).toBe("llmos-recovery-codes.txt");
  const first = await codes.getByRole("listitem").first().innerText();
  await codes.getByRole("button", { name: "I have kept them" }).click();
  await expect(page.getByText("10 recovery codes are left")).toBeVisible();

  await signOut(page);
  await fillIn(page, account);
  await page.waitForURL("**/login/second-step**");
  await ready(page);
  await page.getByLabel("Code", { exact: true }).fill("000000");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(page.getByText("This code does not fit.")).toBeVisible();
  // The one of before counts once; the next one is taken half a minute early.
  await page.getByLabel("Code", { exact: true }).fill(codeOf(secret, Date.now() + 30_000));
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL((url) => !url.pathname.startsWith("/login"));

  await signOut(page);
  await fillIn(page, account);
  await page.waitForURL("**/login/second-step**");
  await ready(page);
  await page.getByLabel("Code", { exact: true }).fill(first.toLowerCase());
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL((url) => !url.pathname.startsWith("/login"));
  await page.goto("/settings/security");
  await expect(page.getByText("9 recovery codes are left")).toBeVisible();
});

test("what matters asks once more who one is", async ({ page, account }) => {
  // As the server answers ten minutes after somebody signed in.
  let asked = false;
  await page.route("**/api/v1/me/tokens", async (route) => {
    if (route.request().method() !== "POST" || asked) return route.fallback();
    asked = true;
    await route.fulfill({ status: 403, json: { code: "confirmation_required", message: "This changes something that matters: confirm that it is you, then do it again." } });
  });
  await page.goto("/settings/tokens");
  await ready(page);
  await page.getByRole("button", { name: "New token" }).click();
  const dialog = page.getByRole("dialog", { name: "New token" });
  await dialog.getByLabel("Name").fill("CI");
  await dialog.getByRole("button", { name: "Create token" }).click();
  const confirm = page.getByRole("dialog", { name: "Confirm that it is you" });
  await confirm.getByLabel("Your password").fill("not the password");
  await confirm.getByRole("button", { name: "Confirm" }).click();
  await expect(confirm.getByText("This is not your password.")).toBeVisible();
  await checkAccessible(page);
  await confirm.getByLabel("Your password").fill(account.password);
  await confirm.getByRole("button", { name: "Confirm" }).click();
  await expect(confirm).toBeHidden();
  await dialog.getByRole("button", { name: "Create token" }).click();
  await expect(page.getByRole("dialog", { name: "Your new token" })).toBeVisible();
});

test("the others are signed out, and this browser stays", async ({ page, account, browser }) => {
  const context = await browser.newContext();
  await api(context.request, "POST", "/sign-in", { email: account.email, password: account.password });
  await page.goto("/settings/security");
  await ready(page);
  await page.getByRole("button", { name: "Sign out the others" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Sign out the others" }).click();
  await expect.poll(async () => (await context.request.get("/api/v1/me")).status()).toBe(401);
  await expect(page.getByText("This browser", { exact: true })).toBeVisible();
  await context.close();
});
