// What becomes of proposals beyond one team: promoted with a reason, retired, worded by a model, and drawn from several teams.
import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { APIRequestContext, Page } from "@playwright/test";
import { ADMIN, ADMIN_STATE, api, checkAccessible, createTeam, expect, ready, test, watch, type Team } from "../fixtures/index.js";
import { Server } from "../fixtures/server.js";

const PEOPLE = ["kenji", "ines", "tomas"];
const GOALS = ["Renew the TLS certificate of the proxy", "renew tls certificate before it expires", "certificate expires, renew it", "renew certificate and reload the proxy"];
const STEPS: [string, string][] = [
  ["list_certs", "openssl expiry"],
  ["issue_cert", "acme challenge dns"],
  ["reload_proxy", "nginx reload"],
  ["check_tls", "handshake chain"],
];
type Proposal = { id: string; patternId: string; slug: string };
type Evolution = { proposals: Proposal[]; settings: Record<string, unknown>; runs: { state: string }[]; waiting: number };

function runs(count: number, id: string, more: { success?: boolean; skills?: string[]; extra?: string } = {}) {
  const at = (index: number) => new Date(Date.now() + index).toISOString();
  const steps = [...STEPS, ...(more.extra ? [[more.extra, more.extra] as [string, string]] : [])];
  return Array.from({ length: count }, (_, index) => ({
    id: `${id}-${index}`,
    goal: `${GOALS[index % GOALS.length]}${more.extra ? ` ${more.extra}` : ""}`,
    started_at: at(index),
    ended_at: at(index),
    user: PEOPLE[index % PEOPLE.length],
    success: more.success ?? true,
    steps: steps.map(([name, input]) => ({ name, kind: "tool", input, outcome: "ok", duration_ms: 900 })),
    skills_used: more.skills ?? [],
  }));
}

/** Brings runs into a team. */
const bring = (request: APIRequestContext, team: Team, traces: unknown) => api(request, "POST", `/traces?team=${team.id}`, traces);

/** The page of a place once a pass is over and this many proposals are there. */
async function proposed(request: APIRequestContext, query: string, least = 1): Promise<Evolution> {
  let page: Evolution | undefined;
  await expect
    .poll(
      async () => {
        page = await api<Evolution>(request, "GET", `/evolution?${query}`);
        return page.waiting === 0 && page.runs.every((run) => run.state !== "running") ? page.proposals.length : 0;
      },
      { timeout: 60_000 },
    )
    .toBeGreaterThanOrEqual(least);
  return page!;
}

async function open(page: Page, query: string, proposal: Proposal) {
  await page.goto(`/evolution/${proposal.patternId}?${query}`);
  await ready(page);
}

test("an administrator promotes a team's skill with a reason @phone", async ({ browser, admin, problems }) => {
  test.setTimeout(120_000);
  const team = await createTeam(admin, "Promoting Harbor");
  await bring(admin, team, runs(20, "renew"));
  const { proposals } = await proposed(admin, `team=${team.id}`);
  await api(admin, "POST", `/evolution/proposals/${proposals[0].id}/decision`, { decision: "accept" });
  const context = await browser.newContext({ storageState: ADMIN_STATE });
  const page = await context.newPage();
  watch(page, problems);
  await open(page, `team=${team.id}`, proposals[0]);
  await page.getByRole("button", { name: "Promote", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Promote the skill" });
  await expect(dialog.getByText("Everybody on this server gets a copy")).toBeVisible();
  await checkAccessible(page);
  await dialog.getByLabel("Why").fill("Other teams renew certificates as well");
  await dialog.getByRole("button", { name: "Promote", exact: true }).click();
  await expect(dialog).toBeHidden();
  const line = page.locator(".evi", { has: page.getByRole("heading", { name: "History" }) });
  await expect(line).toContainText("Other teams renew certificates as well");
  await line.getByRole("link", { name: /^Promoted to/ }).click();
  await page.waitForURL(/\/artifacts\//);
  await context.close();
});

test("a skill that makes runs worse is proposed to be retired, and is taken back", async ({ page, team }) => {
  test.setTimeout(180_000);
  const request = page.context().request;
  await bring(request, team, runs(20, "renew"));
  const first = (await proposed(request, `team=${team.id}`)).proposals[0];
  await api(request, "POST", `/evolution/proposals/${first.id}/decision`, { decision: "accept" });
  await bring(request, team, runs(12, "worse", { success: false, skills: [first.slug] }));
  await proposed(request, `team=${team.id}`);
  await api(request, "POST", `/evolution/passes?team=${team.id}`);
  const { proposals } = await proposed(request, `team=${team.id}`, 2);
  await open(page, `team=${team.id}`, proposals[0]);
  const proposal = page.getByRole("region", { name: "Proposal" });
  await expect(proposal.getByText("Retires a skill")).toBeVisible();
  await expect(proposal).toContainText("0 of 12 (0 %) succeeded");
  await expect(proposal.getByRole("tab", { name: "Edit" })).toHaveCount(0);
  await checkAccessible(page);
  await proposal.getByRole("button", { name: "Retire the skill" }).click();
  await expect(proposal.getByRole("link", { name: "Open it in the trash" })).toBeVisible();
  await proposal.getByRole("button", { name: "Take the skill back" }).click();
  await expect(proposal.getByRole("button", { name: "Take the skill back" })).toHaveCount(0);
});

/** Speaks like `POST /chat/completions` of OpenAI, and words each step that it is shown. */
async function writer(): Promise<HttpServer> {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const { messages } = JSON.parse(body) as { messages: { content: string }[] };
    const { steps } = JSON.parse(messages.at(-1)!.content) as { steps: { name: string }[] };
    const prose = {
      name: "Renew certificates",
      description: "Renews a certificate before it expires.",
      whenToUse: ["A certificate expires soon."],
      steps: steps.map(({ name }) => ({ text: `Look at what \`${name}\` brings.`, supports: [name] })),
      pitfalls: [],
    };
    response.writeHead(200, { "content-type": "text/event-stream" });
    const send = (delta: unknown, finish: string | null = null) => response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`);
    send({ content: JSON.stringify(prose) });
    send({}, "stop");
    response.end("data: [DONE]\n\n");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

test("a proposal in the words of a model says so", async ({ browser, problems }) => {
  test.setTimeout(180_000);
  const model = await writer();
  const url = `http://127.0.0.1:${(model.address() as AddressInfo).port}/v1`;
  const server = await Server.start({ OPENAI_BASE_URL: url, OPENAI_API_KEY: "sk-of-the-test", LLM_MODEL: "stand-in" });
  try {
    const context = await browser.newContext({ baseURL: `http://${server.address}` });
    await api(context.request, "POST", "/sign-up", ADMIN);
    const team = await createTeam(context.request, "Harbor");
    await bring(context.request, team, runs(20, "renew"));
    const { proposals } = await proposed(context.request, `team=${team.id}`);
    const page = await context.newPage();
    watch(page, problems);
    await open(page, `team=${team.id}`, proposals[0]);
    const proposal = page.getByRole("region", { name: "Proposal" });
    await expect(proposal.getByText("Written by the model stand-in")).toBeVisible();
    await expect(proposal.locator(".prose")).toContainText("Look at what issue_cert brings.");
    await expect(proposal.locator(".prose")).toContainText("in 100 % of the runs");
    await checkAccessible(page);
    await context.close();
  } finally {
    model.closeAllConnections();
    model.close();
    await server.end();
  }
});

test("what two teams share is an administrator's to accept", async ({ browser, admin, problems }) => {
  test.setTimeout(180_000);
  const teams = [await createTeam(admin, "Alder Quay"), await createTeam(admin, "Birch Quay")];
  for (const [team, extra] of [[teams[0], "alderish"], [teams[1], "birchish"]] as const) {
    await bring(admin, team, runs(20, `renew-${extra}`, { extra }));
    await proposed(admin, `team=${team.id}`);
  }
  const context = await browser.newContext({ storageState: ADMIN_STATE });
  const page = await context.newPage();
  watch(page, problems);

  await test.step("an owner lets a team take part", async () => {
    for (const team of teams) {
      await page.goto(`/evolution?team=${team.id}`);
      await ready(page);
      await page.getByRole("button", { name: "Schedule", exact: true }).click();
      const dialog = page.getByRole("dialog", { name: "When patterns are looked for" });
      const box = dialog.getByLabel("Runs of this team take part in the patterns of all teams");
      await expect(box).not.toBeChecked();
      await box.check();
      await checkAccessible(page);
      await dialog.getByRole("button", { name: "Keep" }).click();
      await expect(page.getByText("Takes part in the patterns of all teams", { exact: true })).toBeVisible();
    }
  });

  await test.step("the page of all teams tells what both have, and no more", async () => {
    const { proposals } = await proposed(admin, "system=true");
    await page.locator(".drop summary", { hasText: "Of:" }).click();
    await page.getByRole("link", { name: "all teams" }).click();
    await page.waitForURL(/system=true/);
    await page.goto(`/evolution/${proposals[0].patternId}?system=true`);
    await ready(page);
    await expect(page.getByRole("heading", { name: "Teams" })).toBeVisible();
    await expect(page.locator(".evi", { has: page.getByRole("heading", { name: "Teams" }) })).toContainText("Alder Quay");
    await expect(page.locator(".evo-steps")).toContainText("issue_cert");
    // Whoever is in a team sees its runs; what is proposed has the words of neither.
    await expect(page.locator(".evo-steps")).not.toContainText(/alderish|birchish/);
    await expect(page.getByRole("region", { name: "Proposal" })).not.toContainText(/alderish|birchish/);
    await checkAccessible(page);
    await page.getByRole("button", { name: "Accept", exact: true }).click();
    await expect(page.getByRole("link", { name: "Open the skill" })).toBeVisible();
  });
  for (const team of teams) await api(admin, "PUT", `/evolution/teams/${team.id}/sharing`, { shares: false });
  await context.close();
});
