// Accounts as people meet them: signing in and out, devices, tokens, roles.
import { another, api, checkAccessible, createTeam, expect, openAccount, PASSWORD, ready, signIn, test, watch } from "../fixtures/index.js";

test("signing in comes back to where one wanted to go @phone", async ({ page, admin, playwright, baseURL, problems }) => {
  watch(page, problems);
  const request = await playwright.request.newContext({ baseURL });
  const account = await openAccount(request, admin, "Kenji Arai");
  await request.dispose();
  await page.goto("/settings/tokens");
  await expect(page).toHaveURL(/\/login\?next=/);
  await checkAccessible(page);
  await ready(page);
  await page.getByLabel("E-mail").fill(account.email);
  await page.getByLabel("Password", { exact: true }).fill("not the password");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(page.getByText("The e-mail address or the password is wrong.")).toBeVisible();
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL("**/settings/tokens");
});

test("signing out everywhere ends the other browser too", async ({ page, account, browser }) => {
  const context = await browser.newContext();
  const second = await context.newPage();
  await signIn(second, account);
  await page.goto("/settings/security");
  await ready(page);
  await page.getByRole("button", { name: /Sign out everywhere/ }).click();
  const confirm = page.getByRole("alertdialog").getByRole("button", { name: /Sign out/ });
  if (await confirm.isVisible().catch(() => false)) await confirm.click();
  await page.waitForURL("**/login**");
  await second.goto("/artifacts");
  await expect(second).toHaveURL(/\/login/);
  await context.close();
});

test("a role decides what a member's browser may change, from one request to the next", async ({ page, account, admin, browser, problems }) => {
  void account;
  const request = page.context().request;
  const team = await createTeam(request, "Roles");
  const { url } = await api<{ url: string }>(request, "POST", `/teams/${team.id}/invitations`, { role: "member", maxUses: 1, expiresInDays: 1 });
  const member = await another(browser, admin, "Priya Nair");
  watch(member.page, problems);
  await api(member.context.request, "POST", `/invitations/${url.split("/").pop()}/accept`);
  const me = await api<{ person: { id: string } }>(member.context.request, "GET", "/me");
  const body = { volumeId: team.volumeId, kind: "skill", name: "Made by a member" };
  expect((await member.context.request.post("/api/v1/artifacts", { data: body })).ok()).toBe(true);
  await api(request, "PATCH", `/teams/${team.id}/members/${me.person.id}`, { role: "viewer" });
  expect((await member.context.request.post("/api/v1/artifacts", { data: body })).status()).toBe(403);
  await member.page.goto(`/teams/${team.id}/members`);
  await ready(member.page);
  await expect(member.page.getByRole("button", { name: /Remove/ })).toHaveCount(0);
  await api(request, "DELETE", `/teams/${team.id}/members/${me.person.id}`);
  const gone = await member.page.goto(`/teams/${team.id}/members`);
  expect(gone?.status()).toBe(404);
  await member.context.close();
});
