// The main pages read, and signing in works, without JavaScript.
import { createArtifact, createTeam, expect, openAccount, signIn, test } from "../fixtures/index.js";

test("signing in, and a wrong password @noscript", async ({ page, admin, playwright, baseURL }) => {
  const request = await playwright.request.newContext({ baseURL });
  const account = await openAccount(request, admin, "Kenji Arai");
  await request.dispose();
  await page.goto("/login");
  await page.getByLabel("E-mail").fill(account.email);
  await page.getByLabel("Password", { exact: true }).fill("not the password");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(page.getByText("The e-mail address or the password is wrong.")).toBeVisible();
  await signIn(page, account);
  await expect(page.getByRole("navigation", { name: "Main", exact: true })).toBeVisible();
});

test("library, artifact, history, diff, commit and volume read @noscript", async ({ page, admin }) => {
  const account = await openAccount(page.context().request, admin, "Priya Nair");
  void account;
  const request = page.context().request;
  const team = await createTeam(request, "Quiet readers");
  const artifact = await createArtifact(request, team.volumeId, "Harbor pilotage", "---\nname: harbor-pilotage\ndescription: How to bring a ship in.\n---\n\n# Pilotage\n\nSlowly.\n");
  await page.goto(`/artifacts?volume=${team.volumeId}`);
  await page.getByRole("link", { name: /harbor-pilotage/i }).first().click();
  await expect(page.getByText("Slowly.")).toBeVisible();
  await page.goto(`/artifacts/${artifact.id}?tab=history`);
  await expect(page.getByText("Add Harbor pilotage").first()).toBeVisible();
  await page.goto(`/artifacts/${artifact.id}?tab=diff`);
  await expect(page.locator(".diff .add").first()).toBeVisible();
  await page.goto(`/volumes/${team.volumeId}`);
  await page.getByRole("link", { name: /Add Harbor pilotage/ }).first().click();
  await expect(page).toHaveURL(/\/commits\//);
  await expect(page.getByText(/harbor-pilotage/i).first()).toBeVisible();
  await page.goto("/");
  await expect(page.getByRole("heading").first()).toBeVisible();
});
