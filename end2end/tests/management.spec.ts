// What is done rarely and has to work then: tokens, pictures, invitations by keyboard, an administrator's help.
import type { Locator, Page } from "@playwright/test";
import { fileURLToPath } from "node:url";
import { ADMIN_STATE, another, api, expect, openAccount, PASSWORD, ready, signIn, test, watch } from "../fixtures/index.js";

const PICTURE = fileURLToPath(new URL("../../public/icons/icon-192.png", import.meta.url));

/** Moves the focus with Tab alone until it is there. */
async function tabTo(page: Page, wanted: Locator) {
  const there = () => wanted.evaluate((element) => element === document.activeElement);
  for (let presses = 0; presses < 80; presses++) {
    if (await there()) return;
    await page.keyboard.press("Tab");
  }
  expect(await there(), "Tab comes there").toBe(true);
}

test("a token is made, shown once, works and is revoked", async ({ page, account, playwright, baseURL }) => {
  void account;
  await page.goto("/settings/tokens");
  await ready(page);
  await page.getByRole("button", { name: "New token" }).click();
  const dialog = page.getByRole("dialog", { name: /token/ });
  await dialog.getByRole("button", { name: "Create token" }).click();
  await expect(dialog, "a name is needed").toBeVisible();
  await dialog.getByLabel("Name").fill("Release script");
  await dialog.getByLabel(/^write/).check();
  await dialog.getByLabel("Expires").selectOption("in 30 days");
  await dialog.getByRole("button", { name: "Create token" }).click();
  await expect(dialog.getByText("it is not shown again")).toBeVisible();
  const secret = await dialog.locator(".secret code").innerText();
  await dialog.getByRole("button", { name: "Done" }).click();
  const row = page.getByRole("row", { name: /Release script/ });
  await expect(row.getByText("write")).toBeVisible();
  expect(await page.content()).not.toContain(secret);

  const program = await playwright.request.newContext({ baseURL, extraHTTPHeaders: { authorization: `Bearer ${secret}` } });
  expect((await program.get("/api/v1/me")).status()).toBe(200);
  expect((await program.post("/api/v1/teams", { data: { name: "Not with this token" } })).status()).toBe(403);
  await row.getByRole("button", { name: "Revoke Release script" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Revoke token" }).click();
  await expect(page.getByText("“Release script” no longer works")).toBeVisible();
  await expect(row).toHaveCount(0);
  expect((await program.get("/api/v1/me")).status()).toBe(401);
  await program.dispose();
});

test("a picture is put in, one that is none is refused, and it goes again", async ({ page, account }) => {
  void account;
  await page.goto("/settings/profile");
  await ready(page);
  const shown = page.getByRole("main").locator(".person .avatar").first();
  await page.getByLabel("Choose a picture").setInputFiles(PICTURE);
  await expect(page.getByText("Picture changed")).toBeVisible();
  await page.reload();
  await ready(page);
  await expect(shown.locator("img")).toHaveAttribute("src", /^\/avatars\//);
  expect(await shown.locator("img").evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
  await page.getByLabel("Choose a picture").setInputFiles({ name: "me.png", mimeType: "image/png", buffer: Buffer.from("no picture at all") });
  await expect(page.getByRole("alert").filter({ hasText: /./ })).toBeVisible();
  await expect(shown.locator("img")).toHaveAttribute("src", /^\/avatars\//);
  await page.getByRole("button", { name: "Remove the picture" }).click();
  await expect(page.getByText("Picture removed")).toBeVisible();
  await expect(shown.locator("img")).toHaveCount(0);
});

test("people are invited, and come, by keyboard alone", async ({ page, team, admin, browser, problems }) => {
  await page.goto(`/teams/${team.id}/invitations`);
  await ready(page);
  await tabTo(page, page.getByLabel("They become"));
  await page.keyboard.type("Viewer");
  await tabTo(page, page.getByRole("button", { name: "Make a link" }));
  await page.keyboard.press("Enter");
  const link = page.locator(".secret code");
  await expect(link).toContainText("/invite/");
  await tabTo(page, page.getByRole("button", { name: "Copy" }));

  const guest = await another(browser, admin, "Kofi Mensah");
  watch(guest.page, problems);
  await guest.page.goto(new URL(await link.innerText()).pathname);
  await ready(guest.page);
  await tabTo(guest.page, guest.page.getByRole("button", { name: "Accept the invitation" }));
  await guest.page.keyboard.press("Enter");
  await guest.page.waitForURL(/\/teams\//);
  const members = await api<{ person: { name: string }; role: string }[]>(page.context().request, "GET", `/teams/${team.id}/members`);
  expect(members.find((member) => member.person.name === "Kofi Mensah")?.role).toBe("viewer");
  await guest.context.close();

  // The link is used up; another one is revoked the same way.
  await page.reload();
  await ready(page);
  await tabTo(page, page.getByRole("button", { name: "Make a link" }));
  await page.keyboard.press("Enter");
  const revoke = page.getByRole("button", { name: /^Revoke the link/ }).first();
  await expect(revoke).toBeVisible();
  await tabTo(page, revoke);
  await page.keyboard.press("Enter");
  const question = page.getByRole("alertdialog");
  await expect(question).toBeVisible();
  await tabTo(page, question.getByRole("button", { name: "Revoke link" }));
  await page.keyboard.press("Enter");
  await expect(page.getByText("The link no longer works")).toBeVisible();
});

test("an administrator helps somebody back in, ends an account and begins it again", async ({ browser, admin, playwright, baseURL, problems }) => {
  const request = await playwright.request.newContext({ baseURL });
  const account = await openAccount(request, admin, "Noor Haddad");
  await request.dispose();
  const context = await browser.newContext({ storageState: ADMIN_STATE });
  const page = await context.newPage();
  watch(page, problems);
  await page.goto("/admin/users");
  await ready(page);
  await page.getByLabel("Find an account").fill(account.email);
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=/);
  const row = page.getByRole("row", { name: /Noor Haddad/ });
  // The rows of the whole list stand there until those that were asked for arrive.
  await expect(page.getByText("1 shown")).toBeVisible();
  const act = async (name: string) => {
    await row.getByRole("button", { name: /More acts/ }).click();
    await row.getByRole("button", { name, exact: true }).click();
  };

  await act("Password link");
  const link = await page.getByRole("dialog", { name: /Password link/ }).locator(".secret code").innerText();
  await page.getByRole("button", { name: "Done" }).click();
  const forgetful = await browser.newContext();
  const theirs = await forgetful.newPage();
  watch(theirs, problems);
  await theirs.goto(new URL(link).pathname);
  await ready(theirs);
  await theirs.getByLabel("New password").fill("a lantern on the pier");
  await theirs.getByRole("button", { name: "Set the password" }).click();
  await theirs.waitForURL((url) => url.pathname === "/");

  await act("Deactivate");
  await page.getByRole("alertdialog").getByRole("button", { name: "Deactivate account" }).click();
  await expect(row.getByText("Deactivated")).toBeVisible();
  await theirs.goto("/artifacts");
  await expect(theirs).toHaveURL(/\/login/);
  await act("Activate again");
  await expect(row.getByText("Deactivated")).toHaveCount(0);
  await signIn(theirs, { ...account, password: "a lantern on the pier" });
  expect(account.password).toBe(PASSWORD);

  await act("Make moderator");
  await expect(row.getByText("Moderator", { exact: true })).toBeVisible();
  await forgetful.close();
  await context.close();
});

test("a form that is sent before the script is there is sent when it is", async ({ page, team }) => {
  let arrive = () => {};
  const script = new Promise<void>((resolve) => { arrive = resolve; });
  await page.route("**/*.wasm", async (route) => { await script; await route.continue(); });
  await page.goto(`/teams/${team.id}/invitations`, { waitUntil: "domcontentloaded" });
  await page.getByLabel("They become").selectOption("viewer");
  await page.getByRole("button", { name: "Make a link" }).click();
  arrive();
  await expect(page.locator(".secret code")).toContainText("/invite/");
  const made = await api<{ role: string }[]>(page.context().request, "GET", `/teams/${team.id}/invitations`);
  expect(made.map((invitation) => invitation.role)).toEqual(["viewer"]);
});

test("the sample comes and goes with one click and a question", async ({ browser, problems }) => {
  const context = await browser.newContext({ storageState: ADMIN_STATE });
  const page = await context.newPage();
  watch(page, problems);
  await page.goto("/admin/settings");
  await ready(page);
  await page.getByRole("button", { name: "Add the demo" }).click();
  await expect(page.getByText("The demo is there")).toBeVisible({ timeout: 60_000 });
  await page.goto("/sessions");
  await ready(page);
  await expect(page.getByRole("link", { name: /Framework contracts/ }).first()).toBeVisible();
  await page.goto("/admin/settings");
  await ready(page);
  await page.getByRole("button", { name: "Remove the demo" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Remove the demo" }).click();
  await expect(page.getByText("The demo is gone")).toBeVisible();
  await expect(page.getByRole("button", { name: "Add the demo" })).toBeVisible();
  await page.goto("/sessions");
  await ready(page);
  await expect(page.getByRole("link", { name: /Framework contracts/ })).toHaveCount(0);
  await context.close();
});
