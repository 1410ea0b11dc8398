// Names, owners, deprecation and deletion of what one publishes.
import { another, api, checkAccessible, expect, ready, test, watch } from "../fixtures/index.js";
import { becomePublisher, publish, unique } from "../fixtures/market.js";

test("a name is reserved, renamed and given back", async ({ page, account }) => {
  void account;
  const name = unique("tide-table");
  await page.goto("/marketplace/names");
  await ready(page);
  await expect(page.getByText("No names yet")).toBeVisible();
  await checkAccessible(page);
  await page.getByRole("button", { name: "Reserve a name" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("No Name");
  await dialog.getByRole("button", { name: "Reserve" }).click();
  await expect(dialog.getByText(/lower-case letters, digits and hyphens, such as “dcf-valuation”/).first()).toBeVisible();
  await dialog.getByLabel("Name", { exact: true }).fill(name);
  await dialog.getByRole("button", { name: "Reserve" }).click();
  await page.waitForURL(`**/marketplace/${name}/manage`);
  await expect(page.getByText("Reserved: nothing is public")).toBeVisible();
  await checkAccessible(page);
  await page.getByRole("button", { name: "Rename" }).first().click();
  await page.getByRole("dialog").getByLabel("New name").fill(`${name}-two`);
  await page.getByRole("dialog").getByRole("button", { name: "Rename" }).click();
  await page.waitForURL(`**/marketplace/${name}-two/manage`);
  await page.getByRole("button", { name: "Delete" }).first().click();
  await page.getByRole("alertdialog").getByLabel(/^Type/).fill(`${name}-two`);
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
  await page.waitForURL("**/marketplace/names");
  await expect(page.getByText("No names yet")).toBeVisible();
});

test("what is renamed is found by its old name; a co-owner is told, and leaves", async ({ page, account, admin, browser, problems }) => {
  void account;
  const publisher = await becomePublisher(page.context().request);
  const slug = unique("lamp-care");
  await publish(publisher, admin, { slug, name: "Lamp care" });
  const tom = await another(browser, admin, "Tom Adeyemi");
  watch(tom.page, problems);

  await page.goto(`/marketplace/${slug}`);
  await ready(page);
  await page.getByRole("link", { name: "Manage" }).click();
  await page.waitForURL(`**/marketplace/${slug}/manage`);
  await page.getByLabel("Add a co-owner").fill(tom.account.email);
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await expect(page.getByText("Co-owner since")).toBeVisible();
  await page.getByRole("button", { name: "Rename" }).first().click();
  await page.getByRole("dialog").getByLabel("New name").fill(`${slug}-new`);
  await page.getByRole("dialog").getByRole("button", { name: "Rename" }).click();
  await page.waitForURL(`**/marketplace/${slug}-new/manage`);
  await expect(page.getByText(slug, { exact: true }).first()).toBeVisible();
  await checkAccessible(page);

  // The old address leads to the new one.
  await page.goto(`/marketplace/${slug}`);
  await page.waitForURL(`**/marketplace/${slug}-new`);
  await expect(page.getByRole("heading", { name: /Lamp care/ }).first()).toBeVisible();

  await tom.page.goto("/notifications");
  await ready(tom.page);
  await tom.page.getByText("made you a co-owner").click();
  await tom.page.waitForURL("**/manage");
  await expect(tom.page.getByText("You are a co-owner: you publish and deprecate it.")).toBeVisible();
  await tom.page.getByRole("button", { name: "Leave", exact: true }).click();
  await tom.page.getByRole("alertdialog").getByRole("button", { name: "Leave", exact: true }).click();
  await tom.page.waitForURL("**/marketplace/names");
  await expect(tom.page.getByText("No names yet")).toBeVisible();
  await tom.context.close();
});

test("what is deprecated says so where it is read and installed", async ({ page, account, admin, team }) => {
  void account;
  const publisher = await becomePublisher(page.context().request);
  const slug = unique("oil-lamps");
  await publish(publisher, admin, { slug, name: "Oil lamps" });
  await api(page.context().request, "POST", `/volumes/${team.volumeId}/lock`, { install: [slug] });
  await page.goto(`/marketplace/${slug}/manage`);
  await ready(page);
  await page.getByLabel("Why").fill("Nobody burns oil any more.");
  await page.getByRole("button", { name: "Deprecate", exact: true }).click();
  await expect(page.getByText("Deprecated: Nobody burns oil any more.").first()).toBeVisible();
  await page.goto(`/marketplace/${slug}`);
  await expect(page.getByText(/its publisher advises against it\. Nobody burns oil any more\./)).toBeVisible();
  await page.goto(`/marketplace/installed?volume=${team.volumeId}`);
  await expect(page.getByText("Nobody burns oil any more.")).toBeVisible();
  await checkAccessible(page);

  // Handed to the team; then it is the team's.
  await page.goto(`/marketplace/${slug}/manage`);
  await ready(page);
  await page.getByRole("button", { name: "Hand over" }).first().click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Hand over" }).click();
  await expect(page.getByText("Owner, a team")).toBeVisible();
  await page.getByRole("button", { name: "No longer deprecate it" }).click();
  await expect(page.getByText("Deprecated: Nobody burns oil any more.")).toHaveCount(0);
});
