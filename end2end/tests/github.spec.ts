// A volume in step with a repository: linked, pushed to, edited here, and told of in the open browsers of the team.
import { randomUUID } from "node:crypto";
import { ADMIN, api, checkAccessible, createTeam, expect, joinTeam, openAccount, ready, test, watch, write } from "../fixtures/index.js";
import { approveAndSign, becomePublisher, publish } from "../fixtures/market.js";
import { Repository, deliver } from "../fixtures/repository.js";
import { Server } from "../fixtures/server.js";

const SECRET = "lantern wick harbor pilot";
const TEXT = (line: string) => `---\nname: harbor-lights\ndescription: When the lights are lit.\n---\n\n# Lights\n\n${line}\n`;

test("what is pushed is here at once, what is committed here is in the repository, and what is released there is in the marketplace", async ({ browser, problems }) => {
  test.slow();
  const repository = await Repository.start();
  const github = { GITHUB_API_URL: repository.api, GITHUB_TOKEN: "ghp_token", WEBHOOK_URL: Repository.hook, WEBHOOK_REPOSITORIES: "harbor/skills" };
  const settings = { GITHUB_WEBHOOK_SECRET: SECRET, WEBHOOK_ALLOW_LIST: "off", GIT_PRIVATE: "true", MARKETPLACE_CHECK_LINKS: "false", ...github };
  const server = await Server.start(settings);
  const author = await browser.newContext({ baseURL: `http://${server.address}` });
  const context = await browser.newContext({ baseURL: `http://${server.address}` });
  const pushed = (sha: string) => ({
    ref: "refs/heads/main",
    before: "0".repeat(40),
    after: sha,
    created: false,
    deleted: false,
    forced: false,
    commits: [],
    repository: { id: 1, full_name: "harbor/skills", clone_url: repository.url },
    pusher: { name: "kenji" },
    sender: { login: "kenji", id: 7 },
  });
  try {
    repository.write("skills/harbor-lights/SKILL.md", TEXT("Lit at dusk."));
    repository.commit("Add the lights");
    await api(context.request, "POST", "/sign-up", ADMIN);
    const team = await createTeam(context.request, "Harbor Platform");
    await openAccount(author.request, context.request, "Ines Lindqvist");
    await joinTeam(context.request, author.request, team, "maintainer");

    // Linked on the volume's page.
    const page = await context.newPage();
    watch(page, problems);
    await page.goto(`/volumes/${team.volumeId}`);
    await ready(page);
    await page.getByRole("button", { name: "Link a repository" }).click();
    const form = page.getByRole("dialog", { name: "Link a repository" });
    await form.getByLabel("Address").fill(repository.url.replace("skills.git", "nothing.git"));
    await form.getByLabel("Push each commit").check();
    await form.getByRole("button", { name: "Link", exact: true }).click();
    await expect(form.getByText("has no such repository")).toBeVisible();
    await checkAccessible(page);
    await form.getByLabel("Address").fill(repository.url);
    await form.getByRole("button", { name: "Link", exact: true }).click();
    const card = page.getByRole("region", { name: "Git" });
    await expect(card.getByText("Both sides have the same.")).toBeVisible();
    await expect(card.getByText(/git clone .*\/git\/harbor-platform\//)).toBeVisible();

    // A push is told of where somebody of the team has the library open, and found.
    const library = await context.newPage();
    const hers = await author.newPage();
    for (const one of [library, hers]) {
      watch(one, problems);
      await one.goto(`/artifacts?volume=${team.volumeId}`);
      await ready(one);
      await expect(one.getByText("harbor-lights").first()).toBeVisible();
    }
    repository.write("skills/tide-table/SKILL.md", "---\nname: tide-table\ndescription: When ships may come in.\n---\n\nSlack water, mostly.\n");
    repository.write("skills/harbor-lights/SKILL.md", TEXT("Lit at nightfall."));
    const sha = repository.commit("Say when ships may come in");
    expect(await deliver(server.address, "another secret altogether", "push", pushed(sha))).toBe(401);
    const arrived = randomUUID();
    expect(await deliver(server.address, SECRET, "push", pushed(sha), arrived)).toBe(202);
    for (const one of [library, hers]) await expect(one.getByText("tide-table").first()).toBeVisible();
    await hers.close();
    await expect
      .poll(async () => (await api<{ total: number }>(context.request, "GET", "/search?q=%22slack%20water%22&kind=skill")).total)
      .toBe(1);

    // Edited here, it is there.
    await library.getByText("harbor-lights").first().click();
    await library.waitForURL(/\/artifacts\//);
    const id = new URL(library.url()).pathname.split("/").pop();
    await page.goto(`/artifacts/${id}?tab=edit`);
    await ready(page);
    await write(page, TEXT("Lit at nightfall, out at dawn."));
    await expect(page.getByText("Saved on disk")).toBeVisible();
    await page.getByRole("button", { name: "Commit", exact: true }).click();
    await expect(page.getByText(/^Committed/)).toBeVisible();
    await expect.poll(() => repository.log()[0], { timeout: 30_000 }).toContain(ADMIN.name);
    expect(repository.shown("skills/harbor-lights/SKILL.md")).toBe(TEXT("Lit at nightfall, out at dawn."));

    // The delivery stands where administrators look, and nothing that GitHub sent is missing.
    repository.sent.push(arrived);
    await api(context.request, "POST", "/webhooks/check");
    await expect.poll(async () => (await api<{ checks: { sent: number }[] }>(context.request, "GET", "/webhooks/report")).checks[0]?.sent).toBe(1);
    await page.goto("/deliveries?event=push");
    await ready(page);
    await expect(page.locator(".strip > div", { hasText: "Missing, 3 days" }).locator("dd")).toHaveText("0");
    await expect(page.getByRole("cell", { name: "harbor/skills" }).first()).toBeVisible();
    await page.getByRole("button", { name: "Secrets" }).click();
    const secrets = page.getByRole("dialog", { name: "Webhook secrets" });
    await secrets.getByLabel("Repository").fill("harbor/skills");
    await secrets.getByLabel("Secret").fill("too short");
    await secrets.getByRole("button", { name: "Set the secret" }).click();
    await expect(secrets.getByText(/16 characters or more/)).toBeVisible();
    await secrets.getByLabel("Secret").fill("a secret of its own");
    await secrets.getByRole("button", { name: "Set the secret" }).click();
    await expect(secrets.getByRole("button", { name: "Remove the secret of harbor/skills" })).toBeVisible();
    await checkAccessible(page);
    // It counts for the repository that has this address at GitHub, and for no other one.
    const own = { ...pushed(sha), repository: { id: 1, full_name: "harbor/skills", clone_url: "https://github.com/harbor/skills.git" } };
    expect(await deliver(server.address, "a secret of its own", "push", own)).toBe(202);
    expect(await deliver(server.address, "a secret of its own", "push", pushed(sha))).toBe(403);
    // It cannot be shown again, so one is asked first, and may think better of it.
    const sure = page.getByRole("alertdialog", { name: "Remove the secret of harbor/skills?" });
    await secrets.getByRole("button", { name: "Remove the secret of harbor/skills" }).click();
    await checkAccessible(page);
    await sure.getByRole("button", { name: "Cancel" }).click();
    await expect(secrets.getByRole("button", { name: "Remove the secret of harbor/skills" })).toBeVisible();
    await secrets.getByRole("button", { name: "Remove the secret of harbor/skills" }).click();
    await sure.getByRole("button", { name: "Remove the secret" }).click();
    await expect(secrets.getByText("None yet")).toBeVisible();
    expect(await deliver(server.address, "a secret of its own", "push", own)).toBe(401);

    // A colleague has published it; a release at GitHub is its next version, once she has signed it.
    const ines = await becomePublisher(author.request);
    const source = { team: team.id, repository: repository.url.replace("http:", "https:") };
    await publish(ines, context.request, { slug: "harbor-lights", name: "Harbor lights", version: "1.0.0", ...source });
    await page.goto("/marketplace/harbor-lights");
    await ready(page);
    await expect(page.getByText("1.0.0").first()).toBeVisible();
    repository.git(repository.work, "pull", "-q", "--ff-only", "origin", "main");
    repository.write("skills/harbor-lights/SKILL.md", TEXT("Lit at nightfall, out at dawn.").replace("description:", "license: MIT\ndescription:"));
    repository.commit("Say under which licence");
    repository.tag("v1.1.0");
    const release = { id: 1, tag_name: "v1.1.0", name: "v1.1.0", body: "Out at dawn.", draft: false, prerelease: false, html_url: "https://github.com/harbor/skills/releases/v1.1.0" };
    const { repository: released, sender } = pushed("");
    expect(await deliver(server.address, SECRET, "release", { action: "published", release, repository: released, sender })).toBe(202);
    const prepared = async () =>
      (await api<{ id: string; version: string }[]>(author.request, "GET", "/marketplace/mine")).find(({ version }) => version === "1.1.0")?.id;
    await expect.poll(prepared, { timeout: 30_000 }).toBeTruthy();
    await page.reload();
    await ready(page);
    await expect(page.getByText("1.1.0")).toHaveCount(0);
    await approveAndSign(ines, context.request, (await prepared())!);
    await page.reload();
    await ready(page);
    await expect(page.getByText("1.1.0").first()).toBeVisible();
  } finally {
    await author.close();
    await context.close();
    await server.end();
    repository.end();
  }
});

test("the card of a volume pulls, pushes, shows what waits to be merged and unlinks; deliveries are filtered, replayed and exported", async ({ browser, problems }) => {
  test.slow();
  const repository = await Repository.start();
  const server = await Server.start({ GITHUB_WEBHOOK_SECRET: SECRET, WEBHOOK_ALLOW_LIST: "off", GIT_PRIVATE: "true" });
  const context = await browser.newContext({ baseURL: `http://${server.address}` });
  try {
    repository.write("skills/harbor-lights/SKILL.md", TEXT("Lit at dusk."));
    repository.commit("Add the lights");
    await api(context.request, "POST", "/sign-up", ADMIN);
    const team = await createTeam(context.request, "Harbor Platform");
    await api(context.request, "PUT", `/volumes/${team.volumeId}/git`, { url: repository.url });
    const page = await context.newPage();
    watch(page, problems);
    await page.goto(`/volumes/${team.volumeId}`);
    await ready(page);
    const card = page.getByRole("region", { name: "Git" });
    await expect(card.getByText("Both sides have the same.")).toBeVisible();

    // Pulled by hand: the card and the list of commits follow.
    repository.write("skills/tide-table/SKILL.md", "---\nname: tide-table\ndescription: When ships may come in.\n---\n\nSlack water, mostly.\n");
    repository.commit("Say when ships may come in");
    await card.getByRole("button", { name: "Pull now" }).click();
    await expect(card.getByText("Last pull: 1 new")).toBeVisible();
    await expect(page.getByRole("link", { name: /^Say when ships may come in/ })).toBeVisible();

    // Committed elsewhere: it is told without a reload, and pushed by hand.
    const { items } = await api<{ items: { id: string; slug: string }[] }>(context.request, "GET", `/artifacts?volume=${team.volumeId}&limit=50`);
    const id = items.find(({ slug }) => slug === "harbor-lights")!.id;
    const write = async (line: string, message: string) => {
      const detail = await api<{ head: { id: string }; draft?: { saves: number } }>(context.request, "GET", `/artifacts/${id}`);
      await api(context.request, "PUT", `/artifacts/${id}/draft`, { text: TEXT(line), saves: detail.draft?.saves ?? 0 });
      await api(context.request, "POST", "/commits", { message, artifacts: [{ id, baseRevisionId: detail.head.id }] });
    };
    await write("Lit at nightfall.", "Lit later");
    await expect(card.getByText("1 commit is from here not pushed.")).toBeVisible();
    await card.getByRole("button", { name: "Push now" }).click();
    await expect(card.getByText("Both sides have the same.")).toBeVisible();
    expect(repository.log()[0]).toBe(`${ADMIN.name}: Lit later`);

    // Changed on both sides in the same line: it waits to be merged.
    repository.git(repository.work, "pull", "-q", "--ff-only", "origin", "main");
    repository.write("skills/harbor-lights/SKILL.md", TEXT("Lit at sunset."));
    const sha = repository.commit("Lit at sunset");
    await write("Lit by the pilot.", "By the pilot");
    const pushed = { ref: "refs/heads/main", before: "0".repeat(40), after: sha, commits: [], repository: { full_name: "harbor/skills", clone_url: repository.url } };
    expect(await deliver(server.address, SECRET, "push", pushed)).toBe(202);
    await expect(card.getByText("Some artifacts wait to be merged.")).toBeVisible();
    await checkAccessible(page);
    await card.getByRole("link", { name: "harbor-lights" }).click();
    await page.waitForURL(/\/artifacts\/.*tab=merge/);

    // The delivery says what came of it; it is found, replayed and taken along as a fixture.
    await page.goto("/deliveries");
    await ready(page);
    await page.getByLabel("Event").selectOption("ping");
    await page.getByRole("button", { name: "Show" }).click();
    await expect(page.getByText("No such deliveries")).toBeVisible();
    await page.getByLabel("Event").selectOption("push");
    await page.getByLabel("Result").selectOption("done");
    await page.getByRole("searchbox", { name: "Repository" }).fill("harbor/skills");
    await page.getByRole("button", { name: "Show" }).click();
    await page.getByRole("link", { name: "push" }).click();
    const pane = page.getByRole("complementary", { name: "Delivery" });
    await expect(pane.getByText(/1 artifact changed, of which 1 waits to be merged\./)).toBeVisible();
    await checkAccessible(page);
    await pane.getByRole("button", { name: "Replay" }).click();
    await expect(page.getByText("It is acted on once more")).toBeVisible();
    const download = page.waitForEvent("download");
    await pane.getByRole("link", { name: /^Export as a fixture/ }).click();
    expect((await download).suggestedFilename()).toMatch(/^push-.*\.json$/);
    // Without anything to ask GitHub with, it says what is needed.
    await page.getByRole("button", { name: "Check for missing" }).click();
    await expect(page.getByText(/Set GITHUB_TOKEN/)).toBeVisible();

    await page.goto(`/volumes/${team.volumeId}`);
    await ready(page);
    await card.getByRole("button", { name: "Unlink" }).click();
    await page.getByRole("alertdialog", { name: "Unlink the repository?" }).getByRole("button", { name: "Unlink" }).click();
    await expect(card.getByText("This volume is not linked to a repository.")).toBeVisible();
  } finally {
    await context.close();
    await server.end();
    repository.end();
  }
});

test("a repository is imported once from the import page", async ({ browser, problems }) => {
  const repository = await Repository.start();
  const server = await Server.start({ GIT_PRIVATE: "true" });
  const context = await browser.newContext({ baseURL: `http://${server.address}` });
  try {
    repository.write("docs/skills/harbor-lights/SKILL.md", TEXT("Lit at dusk."));
    repository.commit("Add the lights");
    await api(context.request, "POST", "/sign-up", ADMIN);
    const team = await createTeam(context.request, "Harbor Platform");
    const page = await context.newPage();
    watch(page, problems);
    await page.goto(`/import?volume=${team.volumeId}`);
    await ready(page);
    await page.getByText("From a repository").click();
    await page.getByLabel("Address").fill(repository.url);
    await page.getByLabel("Branch").fill("nowhere");
    await page.getByRole("button", { name: "Import", exact: true }).click();
    await expect(page.getByText("The repository has no branch “nowhere”. It has “main”.")).toBeVisible();
    await checkAccessible(page);
    await page.getByLabel("Branch").fill("");
    await page.getByRole("textbox", { name: "Folder" }).fill("docs");
    await page.getByRole("button", { name: "Import", exact: true }).click();
    await page.waitForURL(/job=/);
    await expect(page.getByText("skills/harbor-lights/SKILL.md").first()).toBeVisible();
  } finally {
    await context.close();
    await server.end();
    repository.end();
  }
});
