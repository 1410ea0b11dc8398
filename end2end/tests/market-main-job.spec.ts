// The marketplace from end to end on a real skill: published, reviewed, signed, found by another team, installed with what it needs, rated, updated and rolled back.
import { readFileSync } from "node:fs";
import { ADMIN_STATE, another, api, expect, importFiles, ready, test, watch } from "../fixtures/index.js";
import { becomePublisher, compared, publish } from "../fixtures/market.js";
import { byMeaning } from "../fixtures/search.js";

const SLUG = "code-review-excellence";
const skill = readFileSync(new URL(`../../tests/data/volume/skills/${SLUG}/SKILL.md`, import.meta.url), "utf8");
const helper = readFileSync(new URL("../../tests/data/volume/skills/conventional-commit/SKILL.md", import.meta.url), "utf8");

test("a skill goes from its maintainer to another team, and a newer version follows it", async ({ page, team, admin, browser, problems }) => {
  test.setTimeout(240_000);
  const request = page.context().request;
  // What it needs is there already.
  const publisher = await becomePublisher(request);
  await publish(publisher, admin, { slug: "conventional-commit", name: "Conventional commit", body: helper.slice(helper.indexOf("\n---") + 4) });
  await importFiles(request, team.volumeId, [[`skills/${SLUG}/SKILL.md`, skill]]);

  // Published from the library.
  const library = await api<{ items: { id: string; slug: string; headRevisionId: string }[] }>(request, "GET", `/artifacts?volume=${team.volumeId}`);
  const artifact = library.items.find((item) => item.slug === SLUG)!;
  await page.goto(`/marketplace/publish?artifact=${artifact.id}`);
  await ready(page);
  await page.getByLabel("Licence").fill("MIT");
  await page.getByLabel("Category").selectOption("Testing");
  await page.getByLabel("Dependencies").fill("conventional-commit@^1");
  await page.getByLabel("What changed").fill("The first release.");
  await page.getByRole("button", { name: "Submit for review" }).click();
  await page.waitForURL(/\/marketplace\/submissions\/[0-9a-f-]{36}$/);
  const first = page.url().split("/").pop()!;

  // Looked at by a moderator.
  const me = await api<{ person: { id: string } }>(admin, "GET", "/me");
  await api(admin, "PATCH", `/admin/users/${me.person.id}`, { moderator: true });
  const desk = await browser.newContext({ storageState: ADMIN_STATE });
  const moderator = await desk.newPage();
  watch(moderator, problems);
  const approve = async (id: string) => {
    await compared(admin, id);
    await moderator.goto(`/marketplace/submissions/${id}`);
    await ready(moderator);
    await moderator.getByRole("radio", { name: /^Approve/ }).check();
    await moderator.getByLabel("Reason").fill("Read it whole.");
    await moderator.getByRole("button", { name: "Approve" }).click();
    await expect(moderator.getByText("Approved; its author signs it now")).toBeVisible();
  };
  await approve(first);

  // Signed in the browser.
  await page.goto(`/marketplace/submissions/${first}`);
  await ready(page);
  await page.getByRole("button", { name: "Make a key and sign" }).click();
  await expect(page.getByText("Public: everybody here can install it.").first()).toBeVisible();

  // Another team finds it by category and by meaning.
  const { page: theirs, context } = await another(browser, admin, "Omar Haddad");
  watch(theirs, problems);
  const made = await api<{ id: string }>(context.request, "POST", "/teams", { name: "Pier four" });
  const volumes = await api<{ id: string; team?: string; name: string }[]>(context.request, "GET", "/volumes");
  const pier = volumes.find((volume) => volume.team === made.id)!;
  const meaning = await byMeaning(context.request);
  await theirs.goto("/marketplace?category=testing");
  await ready(theirs);
  const card = theirs.getByRole("region", { name: "Listings" }).getByRole("listitem").filter({ hasText: /code.review/i });
  await expect(card).toBeVisible();
  await theirs.goto(`/marketplace?q=${encodeURIComponent(meaning ? "give colleagues useful feedback on their changes" : "code review")}`);
  await ready(theirs);
  await card.getByRole("link").first().click();
  await theirs.waitForURL(new RegExp(`/marketplace/${SLUG}`));
  await ready(theirs);
  await expect(theirs.getByText(/In the log as entry/)).toBeVisible();

  // Installed with what it needs.
  await theirs.getByLabel("Into volume").selectOption(pier.id);
  await theirs.getByRole("button", { name: "Install", exact: true }).click();
  const dialog = theirs.getByRole("dialog");
  await expect(dialog.getByRole("listitem").filter({ hasText: "Conventional commit" })).toContainText("Needed by");
  const allow = dialog.getByRole("checkbox", { name: "Allow what is new above" });
  if (await allow.isVisible()) await allow.check();
  await dialog.getByRole("button", { name: "Install", exact: true }).click();
  await expect(dialog).toBeHidden();
  type Lock = { installations: { slug: string; version: string; artifactId: string }[]; changes: { id: string }[] };
  const lock = () => api<Lock>(context.request, "GET", `/volumes/${pier.id}/lock`);
  const versions = async () => (await lock()).installations.map(({ slug, version }) => `${slug} ${version}`);
  expect(await versions()).toEqual([`${SLUG} 1.0.0`, "conventional-commit 1.0.0"]);

  // Rated.
  await theirs.goto(`/marketplace/${SLUG}`);
  await ready(theirs);
  await theirs.getByRole("radio", { name: "5 stars" }).check();
  await theirs.getByLabel(/What you think of it/).fill("Our reviews are kinder now.");
  await theirs.getByRole("button", { name: "Publish the review" }).click();
  await expect(theirs.getByRole("listitem").filter({ hasText: "Our reviews are kinder now." })).toBeVisible();

  // 1.1.0, with something that it could not use before.
  const newer = `${skill}\n## Before you begin\n\nRun \`git log --oneline\` to see what the change is part of.\n`;
  await api(request, "PUT", `/artifacts/${artifact.id}/draft`, { text: newer, saves: 0 });
  await api(request, "POST", "/commits", { message: "Look at the history first", artifacts: [{ id: artifact.id, baseRevisionId: artifact.headRevisionId }] });
  await page.goto(`/marketplace/publish?artifact=${artifact.id}`);
  await ready(page);
  await page.getByLabel("Version", { exact: true }).fill("1.1.0");
  await page.getByLabel("Dependencies").fill("conventional-commit@^1");
  await page.getByLabel("What changed").fill("Looks at the history first.");
  await page.getByLabel("Commands").fill("git");
  await page.getByRole("button", { name: "Submit for review" }).click();
  await page.waitForURL(/\/marketplace\/submissions\/[0-9a-f-]{36}$/);
  const second = page.url().split("/").pop()!;
  await approve(second);
  await page.goto(`/marketplace/submissions/${second}`);
  await ready(page);
  await page.getByRole("button", { name: "Sign and make public" }).click();
  await expect(page.getByText("Public: everybody here can install it.").first()).toBeVisible();

  // Offered, looked at, taken, and taken back.
  await theirs.goto(`/marketplace/installed?volume=${pier.id}`);
  await ready(theirs);
  await expect(theirs.getByText("1.1.0 is out")).toBeVisible();
  await theirs.getByRole("button", { name: /^Update (?!all)/ }).click();
  const update = theirs.getByRole("dialog", { name: /^Update/ });
  await expect(update.getByText("Looks at the history first.", { exact: true })).toBeVisible();
  await expect(update.getByRole("heading", { name: "What it could not use before" })).toBeVisible();
  await update.getByText(/^What differs in/).click();
  await expect(update.locator(".diff .add").filter({ hasText: "git log --oneline" }).first()).toBeVisible();
  await update.getByRole("checkbox", { name: "Allow what is new above" }).check();
  await update.getByRole("button", { name: "Update", exact: true }).click();
  await expect(update).toBeHidden();
  expect(await versions()).toEqual([`${SLUG} 1.1.0`, "conventional-commit 1.0.0"]);

  await theirs.getByRole("button", { name: /^Roll back to before this: / }).first().click();
  const back = theirs.getByRole("dialog", { name: /^Roll back/ });
  await back.getByRole("button", { name: "Roll back", exact: true }).click();
  await expect(back).toBeHidden();
  expect(await versions()).toEqual([`${SLUG} 1.0.0`, "conventional-commit 1.0.0"]);
  const there = await api<{ text: string }>(context.request, "GET", `/artifacts/${(await lock()).installations[0]!.artifactId}`);
  expect(there.text).toBe(skill.replaceAll("\r\n", "\n"));
  await context.close();
  await desk.close();
});
