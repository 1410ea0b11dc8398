// Search: in one's own words, narrowed, with its whole state in the address; and from the palette.
import { api, beginSession, checkAccessible, createArtifact, expect, ready, test } from "../fixtures/index.js";
import { byMeaning } from "../fixtures/search.js";
import type { Page } from "@playwright/test";

const hits = (page: Page) => page.locator(".hits .hit");
const names = (page: Page) => hits(page).locator(".t").allInnerTexts();

test("what is needed is found in one's own words, narrowed, and opened @phone", async ({ page, account }) => {
  void account;
  const meaning = await byMeaning(page.context().request);
  if (!meaning) test.info().annotations.push({ type: "skipped", description: "without a model: by words only" });
  await page.goto("/search");
  await ready(page);
  await expect(page.getByText("Say what you need")).toBeVisible();
  await checkAccessible(page);
  await page.getByRole("searchbox", { name: "What do you need?" }).fill(meaning ? "calculate company worth" : "valuation of a company");
  await expect(hits(page).first()).toBeVisible();
  const five = (await names(page)).slice(0, 5).join(", ");
  for (const wanted of meaning ? ["DCF Valuation", "Comparable Company Analysis", "Equity Valuation", "Financial Calculator"] : ["DCF Valuation"]) expect(five).toContain(wanted);
  await expect(page).toHaveURL(/\/search\?q=/);
  await checkAccessible(page);

  // Why they are where they are, and as a link that somebody else could open.
  await page.getByRole("link", { name: "Why", exact: true }).click();
  await expect(hits(page).first().getByText(/rank 1/)).toBeVisible();
  await page.reload();
  await ready(page);
  await expect(hits(page).first().getByText(/rank 1/)).toBeVisible();
  await expect(page.getByRole("searchbox")).toHaveValue(/company/);
  await page.keyboard.press("j");
  await expect(hits(page).first().getByRole("link")).toBeFocused();
  const first = (await names(page))[0];
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/artifacts\//);
  await expect(page.getByRole("heading", { name: first }).first()).toBeVisible();
});

test("facets narrow, and what finds nothing says how to go on", async ({ page, team }) => {
  const request = page.context().request;
  await createArtifact(request, team.volumeId, "Lantern duty", "---\nname: lantern-duty\ndescription: Who lights the quayside lanterns.\ntags: [night]\n---\n\nTrim the wicks before dusk.\n");
  await page.goto("/search?q=quayside%20wicks");
  await ready(page);
  await expect(hits(page).first()).toContainText("Trim the wicks before dusk.");
  await expect(hits(page).first().locator("mark").first()).toBeVisible();
  const facets = page.getByRole("region", { name: "Narrow it" });
  await facets.getByRole("link", { name: /^Skills/ }).click();
  await expect(page).toHaveURL(/kind=skill/);
  await expect(facets.getByRole("link", { name: /^Skills/ })).toHaveAttribute("aria-current", "true");
  await page.goto("/search?q=%22quayside%20wicks%20elsewhere%22&kind=tool");
  await ready(page);
  await expect(page.getByText("The filters may leave out what you need.")).toBeVisible();
  await page.getByRole("link", { name: "Search without filters" }).click();
  await expect(page).not.toHaveURL(/kind=/);
});

test("versions narrow, and where there is little room the filters lie over what was found @phone", async ({ page, team }) => {
  const text = (name: string, version: string) => `---\nname: ${name}\ndescription: How the ${name} is wound.\nversion: ${version}\n---\n\nWind the capstan.\n`;
  for (const [name, version] of [["First winding", "1.2.0"], ["Second winding", "2.1.0"]] as const) await createArtifact(page.context().request, team.volumeId, name, text(name, version));
  await page.goto(`/search?q=capstan%20winding&volume=${team.volumeId}&sort=name`);
  await ready(page);
  await expect(hits(page)).toHaveCount(2);
  const filters = page.getByRole("button", { name: "Filters" });
  const narrow = await filters.isVisible();
  if (narrow) await filters.click();
  await checkAccessible(page);
  await page.getByRole("textbox", { name: "From" }).fill("2");
  await page.getByRole("button", { name: "Apply" }).click();
  await expect(page).toHaveURL(/minVersion=2/);
  expect(page.url()).toContain("sort=name");
  await expect(hits(page)).toHaveCount(1);
  await expect(hits(page)).toContainText("Second winding");
  if (narrow) await filters.click();
  await page.getByRole("region", { name: "Narrow it" }).getByRole("link", { name: /^Skills/ }).click();
  await expect(page).toHaveURL(/kind=skill/);
  await expect(hits(page).first()).toBeVisible();
});

test("the palette finds while one types, and remembers what was asked", async ({ page, team }) => {
  await createArtifact(page.context().request, team.volumeId, "Lantern duty", "---\nname: Lantern duty\ndescription: Who lights the lanterns.\n---\n\nTrim the wicks.\n");
  await page.goto("/");
  await ready(page);
  await page.keyboard.press("Control+k");
  const field = page.getByRole("combobox", { name: "Search or go to" });
  await field.fill("trim wic");
  await expect(page.getByRole("option", { name: /Lantern duty/ })).toBeVisible();
  await page.getByRole("option", { name: /Search everything for “trim wic”/ }).click();
  await page.waitForURL(/\/search\?q=trim/);
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("option", { name: /trim wic/ })).toBeVisible();
});

test("a session is found by what was said in it, and leads to the message; beside an artifact stands what is like it", async ({ page, team }) => {
  const request = page.context().request;
  const session = await beginSession(request, team, "Harbor lights");
  for (const text of ["Good morning.", "The windlass of the east pier squeals.", "Who has oil?"]) await api(request, "POST", `/sessions/${session.id}/messages`, { text });
  await page.goto("/search?q=squealing%20windlass");
  await ready(page);
  const hit = hits(page).filter({ hasText: "Harbor lights" });
  await expect(hit).toContainText(team.name);
  await expect(hit.locator("mark").first()).toBeVisible();
  await page.getByRole("region", { name: "Narrow it" }).getByRole("link", { name: /^Sessions/ }).click();
  await expect(page).toHaveURL(/kind=session/);
  await checkAccessible(page);
  await hit.getByRole("link").click();
  await page.waitForURL(new RegExp(`/sessions/${session.id}\\?entry=`));
  await expect(page.getByRole("article").filter({ hasText: "The windlass of the east pier squeals." })).toBeVisible();

  const text = (name: string) => `---\nname: ${name}\ndescription: How the ${name} is kept.\ntags: [brass]\n---\n\nPolish the brass of the ${name}.\n`;
  const [lamp] = [await createArtifact(request, team.volumeId, "Brass lamp", text("Brass lamp")), await createArtifact(request, team.volumeId, "Brass bell", text("Brass bell"))];
  await page.goto(`/artifacts/${lamp.id}`);
  await ready(page);
  const alike = page.getByRole("complementary", { name: "About this artifact" });
  await expect(alike.getByRole("heading", { name: "More like this" })).toBeVisible();
  await checkAccessible(page);
  await alike.getByRole("link", { name: "Brass bell" }).click();
  await expect(page.getByRole("heading", { name: "Brass bell" }).first()).toBeVisible();
});

test("a search reads without script @noscript", async ({ page, account }) => {
  void account;
  await page.goto("/search?q=valuation&kind=skill&sort=name");
  await expect(hits(page).first()).toBeVisible();
  await page.getByRole("searchbox").fill("contract");
  await page.getByRole("button", { name: "Search", exact: true }).click();
  await expect(page).toHaveURL(/q=contract/);
  expect(new URL(page.url()).searchParams.get("kind")).toBe("skill");
  expect(new URL(page.url()).searchParams.get("sort")).toBe("name");
  await expect(hits(page).filter({ hasText: "Contract Analysis" })).toBeVisible();
});
