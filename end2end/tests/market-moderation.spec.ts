// Reports, quarantine and the public record, as people see them.
import { another, api, checkAccessible, expect, openAccount, ready, test, watch } from "../fixtures/index.js";
import { becomePublisher, install, publish, unique } from "../fixtures/market.js";

test("what is reported and put into quarantine is disabled where it is open, until its people decide @phone", async ({ page, team, admin, browser, problems, playwright, baseURL }) => {
  test.setTimeout(120_000);
  const slug = unique("lamp-care");
  const author = await playwright.request.newContext({ baseURL });
  await openAccount(author, admin, "Maren Voss");
  await publish(await becomePublisher(author), admin, { slug, name: "Lamp care" });
  const request = page.context().request;
  const lock = await install(request, team.volumeId, slug);
  const { artifactId } = (lock as unknown as { installations: { artifactId: string }[] }).installations[0]!;

  // Somebody else reports it.
  const reader = await another(browser, admin, "Jonas Brandt");
  watch(reader.page, problems);
  await reader.page.goto(`/marketplace/${slug}`);
  await ready(reader.page);
  await reader.page.getByRole("button", { name: "Report" }).click();
  const dialog = reader.page.getByRole("dialog", { name: "Report Lamp care" });
  await dialog.getByLabel("What exactly").fill("Line 9 sends the logs away.");
  await checkAccessible(reader.page);
  await dialog.getByRole("button", { name: "Report" }).click();
  await expect(reader.page.getByText("Reported: a moderator looks at it")).toBeVisible();
  await reader.page.goto("/marketplace/moderation");
  await expect(reader.page.getByText("Only moderators of the marketplace may do this.")).toBeVisible();

  // Its user has it open while a moderator decides.
  await page.goto(`/artifacts/${artifactId}`);
  await ready(page);
  await expect(page.getByRole("heading", { name: "Lamp care" }).first()).toBeVisible();
  const moderator = await browser.newContext({ storageState: ".auth/administrator.json" });
  const desk = await moderator.newPage();
  watch(desk, problems);
  await desk.goto("/marketplace/moderation");
  await ready(desk);
  const card = desk.getByRole("listitem").filter({ has: desk.getByRole("link", { name: "Lamp care", exact: true }) }).filter({ hasText: "Line 9 sends the logs away." });
  await expect(card).toBeVisible();
  await checkAccessible(desk);
  await card.getByRole("button", { name: "Quarantine" }).click();
  await expect(card.getByText("Say why: everybody reads it.")).toBeVisible();
  await card.getByLabel("Your reason").fill("It sends the logs away.");
  await card.getByRole("button", { name: "Quarantine" }).click();
  await expect(desk.getByText("In quarantine; what is installed is disabled")).toBeVisible();

  await expect(page.getByText("Disabled: what it was installed from is in quarantine.")).toBeVisible({ timeout: 5_000 });
  await expect(page.getByText(/was disabled: It sends the logs away\./)).toBeVisible();
  await checkAccessible(page);
  await reader.page.goto(`/marketplace/${slug}`);
  await expect(reader.page.getByText(/was quarantined by the moderators: It sends the logs away\./)).toBeVisible();

  // They decide to use it nevertheless.
  await page.getByRole("link", { name: "Decide", exact: true }).click();
  const row = page.getByRole("row", { name: /Lamp care/ });
  await expect(row.getByText("Disabled")).toBeVisible();
  await row.getByRole("button", { name: "More about Lamp care" }).click();
  await page.getByRole("button", { name: "Use it nevertheless" }).click();
  const question = page.getByRole("alertdialog", { name: "Use Lamp care nevertheless?" });
  await question.getByLabel("Your reason").fill("We keep no logs.");
  await checkAccessible(page);
  await question.getByRole("button", { name: "Use it" }).click();
  await expect(row.getByText("Disabled")).toHaveCount(0);
  await page.goto("/notifications");
  await expect(page.getByRole("main").getByText("disabled what is installed").first()).toBeVisible();

  // The record says what happened, and not who reported.
  await reader.page.goto(`/marketplace/record?item=${slug}`);
  await ready(reader.page);
  const record = reader.page.getByRole("main").locator(".events > li");
  await expect(record).toHaveCount(3);
  await expect(record.nth(0)).toContainText(/quarantined by Maya Okafor/);
  await expect(record.nth(1)).toContainText(/reported/);
  await expect(record.nth(1)).not.toContainText("Jonas");
  await checkAccessible(reader.page);

  // Its publisher sees why, and appeals; the moderator gives it back.
  const own = await browser.newContext({ storageState: await author.storageState() });
  const office = await own.newPage();
  watch(office, problems);
  await office.goto(`/marketplace/${slug}`);
  await ready(office);
  await expect(office.getByText("In quarantine: nobody finds or installs it")).toBeVisible();
  await office.getByLabel("Appeal").fill("It is only a wick.");
  await office.getByRole("button", { name: "Appeal" }).click();
  await expect(office.getByText("Its publishers say:")).toBeVisible();
  await checkAccessible(office);
  await desk.goto(`/marketplace/${slug}`);
  await ready(desk);
  await desk.getByLabel("Your reason").fill("A mistake of ours.");
  await desk.getByRole("button", { name: "Give it back" }).click();
  await expect(desk.getByText("In quarantine: nobody finds")).toHaveCount(0);
  expect((await api<{ total: number }>(request, "GET", `/marketplace/listings?q=${slug}`)).total).toBeGreaterThan(0);
  for (const context of [reader.context, moderator, own]) await context.close();
  await author.dispose();
});
