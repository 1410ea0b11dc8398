// The life of a volume, and the files beside an artifact.
import { checkAccessible, createArtifact, expect, ready, test } from "../fixtures/index.js";

test("a volume is made, renamed and deleted", async ({ page, team }) => {
  await page.goto("/artifacts");
  await ready(page);
  await page.getByRole("button", { name: "New volume" }).click();
  const dialog = page.getByRole("dialog", { name: "New volume" });
  await dialog.getByLabel("Name").fill("Charts");
  await dialog.getByLabel("Shared with").selectOption({ label: team.name });
  await checkAccessible(page);
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.waitForURL(/\/volumes\//);
  await expect(page.getByRole("heading", { level: 1, name: "Charts" })).toBeVisible();
  await expect(page.getByText("Shared with the team.")).toBeVisible();

  await page.getByLabel("More", { exact: true }).click();
  await page.getByRole("button", { name: "Rename" }).click();
  const rename = page.getByRole("dialog", { name: "Rename the volume" });
  await rename.getByLabel("Name").fill("Sea charts");
  await rename.getByRole("button", { name: "Rename" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Sea charts" })).toBeVisible();

  await page.getByLabel("More", { exact: true }).click();
  await page.getByRole("button", { name: "Delete the volume" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete volume" }).click();
  await page.waitForURL(/\/artifacts$/);
  await expect(page.getByText("Deleted the volume")).toBeVisible();
  await expect(page.getByRole("navigation", { name: "Volumes and views" }).getByText("Sea charts")).toHaveCount(0);
});

test("files are put beside an artifact, shown, replaced and removed", async ({ page, team }) => {
  const { id } = await createArtifact(page.context().request, team.volumeId, "Signal flags");
  await page.goto(`/artifacts/${id}?tab=files`);
  await ready(page);
  const pane = page.getByRole("region", { name: "Artifact", exact: true });
  const put = async (text: string) => pane.getByLabel("Add or replace files").setInputFiles({ name: "flags.txt", mimeType: "text/plain", buffer: Buffer.from(text) });
  await pane.getByLabel("Into the folder").fill("references");
  await put("Alpha: diver down\n");
  await pane.getByRole("link", { name: "references/flags.txt" }).click();
  await expect(pane.getByText("Alpha: diver down")).toBeVisible();
  await checkAccessible(page);
  await pane.getByLabel("Into the folder").fill("references");
  await put("Bravo: dangerous goods\n");
  await expect(pane.getByText("Bravo: dangerous goods")).toBeVisible();
  await expect(pane.getByText("Alpha: diver down")).toHaveCount(0);
  await pane.getByRole("button", { name: "Remove references/flags.txt" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Remove file" }).click();
  await expect(pane.getByText("No files beside it")).toBeVisible();
});
