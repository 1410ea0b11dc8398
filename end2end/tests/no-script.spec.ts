// The main pages read, and signing in works, without JavaScript.
import { api, createArtifact, createTeam, expect, openAccount, signIn, test } from "../fixtures/index.js";

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

test("sessions, a session, changes and notifications read, and the filters of sessions work @noscript", async ({ page, admin, playwright, baseURL }) => {
  const request = page.context().request;
  await openAccount(request, admin, "Priya Nair");
  const team = await createTeam(request, "Quiet workers");
  await api(request, "POST", "/artifacts", { volumeId: team.volumeId, kind: "skill", name: "Mooring lines", text: "# Lines\n" });
  const begin = (title: string, teamId?: string) => api<{ id: string }>(request, "POST", "/sessions", { title, goal: "Agree on it.", teamId });
  const session = await begin("Mooring rules", team.id);
  await begin("My mooring notes");
  const { url } = await api<{ url: string }>(request, "POST", `/teams/${team.id}/invitations`, { role: "member", maxUses: 1, expiresInDays: 1 });
  const second = await playwright.request.newContext({ baseURL });
  await openAccount(second, admin, "Tomas Rey");
  await api(second, "POST", `/invitations/${url.split("/").pop()}/accept`);
  await api(second, "POST", `/sessions/${session.id}/messages`, { text: "@priyanair which lines first?" });
  await second.dispose();

  const rows = page.locator(".rows.sessions > li");
  await page.goto("/sessions?view=team&sort=title");
  await expect(rows).toHaveText([/Mooring rules/]);
  // The form keeps what else the address says.
  await page.getByPlaceholder("Filter by title or goal").fill("mooring");
  await page.getByPlaceholder("Filter by title or goal").press("Enter");
  await expect(page).toHaveURL(/\?(?=.*q=mooring)(?=.*view=team)(?=.*sort=title)/);
  await expect(rows).toHaveText([/Mooring rules/]);
  await page.getByRole("link", { name: "All", exact: true }).click();
  await expect(rows).toHaveText([/Mooring rules/, /My mooring notes/]);
  await page.getByText("Team: any").click();
  await page.getByRole("link", { name: "Quiet workers", exact: true }).and(page.locator(".drop a")).click();
  await expect(page).toHaveURL(new RegExp(`team=${team.id}`));
  await expect(rows).toHaveText([/Mooring rules/]);

  await page.goto(`/sessions/${session.id}`);
  await expect(page.getByRole("heading", { level: 1, name: "Mooring rules" })).toBeVisible();
  await expect(page.getByRole("main").getByText("which lines first?").first()).toBeVisible();
  await page.goto("/changes");
  await expect(page.getByRole("main").getByRole("link", { name: "mooring-lines" }).first()).toBeVisible();
  await page.goto("/notifications");
  await expect(page.getByRole("main").getByText("which lines first?").first()).toBeVisible();
});
