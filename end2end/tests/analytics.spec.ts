// The page of analytics: its numbers are those that were made, each leads to its rows, charts answer to keys and pointer and leave nothing behind,
// and without script all of it reads.
import { api, beginSession, checkAccessible, createArtifact, createTeam, expect, openAccount, ready, test, type Team } from "../fixtures/index.js";
import type { APIRequestContext, Page } from "@playwright/test";
import { randomUUID } from "node:crypto";

const SESSIONS = 7;
const COMMITS = 3;

/** Does so much in a team, and waits until it is counted. */
async function work(request: APIRequestContext, team: Team) {
  for (let index = 0; index < SESSIONS; index += 1) await beginSession(request, team, `Counted ${index}`);
  for (let index = 0; index < COMMITS; index += 1) await createArtifact(request, team.volumeId, `Counted skill ${index}`, "# Counted\n");
  type Counted = { sessions: { created: { now?: number } }; collaboration: { commits: { now?: number } } };
  const counted = async () => {
    const board = await api<Counted>(request, "GET", `/analytics?range=7d&team=${team.id}`);
    return [board.sessions.created.now, board.collaboration.commits.now];
  };
  await expect.poll(counted, { timeout: 60_000 }).toEqual([SESSIONS, COMMITS]);
}

const address = (team: Team, more = "") => `/analytics?range=7d&team=${team.id}${more}`;
const tile = (page: Page, name: string) => page.locator(".tile", { hasText: name });
const chart = (page: Page, id: string) => page.locator(`#${id}`);

/** Waits until a chart is drawn, and gives the part that takes keys. */
async function drawn(page: Page, id: string) {
  await chart(page, id).scrollIntoViewIfNeeded();
  await expect(chart(page, id)).toHaveAttribute("data-view", "chart");
  await expect(chart(page, id).locator(".chart-canvas svg").first()).toBeVisible();
  return chart(page, id).getByRole("application");
}

/** Presses a button that ends something, and says yes to what it asks. */
async function end(page: Page, words: string, confirm: string) {
  await page.getByRole("button", { name: words }).click();
  const question = page.getByRole("alertdialog");
  await expect(question).toBeVisible();
  await question.getByRole("button", { name: confirm }).click();
  await expect(question).toBeHidden();
}

/** Saves a chart in a form, and gives the file, each byte a sign. */
async function saved(page: Page, id: string, form: string): Promise<string> {
  await chart(page, id).locator("summary[aria-label^=Save]").click();
  const [file] = await Promise.all([page.waitForEvent("download"), chart(page, id).getByRole("button", { name: form }).click()]);
  expect(file.suggestedFilename()).toBe(`${id}.${form.toLowerCase()}`);
  const chunks: Buffer[] = [];
  for await (const chunk of await file.createReadStream()) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("latin1");
}

/** What the script of the charts says is open, by its own address. */
const alive = (page: Page) =>
  page.evaluate(async () => {
    const names = JSON.parse(document.querySelector("script[type=importmap]")!.textContent!) as { imports: Record<string, string> };
    const script = (await import(names.imports["llmos/charts"]!)) as { alive(): { charts: number; listeners: number } };
    return script.alive();
  });

test("numbers are those that were made, each leads to its rows, and ranges stand in the address @phone", async ({ page, team }) => {
  test.setTimeout(120_000);
  await work(page.context().request, team);
  await page.goto(address(team));
  await ready(page);
  await expect(tile(page, "Sessions").locator(".v")).toContainText(String(SESSIONS));
  await expect(tile(page, "Commits").locator(".v")).toContainText(String(COMMITS));

  await test.step("a number opens its rows, and they close again", async () => {
    await tile(page, "Commits").click();
    await expect(page).toHaveURL(/rows=commits/);
    await expect(page.getByRole("heading", { level: 1, name: "Commits" })).toBeVisible();
    await expect(page.locator(".ana-rows > li")).toHaveCount(COMMITS);
    await checkAccessible(page);
    await page.getByRole("link", { name: "Close" }).click();
    await expect(page).not.toHaveURL(/rows=/);
    await expect(page.locator(".ana-rows")).toHaveCount(0);
  });

  await test.step("another range keeps the filter, and comparing can be turned off", async () => {
    // The press shows at once. Until other numbers are here, those that are shown stay, and lead to their own rows.
    const numbers = /\/api\/v1\/analytics\?.*range=90d/;
    let come = () => {};
    const coming = new Promise<void>((done) => { come = done; });
    await page.route(numbers, async (route) => { await coming; await route.continue(); });
    await page.getByRole("link", { name: "90d" }).click();
    await expect(page).toHaveURL(new RegExp(`range=90d&.*team=${team.id}|team=${team.id}.*range=90d`));
    await expect(page.getByRole("link", { name: "90d" })).toHaveAttribute("aria-current", "true");
    await expect(tile(page, "Sessions")).toHaveAttribute("href", /range=7d/);
    come();
    await expect(tile(page, "Sessions")).toHaveAttribute("href", /range=90d/);
    await page.unroute(numbers);
    await page.getByRole("switch", { name: "Compare" }).click();
    await expect(page).toHaveURL(/compare=false/);
    await expect(page.getByRole("switch", { name: "Compare" })).toHaveAttribute("aria-checked", "false");
    await expect(tile(page, "Sessions").locator(".v")).toContainText(String(SESSIONS));
  });

  await test.step("a range that ends before it begins is refused in a sentence", async () => {
    await page.goto(`/analytics?range=custom&from=2026-03-14&to=2026-03-01&team=${team.id}`);
    await ready(page);
    await expect(page.getByRole("alert").first()).toBeVisible();
  });
});

test("every number leads to what it was made of", async ({ page, team }) => {
  test.setTimeout(180_000);
  const request = page.context().request;
  await work(request, team);
  await page.goto(address(team));
  await ready(page);
  const numbers = page.locator(".figures dl > div");
  const lines = await numbers.evaluateAll((rows) =>
    rows.map((row) => ({
      name: row.querySelector("dt")?.textContent ?? "",
      group: row.closest("section")?.querySelector("h2")?.textContent ?? "",
      number: row.querySelector(".num")?.textContent ?? "",
      href: row.querySelector(".num a")?.getAttribute("href") ?? "",
    })),
  );
  expect(lines.length).toBeGreaterThan(50);
  // What was done just now, as the page has it. Of all else nothing was done, but in the whole marketplace by others and, while somebody looks, who is there.
  const counted: Record<string, number> = {
    "Sessions: Begun": SESSIONS,
    "Sessions: This week": SESSIONS,
    "Sessions: Ever": SESSIONS,
    "Artifacts: Made": COMMITS,
    "Artifacts: This week": COMMITS,
    "Artifacts: Edits": COMMITS,
    "Skills: Written by hand": COMMITS,
    "Collaboration: Commits": COMMITS,
  };
  const done: Record<string, number> = {
    ...counted,
    "Artifacts: There now": COMMITS,
    "Artifacts: Made in a day": Math.round((COMMITS / 7) * 10) / 10,
    "Collaboration: People active": 1,
    "Collaboration: On the last day": 1,
    "Collaboration: In its week": 1,
    "Collaboration: In its month": 1,
  };
  expect(lines.map(({ group, name }) => `${group}: ${name}`)).toEqual(expect.arrayContaining(Object.keys(done)));
  for (const { group, name, number, href } of lines) {
    const line = `${group}: ${name}`;
    expect(href, line).not.toBe("");
    if (href === "/marketplace" || name === "Most at once") continue;
    const words = done[line] === undefined ? /^(0|–)( |$)/ : new RegExp(`^${done[line]}$`);
    expect(number, line).toMatch(words);
    // What is counted by rows has as many rows; averages, shares and people are of more than one of them.
    if (counted[line] === undefined) continue;
    const behind = await (await request.get(href)).text();
    const rows = behind.match(/ana-rows">.*?<\/ul>/s)?.[0].match(/<li>/g);
    expect(rows?.length, line).toBe(counted[line]);
  }
  await test.step("a row says what it is", async () => {
    await page.goto(address(team, "&rows=commits"));
    await ready(page);
    const row = page.locator(".ana-rows > li").first();
    await expect(row.getByRole("link", { name: /^Commit [0-9a-f-]{7}/ })).toHaveAttribute("href", /^\/commits\//);
    await expect(row).toContainText("1 change");
  });
  await test.step("what is there now is a list of the library", async () => {
    const there = lines.find((line) => line.name === "There now")!;
    expect(there.href).toBe(`/artifacts?team=${team.id}`);
    await page.goto(there.href);
    await ready(page);
    await expect(page.locator(".lib > li")).toHaveCount(Number(there.number));
    // The filter is seen, and a press drops it.
    await page.getByRole("link", { name: `Drop the team ${team.name}` }).click();
    await expect(page).toHaveURL(/\/artifacts$/);
  });
  await test.step("each filter narrows all numbers, and stands in the address", async () => {
    await page.goto(address(team));
    await ready(page);
    const filter = (label: string) => page.locator(".ana-filters details", { has: page.locator("summary", { hasText: `${label}:` }) });
    const choose = async (label: string, choice: string) => {
      // A list that was opened is put anew, and closed, when the numbers of the choice before arrive.
      await expect(async () => {
        const is_open = await filter(label).evaluate((drop) => (drop as HTMLDetailsElement).open);
        if (!is_open) await filter(label).locator("summary").click();
        await filter(label).locator(`a[href*="${choice}"]`).click({ timeout: 2_000 });
      }).toPass();
      await expect(page).toHaveURL(new RegExp(choice));
      await expect(filter(label).locator("summary")).not.toHaveText(`${label}: all`);
    };
    const shows = async (sessions: number, edits: number) => {
      await expect(tile(page, "Sessions").locator(".v")).toHaveText(new RegExp(`^${sessions} `));
      await expect(tile(page, "Artifacts edited").locator(".v")).toHaveText(new RegExp(`^${edits} `));
    };
    await shows(SESSIONS, COMMITS);
    await choose("Person", "person=");
    await shows(SESSIONS, COMMITS);
    // Sessions are in no volume.
    await choose("Volume", `volume=${team.volumeId}`);
    await shows(0, COMMITS);
    await choose("Kind", "kind=skill");
    await shows(0, COMMITS);
    await choose("Category", "category=data-analysis");
    await expect(page.getByRole("heading", { name: "Nothing in these days" })).toBeVisible();
    await page.goto(address(team));
    await ready(page);
    await choose("Team", "team=personal");
    await expect(page.getByRole("heading", { name: "Nothing in these days" })).toBeVisible();
  });
});

const DAY = 86_400_000;
/** An id as a device makes it that was away then: a UUIDv7 of that time. */
const idOf = (at: number) => {
  const time = at.toString(16).padStart(12, "0");
  const rest = randomUUID().replaceAll("-", "");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest.slice(0, 3)}-8${rest.slice(3, 6)}-${rest.slice(6, 18)}`;
};
/** A day as the page writes it: "Fri 13 Mar 2026". */
const dayName = (at: number) => {
  const day = new Date(at);
  const month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][day.getUTCMonth()];
  return `${["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][day.getUTCDay()]} ${day.getUTCDate()} ${month} ${day.getUTCFullYear()}`;
};

test("ten weeks of sessions count on their days, each day leads to them, and the days to come are told", async ({ page, team }) => {
  test.setTimeout(300_000);
  const request = page.context().request;
  // A model without chance: three a day, one at weekends, and one day that stands out.
  const noon = Math.floor(Date.now() / DAY) * DAY + DAY / 2;
  const model = Array.from({ length: 70 }, (_, index) => {
    const at = noon - (index + 1) * DAY;
    const weekday = new Date(at).getUTCDay();
    return { at, count: index === 19 ? 25 : weekday === 0 || weekday === 6 ? 1 : 3 };
  });
  const wanted = model.flatMap(({ at, count }) => Array.from({ length: count }, (_, index) => at + index * 1_000));
  for (let from = 0; from < wanted.length; from += 8) {
    await Promise.all(wanted.slice(from, from + 8).map((at) => api(request, "POST", "/sessions", { id: idOf(at), title: `At ${at}`, teamId: team.id })));
  }
  const counted = async () => (await api<{ sessions: { created: { now?: number } } }>(request, "GET", `/analytics?range=90d&zone=UTC&team=${team.id}`)).sessions.created.now;
  await expect.poll(counted, { timeout: 60_000 }).toBe(wanted.length);

  await page.goto(`/analytics?range=90d&zone=UTC&team=${team.id}`);
  await ready(page);
  await expect(tile(page, "Sessions").locator(".v")).toContainText(String(wanted.length));
  await drawn(page, "activity");
  await expect(chart(page, "activity").getByRole("button", { name: /^Sessions, forecast \(back-test error \d+ %\)$/ })).toBeVisible();
  await chart(page, "activity").getByRole("button", { name: "Show the table" }).click();
  const rows = await chart(page, "activity").locator("tbody tr").evaluateAll((rows) =>
    rows.map((row) => ({ day: row.querySelector("th")?.textContent ?? "", sessions: row.querySelector("td")?.textContent ?? "", all: row.textContent ?? "" })),
  );
  for (const { at, count } of model) expect(rows.find((row) => row.day === dayName(at))?.sessions, dayName(at)).toBe(String(count));
  expect(rows.find((row) => row.day === dayName(model[19]!.at))?.all).toContain("Unusual: 25 sessions");
  // Fourteen days are told, today among them, each with its band.
  const told = rows.filter((row) => /\d+ \(\d+ to \d+\)/.test(row.all));
  expect(told).toHaveLength(14);

  await test.step("a day opens its sessions, and the rest of them is a page further", async () => {
    const row = chart(page, "activity").locator("tbody tr", { hasText: dayName(model[19]!.at) });
    await row.getByRole("link", { name: "25", exact: true }).click();
    await expect(page.locator(".ana-rows > li")).toHaveCount(25);
    await page.goto(`/analytics?range=90d&zone=UTC&team=${team.id}&rows=sessions`);
    await ready(page);
    await expect(page.locator(".ana-rows > li")).toHaveCount(50);
    await page.getByRole("link", { name: "Older" }).click();
    await expect(page.getByRole("link", { name: "Newest" })).toBeVisible();
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: /^Save all of these rows as CSV/ }).click()]);
    const chunks: Buffer[] = [];
    for await (const chunk of await file.createReadStream()) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString("utf8").trim().split("\n")).toHaveLength(wanted.length + 1);
  });
});

test("a chart is as wide as its box, and a table where nothing can be drawn", async ({ page, team }) => {
  test.setTimeout(120_000);
  await work(page.context().request, team);
  await page.goto(address(team));
  await ready(page);
  const plot = await drawn(page, "activity");
  const widths = () => plot.evaluate((host) => [host.clientWidth, Math.round(host.querySelector("svg")!.getBoundingClientRect().width)]);
  for (const width of [1440, 900, 1200]) {
    await page.setViewportSize({ width, height: 900 });
    await expect.poll(async () => { const [box, svg] = await widths(); return Math.abs(box! - svg!) <= 1 && box! < width; }).toBe(true);
  }
  // As a browser that knows no SVG.
  await page.addInitScript(() => delete (SVGSVGElement.prototype as { createSVGRect?: unknown }).createSVGRect);
  await page.goto(address(team));
  await ready(page);
  await chart(page, "activity").scrollIntoViewIfNeeded();
  await expect(chart(page, "activity")).toHaveAttribute("data-view", "table");
  await expect(chart(page, "activity").locator("tbody tr").first().getByRole("cell").first()).toHaveText(String(SESSIONS));
});

test("a browser that draws no pictures shows its charts, and says so where one is asked for", async ({ page, team }) => {
  test.setTimeout(120_000);
  await work(page.context().request, team);
  await page.addInitScript(() => {
    HTMLCanvasElement.prototype.getContext = () => null;
  });
  await page.goto(address(team));
  await ready(page);
  for (const id of ["activity", "heat", "calendar"]) await drawn(page, id);
  await chart(page, "activity").locator("summary[aria-label^=Save]").click();
  await chart(page, "activity").getByRole("button", { name: "PNG" }).click();
  await expect(page.locator(".toasts")).toContainText("This browser could not draw the picture. Save the numbers as CSV, or use another browser.");
});

test.describe("where the day begins before it does in UTC", () => {
  test.use({ timezoneId: "Asia/Kathmandu" });

  test("what happened near midnight stands on the reader's day", async ({ page, team }) => {
    test.setTimeout(120_000);
    const request = page.context().request;
    // Browsers know the zone by its older name, too.
    const days = /Days in Asia\/Kath?mandu\./;
    // Midnight is at 18:15 UTC there: one session a little before, two a little after.
    const day = Math.floor(Date.now() / DAY) * DAY - 3 * DAY;
    const midnight = day + 18.25 * 3_600_000;
    for (const at of [midnight - 60_000, midnight + 60_000, midnight + 120_000]) {
      await api(request, "POST", "/sessions", { id: idOf(at), title: `At ${at}`, teamId: team.id });
    }
    const counted = async () =>
      (await api<{ sessions: { created: { now?: number } } }>(request, "GET", `/analytics?range=7d&zone=Asia/Kathmandu&team=${team.id}`)).sessions.created.now;
    await expect.poll(counted, { timeout: 60_000 }).toBe(3);
    await page.goto(address(team));
    await ready(page);
    await expect(page.getByText(days)).toBeVisible();
    // From now on the server knows the zone, and its first page has the right days.
    await page.reload();
    await ready(page);
    await expect(page.getByText(days)).toBeVisible();
    await drawn(page, "activity");
    await chart(page, "activity").getByRole("button", { name: "Show the table" }).click();
    const sessions = (at: number) => chart(page, "activity").locator("tbody tr", { hasText: dayName(at) }).getByRole("cell").first();
    await expect(sessions(day)).toHaveText("1");
    await expect(sessions(day + DAY)).toHaveText("2");
  });
});

test("a page without numbers shows the first of them by itself", async ({ page, admin }) => {
  test.setTimeout(120_000);
  const request = page.context().request;
  await openAccount(request, admin, "Noor Haddad");
  await page.goto("/analytics?range=7d&team=personal");
  await ready(page);
  await expect(page.getByRole("heading", { name: "Nothing in these days" })).toBeVisible();
  await api(request, "POST", "/sessions", { title: "The first" });
  await expect(tile(page, "Sessions").locator(".v")).toContainText("1", { timeout: 90_000 });
});

test("a new session moves the number without drawing anew", async ({ page, team }) => {
  test.setTimeout(120_000);
  await work(page.context().request, team);
  await page.goto(address(team));
  await ready(page);
  await drawn(page, "activity");
  // The same drawing is there afterwards: an element of it is marked.
  await chart(page, "activity").locator(".chart-canvas > div").first().evaluate((element) => element.setAttribute("data-kept", ""));
  await beginSession(page.context().request, team, "One more");
  await expect(tile(page, "Sessions").locator(".v")).toContainText(String(SESSIONS + 1), { timeout: 90_000 });
  await expect(chart(page, "activity").locator("[data-kept]")).toHaveCount(1);
});

test("a chart is walked with keys, zoomed, and read as a table", async ({ page, team }) => {
  test.setTimeout(120_000);
  await work(page.context().request, team);
  await page.goto(address(team));
  await ready(page);
  const plot = await drawn(page, "activity");
  const said = chart(page, "activity").locator("[aria-live=polite]");

  await test.step("arrows walk points and series, Enter opens the rows", async () => {
    await plot.focus();
    await page.keyboard.press("ArrowRight");
    await expect(said).toHaveText(new RegExp(`, Sessions: ${SESSIONS}\\.`));
    await expect(chart(page, "activity").locator(".chart-tip")).toContainText("Sessions");
    const today = await said.textContent();
    await page.keyboard.press("ArrowLeft");
    await expect(said).not.toHaveText(today ?? "");
    await page.keyboard.press("End");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await expect(said).toHaveText(new RegExp(`Commits: ${COMMITS}\\.`));
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(/rows=commits.*rows_from=/);
    await expect(page.locator(".ana-rows > li")).toHaveCount(COMMITS);
    await page.goBack();
  });

  await test.step("plus zooms, the button shows all again, Escape lets go", async () => {
    const again = await drawn(page, "activity");
    await again.focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("+");
    const all = chart(page, "activity").getByRole("button", { name: "Show all" });
    await expect(all).toBeVisible();
    await all.click();
    await expect(all).toHaveCount(0);
    await again.focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Escape");
    await expect(chart(page, "activity").locator(".chart-tip")).toBeHidden();
  });

  await test.step("a drag over the drawing chooses a part of it", async () => {
    const box = (await plot.boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.3, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.7, box.y + box.height / 2, { steps: 5 });
    await page.mouse.up();
    await chart(page, "activity").getByRole("button", { name: "Show all" }).click();
  });

  await test.step("a series goes and comes with its button", async () => {
    const commits = chart(page, "activity").getByRole("button", { name: "Commits" });
    const lines = () => chart(page, "activity").locator(".chart-canvas svg path").count();
    const before = await lines();
    await commits.click();
    await expect(commits).toHaveAttribute("aria-pressed", "false");
    await expect.poll(lines).toBeLessThan(before);
    await commits.click();
    await expect.poll(lines).toBe(before);
  });

  await test.step("the table says the same, and its numbers are links", async () => {
    await chart(page, "activity").getByRole("button", { name: "Show the table" }).click();
    const row = chart(page, "activity").locator("tbody tr").first();
    await expect(row.getByRole("cell").first()).toHaveText(String(SESSIONS));
    await expect(row.getByRole("link").first()).toHaveAttribute("href", /rows=sessions/);
    // What happened on the day stands beside its numbers, and leads to what it counts.
    await expect(row.getByRole("link", { name: `${COMMITS} commits were made.` })).toHaveAttribute("href", /rows=commits&rows_from=/);
    await checkAccessible(page);
    await chart(page, "activity").getByRole("button", { name: "Show the chart" }).click();
  });

  await test.step("it is saved as numbers and as pictures", async () => {
    for (const [form, begins] of [["CSV", "Day,"], ["JSON", "{"], ["SVG", "<svg"], ["PNG", "\u0089PNG"]] as const) {
      expect((await saved(page, "activity", form)).startsWith(begins), form).toBe(true);
    }
  });

  await test.step("every other chart takes keys as well, and is saved as pictures", async () => {
    const all = await page.locator("section.chart").evaluateAll((charts) => charts.map((chart) => chart.id));
    expect(all.length).toBeGreaterThan(5);
    for (const id of all.filter((id) => id !== "activity")) {
      await (await drawn(page, id)).focus();
      await page.keyboard.press("ArrowRight");
      await expect(chart(page, id).locator("[aria-live=polite]"), id).toHaveText(/.+, .+: .+\./);
      await page.keyboard.press("Escape");
      for (const [form, begins] of [["SVG", "<svg"], ["PNG", "\u0089PNG"]] as const) {
        expect((await saved(page, id, form)).startsWith(begins), `${id} as ${form}`).toBe(true);
      }
    }
  });
});

test("what is shown is kept under a name, shared by a link that ends, and watched @phone", async ({ page, team, browser }) => {
  test.setTimeout(120_000);
  await work(page.context().request, team);
  await page.goto(address(team));
  await ready(page);
  const drop = (words: string) => page.locator(".ana-kept > details", { has: page.locator("summary", { hasText: words }) });

  await test.step("a view leads back to what was chosen", async () => {
    const views = drop("Save view");
    await views.locator("summary").click();
    await views.getByLabel("Keep this view as").fill("Our week");
    await views.getByRole("button", { name: "Save view" }).click();
    const kept = views.getByRole("link", { name: "Our week" });
    await expect(kept).toHaveAttribute("href", new RegExp(`range=7d.*team=${team.id}`));
    await checkAccessible(page);
    await page.goto("/analytics");
    await ready(page);
    await views.locator("summary").click();
    await kept.click();
    await expect(page).toHaveURL(new RegExp(`range=7d.*team=${team.id}`));
    await expect(tile(page, "Sessions").locator(".v")).toContainText(String(SESSIONS));
    if (!(await views.evaluate((drop) => (drop as HTMLDetailsElement).open))) await views.locator("summary").click();
    // It asks first, and nothing is gone for who changes their mind.
    await views.getByRole("button", { name: "Delete the view Our week" }).click();
    await page.getByRole("alertdialog").getByRole("button", { name: "Cancel" }).click();
    await views.locator("summary").click();
    await expect(kept).toBeVisible();
    await end(page, "Delete the view Our week", "Delete view");
    await expect(kept).toHaveCount(0);
    await views.locator("summary").click();
    await expect(views.getByText("No view is kept yet.")).toBeVisible();
    await page.keyboard.press("Escape");
  });

  await test.step("a link shows the numbers to whoever has it, and nothing when it is revoked", async () => {
    const shares = drop("Share");
    if (!(await shares.evaluate((drop) => (drop as HTMLDetailsElement).open))) await shares.locator("summary").click();
    await shares.getByLabel("Make a link called").fill("For the board");
    await shares.getByRole("button", { name: "Make link" }).click();
    const link = (await shares.locator(".secret code").textContent())!;
    expect(link).toContain("/shared/analytics/");
    const context = await browser.newContext({ storageState: { cookies: [], origins: [] } });
    const visitor = await context.newPage();
    await visitor.goto(new URL(link).pathname);
    await ready(visitor);
    await expect(visitor.getByRole("heading", { level: 1, name: "For the board" })).toBeVisible();
    await expect(tile(visitor, "Sessions").locator(".v")).toContainText(String(SESSIONS));
    // The numbers alone: nothing leads to rows, and nobody is named.
    await expect(visitor.locator("main a[href*='/analytics']")).toHaveCount(0);
    await expect(visitor.locator("main")).not.toContainText("By person");
    await checkAccessible(visitor);
    await end(page, "Revoke the link For the board", "Revoke link");
    await expect(shares.getByRole("button", { name: "Revoke the link For the board" })).toHaveCount(0);
    const gone = await visitor.goto(new URL(link).pathname);
    expect(gone?.status()).toBe(404);
    await context.close();
    await page.keyboard.press("Escape");
  });

  await test.step("an alert has a bound, or none where days are to be unusual", async () => {
    const alerts = drop("Alerts");
    if (!(await alerts.evaluate((drop) => (drop as HTMLDetailsElement).open))) await alerts.locator("summary").click();
    await alerts.getByLabel("Call the alert").fill("Few sessions");
    await alerts.getByLabel("Bound").fill("5");
    await alerts.getByRole("button", { name: "Set alert" }).click();
    await expect(alerts.getByRole("link", { name: "Few sessions" })).toBeVisible();
    await alerts.getByLabel("Tell me when it is").selectOption("unusual");
    await expect(alerts.getByLabel("Bound")).toHaveCount(0);
    await checkAccessible(page);
    await end(page, "Delete the alert Few sessions", "Delete alert");
    if (!(await alerts.evaluate((drop) => (drop as HTMLDetailsElement).open))) await alerts.locator("summary").click();
    await expect(alerts.getByText("No alert is set yet.")).toBeVisible();
  });
});

test("both themes pass, and charts follow a change of theme", async ({ page, team }) => {
  test.setTimeout(120_000);
  await work(page.context().request, team);
  await page.goto(address(team));
  await ready(page);
  for (const id of ["activity", "heat", "calendar", "learning"]) await drawn(page, id);
  const colours = () => chart(page, "activity").locator(".chart-canvas svg path").evaluateAll((paths) => [...new Set(paths.map((path) => path.getAttribute("stroke")))].sort().join());
  const dark = await colours();
  await checkAccessible(page);
  await page.evaluate(() => document.documentElement.setAttribute("data-theme", "light"));
  await expect.poll(colours).not.toBe(dark);
  await checkAccessible(page);
});

/** Holds the page's program back until the function that this gives says what becomes of it. */
async function holdProgram(page: Page): Promise<(end: "continue" | "abort") => void> {
  let say: (end: "continue" | "abort") => void = () => undefined;
  const said = new Promise<"continue" | "abort">((done) => (say = done));
  await page.route(/\.wasm/, async (route) => await route[await said]());
  return (end) => say(end);
}

test("what one sees is drawn before the page's program is there, which takes it over", async ({ page, team }) => {
  await work(page.context().request, team);
  const program = await holdProgram(page);
  await page.goto(address(team, "&zone=UTC"));
  const canvas = chart(page, "activity").locator(".chart-canvas");
  await expect(canvas.locator("svg").first()).toBeVisible();
  await expect(chart(page, "activity")).toHaveAttribute("data-view", "chart");
  await expect(page.locator("html")).not.toHaveAttribute("data-ready");
  await canvas.evaluate((element) => (element.dataset["drawn"] = "ahead"));
  program("continue");
  await ready(page);
  // It is the same drawing, and does all that one can do: a point leads to its rows now.
  const plot = await drawn(page, "activity");
  await expect(chart(page, "activity").locator(".chart-canvas[data-drawn=ahead]")).toHaveCount(1);
  await expect(canvas).toHaveCount(1);
  await expect(async () => {
    await plot.focus();
    await page.keyboard.press("End");
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(/rows=sessions/, { timeout: 1_000 });
  }).toPass();
  expect((await alive(page)).charts).toBe(await page.locator(".chart-canvas").count());
});

test("a program that does not come leaves the tables", async ({ page, team, problems }) => {
  await work(page.context().request, team);
  const program = await holdProgram(page);
  await page.goto(address(team, "&zone=UTC"));
  await expect(chart(page, "activity")).toHaveAttribute("data-view", "chart");
  program("abort");
  await expect(chart(page, "activity")).toHaveAttribute("data-view", "table");
  await expect(chart(page, "activity").getByRole("link", { name: String(SESSIONS), exact: true })).toBeVisible();
  expect((await alive(page)).charts).toBe(0);
  problems.length = 0;
});

test("where the worker has the files, a table makes room for its drawing at once, and is back if nothing is drawn", async ({ page, team, problems }) => {
  await work(page.context().request, team);
  await page.addInitScript(() => Object.defineProperty(ServiceWorkerContainer.prototype, "controller", { get: () => ({}) }));
  await page.route(/vendor\/charts/, (route) => route.abort());
  const program = await holdProgram(page);
  await page.goto(address(team, "&zone=UTC"));
  const table = (id: string) => chart(page, id).locator(".twin");
  await expect(table("activity")).toHaveCSS("content-visibility", "hidden");
  await expect(table("calendar")).toHaveCSS("content-visibility", "auto");
  program("abort");
  await expect(table("activity")).toHaveCSS("content-visibility", "auto");
  await expect(table("activity").getByRole("link", { name: String(SESSIONS), exact: true })).toBeVisible();
  problems.length = 0;
});

test("a menu far down on the page stands at the end of a phone's window", async ({ page, team }) => {
  await work(page.context().request, team);
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(address(team, "&zone=UTC"));
  await ready(page);
  const menu = page.locator(".groups details").first();
  await menu.locator("summary").click();
  await expect(async () => {
    const sheet = await menu.locator(".pop").boundingBox();
    expect(Math.round((sheet?.y ?? 0) + (sheet?.height ?? 0))).toBeGreaterThan(800);
    expect(Math.round((sheet?.y ?? 0) + (sheet?.height ?? 0))).toBeLessThanOrEqual(844);
  }).toPass();
});

// `scripts/bench` makes 200 of them.
const VISITS = Number(process.env.LLMOS_VISITS ?? 30);

test("visits leave no chart, no listener and no elements behind", async ({ page, team }) => {
  test.setTimeout(900_000);
  await work(page.context().request, team);
  await page.goto(address(team));
  await ready(page);
  await drawn(page, "activity");
  const browser = await page.context().newCDPSession(page);
  await browser.send("Performance.enable");
  const rail = page.getByRole("navigation", { name: "Main", exact: true });
  // Through the router, as people go: the document stays.
  const visit = async () => {
    await page.evaluate((address) => {
      const link = Object.assign(document.createElement("a"), { href: address });
      document.body.append(link);
      link.click();
      link.remove();
    }, address(team));
    await expect(chart(page, "activity").locator(".chart-canvas svg")).toBeVisible();
    await rail.getByRole("link", { name: "Traces" }).click();
    await expect(chart(page, "activity")).toHaveCount(0);
  };
  const measure = async () => {
    for (let turn = 0; turn < 3; turn += 1) await browser.send("HeapProfiler.collectGarbage");
    const { metrics } = await browser.send("Performance.getMetrics");
    const of = (name: string) => metrics.find((metric) => metric.name === name)?.value ?? 0;
    return { nodes: of("Nodes"), listeners: of("JSEventListeners"), heap: of("JSHeapUsedSize") };
  };
  for (let warm = 0; warm < 10; warm += 1) await visit();
  const before = await measure();
  for (let turn = 0; turn < VISITS; turn += 1) await visit();
  const after = await measure();
  expect(await alive(page)).toEqual({ charts: 0, listeners: 0 });
  expect(after.nodes - before.nodes).toBeLessThan(500);
  expect(after.listeners - before.listeners).toBeLessThan(50);
  expect(after.heap - before.heap).toBeLessThan(8 * 1024 * 1024);
});

test("numbers, tables and rows read, and ranges work, without script @noscript", async ({ page, admin, javaScriptEnabled }) => {
  test.setTimeout(120_000);
  const request = page.context().request;
  await openAccount(request, admin, "Priya Nair");
  const team = await createTeam(request, "Quiet counters");
  await work(request, team);
  await page.goto(address(team));
  await expect(tile(page, "Sessions").locator(".v")).toContainText(String(SESSIONS));
  // With a script a chart is drawn in place of the table.
  if (!javaScriptEnabled) {
    const today = chart(page, "activity").locator("tbody tr").first();
    await expect(today.getByRole("cell").first()).toHaveText(String(SESSIONS));
  }
  await expect(page.getByText("Days in UTC.")).toBeVisible();
  await page.getByRole("link", { name: "30d" }).click();
  await expect(page).toHaveURL(/analytics\?(?!.*range=)/);
  await tile(page, "Sessions").click();
  await expect(page.locator(".ana-rows > li")).toHaveCount(SESSIONS);
  await page.getByRole("link", { name: "Close" }).click();
  await page.getByText("Custom", { exact: true }).click();
  await page.getByLabel("First day").fill("2026-01-01");
  await page.getByLabel("Last day").fill("2026-01-02");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await expect(page).toHaveURL(/range=custom.*from=2026-01-01|from=2026-01-01.*range=custom/);
  await expect(tile(page, "Sessions").locator(".v")).toContainText("0");
});

test("who may not see a team is told that it is not there", async ({ page, admin }) => {
  await openAccount(page.context().request, admin, "Not A Member");
  const team = await createTeam(admin, "Elsewhere");
  const answer = await page.goto(`/analytics?team=${team.id}`);
  expect(answer?.status()).toBe(404);
});
