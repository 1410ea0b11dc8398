// Two people, one artifact: what happens when both change it.
import { api, another, checkAccessible, createArtifact, expect, ready, test, watch, write, type Team } from "../fixtures/index.js";
import type { Browser, Page, APIRequestContext } from "@playwright/test";

const TEXT = (line: string) => `---\nname: harbor-tides\ndescription: When ships may come in.\n---\n\n# Tides\n\nBefore the line.\n\n${line}\n\nAfter the line.\n`;

/** A second member of the team, in a browser of their own. */
async function colleague(browser: Browser, page: Page, admin: APIRequestContext, team: Team, problems: string[]) {
  const second = await another(browser, admin, "Tomas Rey");
  watch(second.page, problems);
  const { url } = await api<{ url: string }>(page.context().request, "POST", `/teams/${team.id}/invitations`, { role: "maintainer", maxUses: 1, expiresInDays: 1 });
  await api(second.context.request, "POST", `/invitations/${url.split("/").pop()}/accept`);
  return second;
}

test("a draft that somebody overtook is merged place by place and committed", async ({ page, team, admin, browser, problems }) => {
  test.slow();
  const request = page.context().request;
  const { id } = await createArtifact(request, team.volumeId, "Harbor tides", TEXT("At high water only."));
  await api(request, "PUT", `/artifacts/${id}/draft`, { text: TEXT("At any water."), saves: 0 });
  const detail = await api<{ head: { id: string } }>(request, "GET", `/artifacts/${id}`);
  await api(request, "POST", "/commits", { message: "At any water", artifacts: [{ id, baseRevisionId: detail.head.id }] });

  // One writes a draft, the other restores what was first meanwhile.
  await page.goto(`/artifacts/${id}?tab=edit`);
  await ready(page);
  await write(page, TEXT("At slack water."));
  await expect(page.getByText("Saved on disk")).toBeVisible();
  const second = await colleague(browser, page, admin, team, problems);
  await second.page.goto(`/artifacts/${id}?tab=history`);
  await ready(second.page);
  await second.page.getByRole("listitem").filter({ hasText: "Add Harbor tides" }).getByRole("button", { name: "Restore" }).click();
  await expect(second.page.getByText(/^Restored/)).toBeVisible();

  // The commit is refused, and the page leads to the merge.
  await page.getByRole("button", { name: "Commit", exact: true }).click();
  await expect(page.getByText("Tomas Rey committed in between.")).toBeVisible();
  await page.getByRole("link", { name: "Merge", exact: true }).click();
  const place = page.getByRole("region", { name: "Place 1" });
  await expect(place.getByText("At slack water.")).toBeVisible();
  await expect(place.getByText("At high water only.")).toBeVisible();
  await checkAccessible(page);
  const save = page.getByRole("button", { name: "Save the merge" });
  await expect(save).toBeDisabled();
  await place.getByRole("button", { name: /^Keep Tomas/ }).click();
  await expect(page.getByLabel("Merged text")).not.toHaveValue(/slack water/);
  await place.getByRole("button", { name: "Keep both" }).click();
  await expect(page.getByLabel("Merged text")).toHaveValue(/slack water[\s\S]*high water|high water[\s\S]*slack water/);
  await save.click();
  await page.waitForURL(/tab=diff/);
  await expect(page.locator(".diff .add", { hasText: "At slack water." })).toBeVisible();
  await page.goto(`/artifacts/${id}?tab=edit`);
  await ready(page);
  await page.getByRole("button", { name: "Commit", exact: true }).click();
  await expect(page.getByText(/^Committed/)).toBeVisible();
  await second.context.close();
});
