// An item's page: reviews with their answers, pictures, links to files, what is like it; and the licence of a release.
import type { Browser, APIRequestContext, Page } from "@playwright/test";
import { deflateSync } from "node:zlib";
import { ADMIN_STATE, another, api, checkAccessible, createArtifact, expect, ready, test, watch, type Team } from "../fixtures/index.js";
import { becomePublisher, install, publish, unique, type Wish } from "../fixtures/market.js";

const reviews = (page: Page) => page.getByRole("region", { name: "Reviews" });
const review = (page: Page, words: string) => reviews(page).getByRole("listitem").filter({ hasText: words });
const path = (slug: string) => `/marketplace/listings/${slug}`;

/** Somebody who publishes, in a browser of their own, and what they published. */
async function published(browser: Browser, admin: APIRequestContext, problems: string[], wish: Wish & Record<string, unknown>) {
  const publisher = await another(browser, admin, "Tomas Rey");
  watch(publisher.page, problems);
  await publish(await becomePublisher(publisher.context.request), admin, wish);
  return publisher;
}

const openItem = async (page: Page, slug: string, more = "") => {
  await page.goto(`/marketplace/${slug}${more}`);
  await ready(page);
};

/** CRC-32, as PNG has it. */
function crc(bytes: Buffer): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** A picture of one colour. */
function png(width: number, height: number, shade: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc(body));
    return Buffer.concat([length, body, check]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head[8] = 8; // bits; grey
  const rows = Buffer.alloc((width + 1) * height, shade);
  for (let row = 0; row < height; row++) rows[row * (width + 1)] = 0;
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", head), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

test("a review is answered, its writer is told, a moderator hides it and shows it again, and it is taken back", async ({ page, team, admin, browser, problems }) => {
  const slug = unique("lamp-care");
  const publisher = await published(browser, admin, problems, { slug, name: "Lamp care" });
  await install(page.context().request, team.volumeId, slug);
  await openItem(page, slug);
  await page.getByRole("radio", { name: "2 stars" }).check();
  await page.getByLabel(/What you think of it/).fill("Too <b>dim</b> for the pier.");
  await page.getByRole("button", { name: "Publish the review" }).click();
  await expect(review(page, "Too <b>dim</b> for the pier.")).toBeVisible();
  await expect(page.getByRole("button", { name: /^Answer|^Hide/ })).toHaveCount(0);

  // Its publisher answers, and thinks better of the words.
  await openItem(publisher.page, slug);
  await publisher.page.getByRole("button", { name: "Answer Ines Lindqvist" }).click();
  await expect(publisher.page.getByLabel("Your answer")).toBeFocused();
  await publisher.page.keyboard.press("Escape");
  await expect(publisher.page.getByLabel("Your answer")).toBeHidden();
  await publisher.page.getByRole("button", { name: "Answer Ines Lindqvist" }).click();
  await expect(publisher.page.getByRole("button", { name: "Answer", exact: true }).last()).toBeDisabled();
  await publisher.page.getByLabel("Your answer").fill("Two lamps, then.");
  await checkAccessible(publisher.page);
  await publisher.page.getByRole("button", { name: "Answer", exact: true }).last().click();
  await expect(review(publisher.page, "Two lamps, then.")).toContainText("Tomas Rey");
  await publisher.page.getByRole("button", { name: "Change the answer to Ines Lindqvist" }).click();
  await expect(publisher.page.getByLabel("Your answer")).toHaveValue("Two lamps, then.");
  await publisher.page.getByLabel("Your answer").fill("Three lamps, then.");
  await publisher.page.getByRole("button", { name: "Answer", exact: true }).last().click();
  await expect(review(publisher.page, "Three lamps, then.")).toBeVisible();

  // Whoever wrote the review reads of it, and gets there.
  await page.goto("/notifications");
  await ready(page);
  await expect(page.getByRole("listitem").filter({ hasText: "answered your review" })).toContainText("Three lamps, then.");
  await checkAccessible(page);
  await page.getByRole("link", { name: /answered your review/ }).click();
  await expect(review(page, "Three lamps, then.")).toBeVisible();

  // A moderator hides it: it is gone, and counts nowhere.
  const moderator = await browser.newContext({ storageState: ADMIN_STATE });
  const desk = await moderator.newPage();
  watch(desk, problems);
  await openItem(desk, slug);
  await desk.getByRole("button", { name: "Hide the review of Ines Lindqvist" }).click();
  await desk.getByLabel("Why it is hidden").fill("Advertising.");
  await checkAccessible(desk);
  await desk.getByRole("button", { name: "Hide the review", exact: true }).click();
  await expect(review(desk, "Advertising.")).toContainText("Hidden");
  await openItem(publisher.page, slug);
  await expect(reviews(publisher.page).getByText("Nobody has reviewed it yet.")).toBeVisible();
  await page.reload();
  await ready(page);
  await expect(page.getByText("A moderator hid your review: Advertising.")).toBeVisible();
  await checkAccessible(page);
  await desk.getByRole("button", { name: "Show the review of Ines Lindqvist again" }).click();
  await expect(desk.getByRole("button", { name: "Hide the review of Ines Lindqvist" })).toBeVisible();
  await openItem(publisher.page, slug);
  await expect(review(publisher.page, "Too <b>dim</b> for the pier.")).toBeVisible();

  // And whoever wrote it takes it back, after a question.
  await page.reload();
  await ready(page);
  await page.getByRole("button", { name: "Take it back" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Take it back" }).click();
  await expect(reviews(page).getByText("Nobody has reviewed it yet.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Publish the review" })).toBeVisible();
  await moderator.close();
  await publisher.context.close();
});

test("reviews are ordered and narrowed by their stars, in the address @phone", async ({ page, team, admin, browser, problems }) => {
  const slug = unique("lamp-care");
  const publisher = await published(browser, admin, problems, { slug, name: "Lamp care" });
  const rate = async (request: APIRequestContext, volume: string, rating: number, words: string) => {
    await install(request, volume, slug);
    await api(request, "PUT", `${path(slug)}/review`, { rating, review: words });
  };
  const second = await another(browser, admin, "Omar Haddad");
  const volumes = await api<{ id: string; kind: string }[]>(second.context.request, "GET", "/volumes");
  await rate(second.context.request, volumes.find((volume) => volume.kind === "user")!.id, 1, "It smokes.");
  await rate(page.context().request, team.volumeId, 5, "It shines.");
  await openItem(page, slug);
  const listed = reviews(page).locator(".review");
  await expect(listed).toHaveText([/It shines/, /It smokes/]);
  await reviews(page).locator("summary").filter({ hasText: "Order: newest" }).click();
  await reviews(page).getByRole("link", { name: "worst first" }).click();
  await expect(page).toHaveURL(/reviews=lowest/);
  await expect(listed).toHaveText([/It smokes/, /It shines/]);
  await reviews(page).getByRole("link", { name: "5 stars" }).click();
  await expect(page).toHaveURL(/stars=5/);
  await expect(listed).toHaveText([/It shines/]);
  await checkAccessible(page);
  await page.reload();
  await ready(page);
  await expect(listed).toHaveText([/It shines/]);
  await reviews(page).getByRole("link", { name: /Only 5 stars/ }).click();
  await expect(listed).toHaveCount(2);
  await second.context.close();
  await publisher.context.close();
});

test("its publisher adds pictures, which open large and go by keyboard @phone", async ({ page, account, admin, browser, problems }) => {
  void account;
  const slug = unique("lamp-care");
  const publisher = await published(browser, admin, problems, { slug, name: "Lamp care" });
  const desk = publisher.page;
  await desk.setViewportSize(page.viewportSize()!);
  await openItem(desk, slug);
  const add = async (name: string, buffer: Buffer, alt: string) => {
    await desk.getByLabel(/Choose a picture/).setInputFiles({ name, mimeType: "image/png", buffer });
    await desk.getByLabel("What it shows", { exact: true }).fill(alt);
    await desk.getByRole("button", { name: "Add the picture" }).click();
  };
  await expect(desk.getByText("There is none yet.")).toBeVisible();
  await expect(desk.getByRole("button", { name: "Add the picture" })).toBeDisabled();
  // What only claims to be one is refused in words. The browser notes that an answer was an error.
  await add("a.png", Buffer.from("<svg onload='alert(1)'/>"), "A lamp");
  await expect(desk.getByText("This file cannot be read as a picture.")).toBeVisible();
  problems.splice(0);
  await desk.reload();
  await ready(desk);
  await add("lamp.png", png(2000, 1200, 90), "The lamp at night");
  await expect(desk.getByRole("img", { name: "The lamp at night" })).toBeVisible();
  // What changes them stays open.
  await add("wick.png", png(400, 300, 200), "A trimmed wick");
  await expect(desk.getByRole("link", { name: "A trimmed wick" })).toBeVisible();
  await checkAccessible(desk);
  await desk.getByRole("button", { name: "Move picture 2 to the front" }).click();
  await expect(desk.locator(".shots img").first()).toHaveAttribute("alt", "A trimmed wick");

  // Anybody looks at them.
  await openItem(page, slug);
  await expect(page.getByText("Change the pictures")).toHaveCount(0);
  await page.getByRole("link", { name: "A trimmed wick" }).click();
  const large = page.getByRole("dialog", { name: "A trimmed wick" });
  await expect(large).toBeVisible();
  await checkAccessible(page);
  await page.keyboard.press("ArrowRight");
  const other = page.getByRole("dialog", { name: "The lamp at night" });
  await expect(other).toContainText("2 of 2");
  await expect(other.locator("img")).toHaveAttribute("width", "1600");
  await page.keyboard.press("ArrowRight");
  await expect(large).toContainText("1 of 2");
  await page.keyboard.press("Escape");
  await expect(large).toBeHidden();
  await expect(page.getByRole("link", { name: "A trimmed wick" })).toBeFocused();

  await desk.getByRole("button", { name: "Remove picture 1" }).click();
  await expect(desk.locator(".shots img")).toHaveCount(1);
  await publisher.context.close();
});

test("a text leads to the files of its release, and says calmly what is not there", async ({ page, account, admin, browser, problems }) => {
  void account;
  const [slug, other] = [unique("lamp-care"), unique("lamp-oil")];
  const files = [{ path: "references/guide.md", content: Buffer.from("Read this first.").toString("base64") }];
  const body = "See [the guide](references/guide.md) and [the rest](docs/none.md).";
  const publisher = await published(browser, admin, problems, { slug, name: "Lamp care", body, files });
  await publish(await becomePublisher(publisher.context.request), admin, { slug: other, name: "Lamp care with oil", body });
  await openItem(page, slug);
  await expect(page.getByText("the rest", { exact: true })).toHaveAttribute("title", "This release has no file “docs/none.md”.");
  await expect(page.getByRole("link", { name: "the rest" })).toHaveCount(0);
  await expect(page.getByRole("region", { name: "More like this" }).getByRole("link").first()).toBeVisible();
  await checkAccessible(page);
  const address = await page.getByRole("link", { name: "the guide" }).getAttribute("href");
  expect(await (await page.request.get(address!)).text()).toBe("Read this first.");
  await publisher.context.close();
});

test("a card says where it is installed", async ({ page, team, admin, browser, problems }) => {
  const slug = unique("lamp-care");
  const publisher = await published(browser, admin, problems, { slug, name: `Lamp care ${slug}` });
  await install(page.context().request, team.volumeId, slug);
  await page.goto(`/marketplace?q=${slug}`);
  await ready(page);
  const card = page.getByRole("region", { name: "Listings" }).getByRole("listitem").filter({ hasText: slug }).first();
  await expect(card.getByTitle(`Installed in ${team.name}`)).toBeVisible();
  await checkAccessible(page);
  await publisher.context.close();
});

test("a licence is looked at while the form is filled in", async ({ page, team }) => {
  const request = page.context().request;
  const offered = async (team: Team) => createArtifact(request, team.volumeId, unique("Quay"), "---\nname: quay\ndescription: A quay.\nlicense: apache2\n---\n\nLook.\n");
  const artifact = await offered(team);
  await page.goto(`/marketplace/publish?artifact=${artifact.id}`);
  await ready(page);
  const licence = page.getByLabel("Licence");
  await expect(page.getByText("Not an SPDX expression. Is Apache-2.0 meant?")).toBeVisible();
  await checkAccessible(page);
  await page.getByRole("button", { name: "Take Apache-2.0" }).click();
  await expect(licence).toHaveValue("Apache-2.0");
  await expect(page.getByText("An SPDX expression.", { exact: true })).toBeVisible();
  await licence.fill("as we say");
  await licence.blur();
  await expect(page.getByText("Not an SPDX expression: the checks will say so.")).toBeVisible();
  await expect(page.locator("#publish-license-known option[value='EUPL-1.2']")).toHaveCount(1);
});
