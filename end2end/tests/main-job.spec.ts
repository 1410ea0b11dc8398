// The main job, from a team to a second person, as people do it.
import { fileURLToPath } from "node:url";
import { another, append, checkAccessible, expect, ready, test, watch } from "../fixtures/index.js";

const SAMPLE = fileURLToPath(new URL("../../tests/data/volume", import.meta.url));

test("a team imports a folder, edits, commits, and shares with a viewer", async ({ page, account, admin, browser, problems }) => {
  void account;
  await page.goto("/settings/teams");
  await ready(page);
  await page.getByRole("button", { name: "New team" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Harbor Platform");
  await dialog.getByRole("button", { name: /Create|Make/ }).click();
  await expect(page.getByRole("navigation", { name: "Teams" }).getByText("Harbor Platform")).toBeVisible();

  // Import, with a bar and a report.
  await page.goto("/import");
  await ready(page);
  await page.getByLabel("Into the volume").selectOption({ label: "Harbor Platform" });
  // The upload waits until its bar was seen.
  let seen = () => {};
  const bar = new Promise<void>((resolve) => { seen = resolve; });
  await page.route("**/api/v1/volumes/*/imports", async (route) => { await bar; await route.continue(); });
  await page.locator("input[webkitdirectory]").setInputFiles(SAMPLE);
  await expect(page.locator(".job", { hasText: "Sending" }).getByRole("progressbar")).toBeVisible();
  seen();
  await expect(page.getByText(/^Imported \d+ artifacts$/)).toBeVisible({ timeout: 60_000 });
  await checkAccessible(page);
  await page.getByRole("link", { name: "Open the library" }).click();

  // Find one.
  await page.locator("[data-filter]").fill("e2e-testing-patterns");
  const row = page.getByRole("link", { name: /e2e-testing-patterns/ });
  await expect(row).toHaveCount(1);
  await row.click();
  await expect(page.getByRole("heading", { level: 1, name: /e2e-testing-patterns/ }).first()).toBeVisible();
  const address = new URL(page.url()).pathname;

  // Edit; what is typed is saved by itself.
  await page.getByRole("link", { name: "Edit" }).first().click();
  await append(page, "\n## Harbor's own rule\n\nReview within one working day.\n");
  await expect(page.getByText("Saved on disk")).toBeVisible();
  await expect(page.getByRole("link", { name: "1 draft" })).toBeVisible();

  // Commit.
  await page.getByLabel("Message of the commit").fill("Add the harbor's own rule");
  await page.getByRole("button", { name: "Commit", exact: true }).click();
  await expect(page.getByText("Committed \u201cAdd the harbor's own rule\u201d")).toBeVisible();
  await expect(page.getByText("All changes committed")).toBeVisible();

  // History and diff.
  await page.waitForURL(/tab=history/);
  await expect(page.getByText("Add the harbor's own rule").first()).toBeVisible();
  await page.goto(`${address}?tab=diff`);
  await expect(page.locator(".diff .add", { hasText: "Review within one working day." }).first()).toBeVisible();
  await checkAccessible(page);

  // Invite a second person with a link.
  await page.getByRole("link", { name: "Home", exact: true }).first().click();
  await page.getByRole("navigation", { name: "Teams" }).getByText("Harbor Platform").click();
  await page.getByRole("link", { name: /Invitations/ }).click();
  await page.getByLabel("They become").selectOption("viewer");
  await page.getByRole("button", { name: "Make a link" }).click();
  const link = await page.locator(".secret code").innerText();
  expect(link).toContain("/invite/");

  const second = await another(browser, admin, "Tomas Rey");
  watch(second.page, problems);
  await second.page.goto(new URL(link).pathname);
  await ready(second.page);
  await second.page.getByRole("button", { name: "Accept the invitation" }).click();
  await second.page.waitForURL(/\/teams\//);

  // The viewer sees it and cannot change it.
  await second.page.goto(address);
  await ready(second.page);
  await expect(second.page.getByText("Review within one working day.").first()).toBeVisible();
  await expect(second.page.getByText("You are a viewer here").first()).toBeVisible();
  await expect(second.page.getByRole("region", { name: "Artifact", exact: true }).getByRole("link", { name: "Edit" })).toHaveCount(0);
  const id = address.split("/").pop();
  const refused = await second.context.request.put(`/api/v1/artifacts/${id}/draft`, { data: { text: "mine now", saves: 0 } });
  expect(refused.status()).toBe(403);
  await second.context.close();
});
