// The assistant in a session: asked by name, seen by everybody while it answers, with a tool that runs where it was allowed.
import { once } from "node:events";
import { createServer, type Server as HttpServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "@playwright/test";
import { ADMIN, PASSWORD, api, beginSession, checkAccessible, createArtifact, createTeam, expect, ready, test, watch } from "../fixtures/index.js";
import { byMeaning } from "../fixtures/search.js";
import { Server } from "../fixtures/server.js";

type Message = { role: string; content: string | null };

/** Speaks like `POST /chat/completions` of OpenAI; what it does is in the question. */
class Model {
  readonly asked: Message[][] = [];
  private held: (() => void)[] = [];
  private constructor(private readonly server: HttpServer) {}

  static async start(): Promise<Model> {
    const server = createServer();
    const model = new Model(server);
    server.on("request", async (request, response) => {
      let body = "";
      for await (const part of request) body += part;
      await model.answer(JSON.parse(body) as { messages: Message[]; tools?: unknown[] }, response);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return model;
  }

  get url() {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  /** Lets answers go on that wait in their middle. */
  release() {
    for (const go of this.held.splice(0)) go();
  }

  end() {
    this.release();
    this.server.closeAllConnections();
    this.server.close();
  }

  private async answer({ messages, tools }: { messages: Message[]; tools?: unknown[] }, response: ServerResponse) {
    this.asked.push(messages);
    const last = messages.at(-1)!;
    const question = messages.findLast((message) => message.role === "user")?.content ?? "";
    if (question.includes("revoked")) {
      response.writeHead(401, { "content-type": "application/json" }).end(JSON.stringify({ error: { message: "Incorrect API key." } }));
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    const send = (delta: unknown, finish: string | null = null) => response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`);
    const end = (finish: string) => {
      send({}, finish);
      response.end(`data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 1200, completion_tokens: 80 } })}\n\ndata: [DONE]\n\n`);
    };
    if (last.role === "tool") {
      send({ content: `A berth costs **${JSON.parse(last.content ?? "{}").total} euro**.` });
      return end("stop");
    }
    if (question.includes("berth") && tools) {
      send({ tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "harbor-rate", arguments: '{"metres":12,"nights":3}' } }] });
      return end("tool_calls");
    }
    send({ content: "Count the connections " });
    if (question.includes("slowly")) await new Promise<void>((go) => this.held.push(go));
    send({ content: "by **state** first." });
    end("stop");
  }
}

/** Somebody in a browser of their own, at a server of the test's own. */
async function someone(browser: Browser, server: Server, problems: string[], account = ADMIN) {
  const context = await browser.newContext({ baseURL: `http://${server.address}` });
  await api(context.request, "POST", "/sign-up", account);
  const page = await context.newPage();
  watch(page, problems);
  return page;
}

test("the assistant answers in front of everybody, with a skill and a tool that somebody allows", async ({ browser, problems }) => {
  test.setTimeout(180_000);
  const model = await Model.start();
  const server = await Server.start({ OPENAI_BASE_URL: model.url, OPENAI_API_KEY: "sk-of-the-test", LLM_MODEL: "stand-in" });
  try {
    const maya = await someone(browser, server, problems);
    const request = maya.context().request;
    const team = await createTeam(request, "Harbor");
    const pool = "---\nname: Connection pool runbook\ndescription: What to do when a connection pool runs dry.\n---\n\nCount the connections by state first.\n";
    await createArtifact(request, team.volumeId, "Connection pool runbook", pool);
    const code = "function main({ metres, nights }) { return { total: metres * nights }; }";
    const rate = `---\nname: harbor-rate\ndescription: What a berth costs.\ninputs:\n  - name: metres\n    type: number\n  - name: nights\n    type: number\n---\n\n\`\`\`js\n${code}\n\`\`\`\n`;
    await createArtifact(request, team.volumeId, "harbor-rate", rate, "tool");
    // The first question of a new server reads the model of its search, which then embeds all that there is.
    await byMeaning(request);
    const { id } = await beginSession(request, team, "Pool outage");
    const { url } = await api<{ url: string }>(request, "POST", `/teams/${team.id}/invitations`, { role: "member", maxUses: 1, expiresInDays: 1 });
    const invitation = url.split("/").pop();
    const ines = await someone(browser, server, problems, { name: "Ines Lindqvist", email: "ines@harbor.example", password: PASSWORD, invitation } as typeof ADMIN);
    for (const page of [maya, ines]) {
      await page.goto(`/sessions/${id}`);
      await ready(page);
    }
    const composer = maya.getByRole("textbox", { name: "Message", exact: true });
    const ask = async (words: string) => {
      await composer.fill(words);
      await maya.getByRole("button", { name: "Send" }).click();
    };
    const answers = (page = maya) => page.locator("article.entry:not(.answering)", { has: page.locator(".uses") });

    await test.step("it is offered where one mentions people", async () => {
      await expect(maya.getByText("Markdown. @assistant answers.")).toBeVisible();
      await composer.pressSequentially("@assi");
      await expect(maya.getByRole("option", { name: /Assistant/ })).toBeVisible();
      await maya.keyboard.press("Escape");
    });

    await test.step("both see it answer, with the skill that fits", async () => {
      await ask("@assistant slowly: which connection pool runbook do I follow?");
      for (const page of [maya, ines]) {
        const running = page.locator(".answering");
        await expect(running.getByText("Count the connections")).toBeVisible();
        await expect(running.getByRole("link", { name: "Connection pool runbook" })).toBeVisible();
        await expect(running.getByRole("button", { name: "Stop" })).toBeVisible();
        await checkAccessible(page);
      }
      model.release();
      for (const page of [maya, ines]) {
        await expect(answers(page).locator(".prose strong", { hasText: "state" })).toBeVisible();
        await expect(page.locator(".answering")).toHaveCount(0);
      }
      await expect(answers().getByText("1,280 tokens")).toBeVisible();
    });

    await test.step("a skill is pinned or left out, and comes back", async () => {
      await answers().getByRole("button", { name: "Always use Connection pool runbook in this session" }).click();
      await expect(ines.locator(".chosen-skills", { hasText: "Always uses" })).toBeVisible();
      await ines.getByRole("button", { name: "Let the assistant choose about Connection pool runbook again" }).click();
      await expect(maya.locator(".chosen-skills")).toHaveCount(0);
      await answers().getByRole("button", { name: "Leave Connection pool runbook out in this session" }).click();
      await expect(ines.locator(".chosen-skills", { hasText: "Never uses" })).toBeVisible();
      await ines.getByRole("button", { name: "Let the assistant choose about Connection pool runbook again" }).click();
      await expect(maya.locator(".chosen-skills")).toHaveCount(0);
    });

    await test.step("a tool runs in the browser of who allows it", async () => {
      await ask("@assistant what does a berth of 12 metres cost for 3 nights?");
      const wish = ines.getByRole("group", { name: "A tool wants to run" });
      await expect(wish.getByText("It reaches no network.")).toBeVisible();
      await checkAccessible(ines);
      await wish.getByRole("button", { name: "Allow in this session" }).click();
      await expect(answers().locator("strong", { hasText: "36 euro" })).toBeVisible();
      // Allowed once for the session: the next one runs by itself, at hers.
      await ask("@assistant and a berth of the same for the week after?");
      await expect(answers().locator("strong", { hasText: "36 euro" })).toHaveCount(2);
    });

    await test.step("anybody who may write stops it, and a fault says what to do", async () => {
      await ask("@assistant slowly once more");
      // What was stopped before it said anything leaves nothing.
      await expect(ines.locator(".answering").getByText("Count the connections")).toBeVisible();
      await ines.locator(".answering").getByRole("button", { name: "Stop" }).click();
      await expect(maya.getByText("Stopped before its end.")).toBeVisible();
      model.release();
      await ask("@assistant revoked");
      await expect(maya.locator(".answering", { hasText: "does not accept the key" })).toBeVisible();
      await expect(maya.locator(".answering").getByRole("button", { name: "Ask again" })).toBeVisible();
    });

    await test.step("an answer leads to its trace", async () => {
      await answers().first().getByRole("link", { name: "Trace" }).click();
      await expect(maya.getByText("which connection pool runbook do I follow?").first()).toBeVisible();
    });
  } finally {
    await server.end();
    model.end();
  }
});

test("without a model a session is a plain thread, and says how to have an assistant @phone", async ({ page, team }) => {
  const { id } = await beginSession(page.context().request, team, "Notes");
  await page.goto(`/sessions/${id}`);
  await ready(page);
  await page.getByRole("button", { name: "Why there is no assistant" }).click();
  await expect(page.getByText(/sets LLM_MODEL and OPENAI_API_KEY/)).toBeVisible();
  await checkAccessible(page);
});
