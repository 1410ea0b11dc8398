// The catalogue, an item with the way into a volume, and what is installed there.
import type { APIRequestContext, Page, PlaywrightWorkerArgs } from "@playwright/test";
import { api, checkAccessible, expect, openAccount, ready, test, watch } from "../fixtures/index.js";
import { becomePublisher, install, publish, unique, type Wish } from "../fixtures/market.js";

const cards = (page: Page) => page.getByRole("region", { name: "Listings" }).getByRole("listitem");
const plan = (page: Page, name: RegExp) => page.getByRole("dialog", { name });
const line = (page: Page, name: string) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });

test.describe("with something published by somebody else", () => {
  /** Published by an account of its own; what others see. */
  const published = async (playwright: PlaywrightWorkerArgs["playwright"], baseURL: string, admin: APIRequestContext, ...wishes: Wish[]) => {
    const request = await playwright.request.newContext({ baseURL });
    await openAccount(request, admin, "Tomas Rey");
    const publisher = await becomePublisher(request);
    for (const wish of wishes) await publish(publisher, admin, wish);
    return publisher;
  };

  test("the catalogue is searched and narrowed, with its whole state in the address @phone", async ({ page, account, admin, playwright, baseURL }) => {
    void account;
    const tag = unique("harbor");
    const [lamps, ropes] = [unique("lamp-care"), unique("rope-care")];
    await published(
      playwright,
      baseURL!,
      admin,
      { slug: lamps, name: `Lamp care ${tag}`, tags: [tag], capabilities: { hosts: ["tides.example.org", "lights.example.org"], commands: ["git"] } },
      { slug: ropes, name: `Rope care ${tag}`, tags: [tag], category: "testing" },
    );
    await page.goto(`/marketplace?tags=${tag}&sortBy=recent`);
    await ready(page);
    await expect(cards(page)).toHaveCount(2);
    await expect(cards(page).filter({ hasText: "Lamp care" })).toContainText("+1");
    await expect(cards(page).filter({ hasText: "Rope care" })).toContainText("Text only");
    await checkAccessible(page);

    const filters = page.getByRole("button", { name: "Filters" });
    if (await filters.isVisible()) {
      await filters.click();
      await checkAccessible(page);
    }
    await page.getByRole("region", { name: "Narrow it" }).getByRole("link", { name: /^Testing/ }).click();
    await expect(page).toHaveURL(/category=testing/);
    expect(page.url()).toContain("sortBy=recent");
    await expect(cards(page)).toHaveCount(1);
    await page.reload();
    await ready(page);
    await expect(cards(page)).toHaveCount(1);
    await page.getByRole("searchbox", { name: "Search the marketplace" }).fill("nobody ever wrote this");
    await expect(page.getByRole("heading", { name: "Nothing fits" })).toBeVisible();
    await checkAccessible(page);
    await page.getByRole("link", { name: "See everything" }).click();
    await expect(page).toHaveURL(/\/marketplace$/);
    await page.goto(`/marketplace?tags=${tag}`);
    await ready(page);
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/marketplace\/(lamp|rope)-care/);
  });

  test("an item is installed after a look at what would change, and the toast leads to the lock @phone", async ({ page, team, admin, playwright, baseURL }) => {
    const [lamps, wicks] = [unique("lamp-care"), unique("wick-care")];
    await published(
      playwright,
      baseURL!,
      admin,
      { slug: wicks, name: "Wick care" },
      { slug: lamps, name: "Lamp care", body: "Trim the wicks before dusk.", dependencies: [`${wicks}@^1`], capabilities: { hosts: ["tides.example.org"] } },
    );
    await page.goto(`/marketplace/${lamps}`);
    await ready(page);
    await expect(page.getByRole("heading", { level: 1, name: /Lamp care/ }).first()).toBeVisible();
    await expect(page.getByText("Trim the wicks before dusk.")).toBeVisible();
    await expect(page.getByText("tides.example.org").first()).toBeVisible();
    await expect(page.getByText(/In the log as entry/)).toBeVisible();
    await expect(page.getByText(`llmos market install ${lamps} --volume NAME`)).toBeVisible();
    await expect(page.getByText("Who has it installed in a volume may rate it.")).toBeVisible();
    await checkAccessible(page);

    await page.getByLabel("Into volume").selectOption({ label: team.name });
    await page.getByRole("button", { name: "Install", exact: true }).click();
    const dialog = plan(page, /^Install Lamp care/);
    await expect(dialog.getByRole("listitem").filter({ hasText: "Wick care" })).toContainText("Needed by");
    const act = dialog.getByRole("button", { name: "Install", exact: true });
    await expect(act).toBeDisabled();
    await expect(dialog.getByText("Allow what is new to go on.")).toBeVisible();
    await checkAccessible(page);
    await dialog.getByRole("checkbox", { name: "Allow what is new above" }).check();
    await act.click();
    await expect(dialog).toBeHidden();
    await page.getByRole("link", { name: "See it there" }).click();
    await page.waitForURL(new RegExp(`/marketplace/installed\\?volume=${team.volumeId}`));
    await expect(line(page, "Lamp care")).toContainText("Asked for");
    await expect(line(page, "Wick care")).toContainText(`Needed by ${lamps}`);
    await checkAccessible(page);

    // Who has it may say what they think of it.
    await page.goto(`/marketplace/${lamps}`);
    await ready(page);
    const publishReview = page.getByRole("button", { name: "Publish the review" });
    await expect(publishReview).toBeDisabled();
    await page.getByRole("radio", { name: "4 stars" }).check();
    await page.getByLabel(/What you think of it/).fill("It keeps the quay bright.");
    await publishReview.click();
    await expect(page.getByRole("listitem").filter({ hasText: "It keeps the quay bright." })).toBeVisible();
    await expect(page.getByRole("button", { name: "Change the review" })).toBeVisible();
    await checkAccessible(page);
  });

  test("what is installed is updated, pinned, uninstalled with what needs it, and rolled back", async ({ page, team, admin, playwright, baseURL }) => {
    const request = page.context().request;
    const [lamps, wicks] = [unique("lamp-care"), unique("wick-care")];
    const publisher = await published(
      playwright,
      baseURL!,
      admin,
      { slug: wicks, name: "Wick care" },
      { slug: lamps, name: "Lamp care", version: "1.0.0", body: "Trim the wicks.", dependencies: [`${wicks}@^1`] },
    );
    await install(request, team.volumeId, lamps);
    await publish(publisher, admin, { slug: lamps, name: "Lamp care", version: "1.1.0", body: "Trim the wicks at noon.", changelog: "At noon.", dependencies: [`${wicks}@^1`], capabilities: { commands: ["tide"] } });
    await page.goto(`/marketplace/installed?volume=${team.volumeId}`);
    await ready(page);
    await expect(line(page, "Lamp care")).toContainText("1.1.0 is out");

    await page.getByRole("button", { name: "Update Lamp care" }).click();
    const update = plan(page, /^Update Lamp care/);
    await expect(update.getByText("At noon.", { exact: true })).toBeVisible();
    await expect(update.getByRole("heading", { name: "What it could not use before" })).toBeVisible();
    await update.getByText(/^What differs in/).click();
    await expect(update.locator(".diff .add").first()).toContainText("at noon");
    await checkAccessible(page);
    await update.getByRole("checkbox", { name: "Allow what is new above" }).check();
    await update.getByRole("button", { name: "Update", exact: true }).click();
    await expect(update).toBeHidden();
    await expect(line(page, "Lamp care")).not.toContainText("is out");

    await page.getByRole("button", { name: "More about Lamp care" }).click();
    await page.getByRole("button", { name: "Pin this version" }).click();
    await expect(line(page, "Lamp care")).toContainText("Pinned");

    await page.getByRole("button", { name: "More about Wick care" }).click();
    await page.getByRole("button", { name: "Uninstall" }).click();
    const uninstall = plan(page, /^Uninstall Wick care/);
    await expect(uninstall.getByRole("alert")).toBeVisible();
    await expect(uninstall.getByRole("button", { name: "Uninstall", exact: true })).toBeDisabled();
    await uninstall.getByRole("checkbox", { name: /Uninstall what needs it as well/ }).check();
    await expect(uninstall.getByRole("listitem").filter({ hasText: "Lamp care" })).toContainText("Goes");
    await uninstall.getByRole("button", { name: "Uninstall", exact: true }).click();
    await expect(page.getByRole("heading", { name: "Nothing installed yet" })).toBeVisible();

    await page.getByRole("button", { name: /^Roll back to before this: Uninstalled/ }).click();
    const back = plan(page, /^Roll back/);
    const allow = back.getByRole("checkbox", { name: "Allow what is new above" });
    await expect(back.getByRole("listitem").filter({ hasText: "Lamp care" })).toContainText("Comes");
    if (await allow.isVisible()) await allow.check();
    await back.getByRole("button", { name: "Roll back", exact: true }).click();
    await expect(line(page, "Lamp care")).toBeVisible();
    await expect(line(page, "Wick care")).toBeVisible();
  });

  test("what was changed here and by a release is decided in the plan", async ({ page, team, admin, playwright, baseURL }) => {
    const request = page.context().request;
    const lamps = unique("lamp-care");
    const publisher = await published(playwright, baseURL!, admin, { slug: lamps, name: "Lamp care", version: "1.0.0", body: "Trim the wicks at dusk." });
    await install(request, team.volumeId, lamps);
    const lock = await api<{ installations: { artifactId: string }[] }>(request, "GET", `/volumes/${team.volumeId}/lock`);
    const id = lock.installations[0].artifactId;
    const artifact = await api<{ text: string; head: { id: string } }>(request, "GET", `/artifacts/${id}`);
    await api(request, "PUT", `/artifacts/${id}/draft`, { text: artifact.text.replace("at dusk", "at six"), saves: 0 });
    await api(request, "POST", "/commits", { message: "At six here", artifacts: [{ id, baseRevisionId: artifact.head.id }] });
    await publish(publisher, admin, { slug: lamps, name: "Lamp care", version: "1.1.0", body: "Trim the wicks at noon." });
    await page.goto(`/marketplace/installed?volume=${team.volumeId}`);
    await ready(page);
    await expect(line(page, "Lamp care")).toContainText("Edited here");
    await page.getByRole("button", { name: "Update Lamp care" }).click();
    const update = plan(page, /^Update Lamp care/);
    const act = update.getByRole("button", { name: "Update", exact: true });
    await expect(update.getByText("Choose which lines stay.")).toBeVisible();
    await expect(act).toBeDisabled();
    await checkAccessible(page);
    await update.getByRole("radio", { name: /The lines of this volume stay/ }).check();
    await act.click();
    await expect(update).toBeHidden();
    await expect(line(page, "Lamp care")).toContainText("1.1.0");
    await page.goto(`/artifacts/${id}`);
    await expect(page.getByText("Trim the wicks at six.")).toBeVisible();
  });

  test("a visitor finds an item without an account, and signs in to install it", async ({ page, problems, admin, playwright, baseURL }) => {
    watch(page, problems);
    const [lamps, tag] = [unique("lamp-care"), unique("harbor")];
    await published(playwright, baseURL!, admin, { slug: lamps, name: `Lamp care ${tag}`, tags: [tag] });
    const request = await playwright.request.newContext({ baseURL });
    const reader = await openAccount(request, admin, "Kenji Arai");
    await request.dispose();
    // Nothing is asked for that needs an account, neither at once nor live.
    const refused: string[] = [];
    page.on("response", (response) => void (response.status() === 401 && refused.push(response.url())));
    page.on("websocket", (socket) => void refused.push(socket.url()));

    await page.goto("/login");
    await ready(page);
    await page.getByRole("link", { name: "Browse the marketplace" }).click();
    await page.waitForURL("**/marketplace");
    await page.goto(`/marketplace?tags=${tag}`);
    await ready(page);
    await page.getByRole("searchbox", { name: "Search the marketplace" }).fill("lamp care");
    await expect(page).toHaveURL(/(?=.*q=lamp)(?=.*tags=)/);
    await expect(page.getByRole("link", { name: "Publish" })).toHaveCount(0);
    await checkAccessible(page);
    await page.getByRole("link", { name: `Lamp care ${tag}` }).click();
    await page.waitForURL(new RegExp(`/marketplace/${lamps}`));
    await expect(page.getByRole("heading", { level: 1, name: /Lamp care/ }).first()).toBeVisible();
    await expect(page.getByRole("button", { name: "Report" })).toHaveCount(0);
    await checkAccessible(page);
    expect(refused).toEqual([]);

    await page.getByRole("link", { name: "Sign in to install" }).click();
    await page.waitForURL(new RegExp(`/login\\?next=%2Fmarketplace%2F${lamps}`));
    await page.getByLabel("E-mail").fill(reader.email);
    await page.getByLabel("Password", { exact: true }).fill(reader.password);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.waitForURL(new RegExp(`/marketplace/${lamps}`));
    await expect(page.getByRole("button", { name: "Install", exact: true })).toBeVisible();
    await expect(page.getByRole("navigation", { name: "Main", exact: true }).getByRole("link", { name: "Sessions" })).toBeVisible();
  });

  test("catalogue, item and lock read without script @noscript", async ({ page, account, admin, playwright, baseURL, javaScriptEnabled }) => {
    void account;
    const request = page.context().request;
    const [lamps, tag] = [unique("lamp-care"), unique("harbor")];
    await published(playwright, baseURL!, admin, { slug: lamps, name: `Lamp care ${tag}`, tags: [tag] });
    const [volume] = await api<{ id: string; role: string }[]>(request, "GET", "/volumes");
    await install(request, volume.id, lamps);
    await page.goto(`/marketplace?tags=${tag}`);
    if (javaScriptEnabled) await ready(page);
    await page.getByRole("searchbox").fill("lamp care");
    await page.getByRole("searchbox").press("Enter");
    await expect(page).toHaveURL(/(?=.*q=lamp)(?=.*tags=)/);
    await page.getByRole("link", { name: `Lamp care ${tag}` }).click();
    await expect(page.getByRole("heading", { level: 1, name: /Lamp care/ }).first()).toBeVisible();
    await expect(page.getByText("Slowly, and with care.")).toBeVisible();
    await page.goto("/marketplace/installed");
    // With script the choice is enough, once the page listens.
    if (javaScriptEnabled) await ready(page);
    await page.getByLabel("Volume").selectOption(volume.id);
    if (!javaScriptEnabled) await page.getByRole("button", { name: "Show" }).click();
    await expect(line(page, `Lamp care ${tag}`)).toBeVisible();
  });
});

test("an item that is not there says so, with its status", async ({ page, account }) => {
  void account;
  const response = await page.goto("/marketplace/nobody-published-this");
  expect(response?.status()).toBe(404);
  await ready(page);
  await checkAccessible(page);
});

test("what no tab of a phone has room for stands below More @phone", async ({ page, account }) => {
  void account;
  await page.goto("/marketplace");
  await ready(page);
  const tabs = page.getByRole("navigation", { name: "Main, phone" });
  if (!(await tabs.isVisible())) {
    await page.getByRole("navigation", { name: "Main", exact: true }).getByRole("link", { name: "Changes" }).click();
  } else {
    await expect(tabs.getByRole("link", { name: "Market" })).toHaveAttribute("aria-current", "page");
    await tabs.getByText("More").click();
    await checkAccessible(page);
    await tabs.getByRole("link", { name: "Changes" }).click();
  }
  await page.waitForURL("**/changes");
});
