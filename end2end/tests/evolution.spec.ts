// From runs to a used skill: traces are brought in, become patterns, one is proposed, accepted, and counted against.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { api, checkAccessible, expect, ready, test } from "../fixtures/index.js";
import { BINARY } from "../fixtures/server.js";

const PEOPLE = ["kenji", "ines", "tomas"];
const NAMES = ["Acme", "Globex", "Initech", "Umbra", "Hooli", "Stark", "Wayne", "Wonka"];
const GOALS = [
  "Value {} with a DCF, five years",
  "what is {} worth? do a discounted cash flow",
  "DCF valuation for {}",
  "discounted cash flow for {}, need a company value",
];
const STEPS: [string, string][] = [
  ["read_reports", "annual reports revenue"],
  ["project_cash", "free cash flow forecast"],
  ["discount", "wacc terminal growth"],
  ["write_page", "valuation range"],
];

function runs(count: number, from: number, skills: string[], at: (index: number) => string) {
  return Array.from({ length: count }, (_, index) => ({
    id: `value-${from + index}`,
    goal: GOALS[index % GOALS.length].replace("{}", NAMES[index % NAMES.length]),
    started_at: at(index),
    ended_at: at(index),
    user: PEOPLE[index % PEOPLE.length],
    success: true,
    steps: STEPS.map(([name, input]) => ({ name, kind: "tool", input, outcome: "ok", duration_ms: 900 })),
    skills_used: skills,
    tokens_in: 1200,
    tokens_out: 300,
    cost_usd: 0.02,
  }));
}

test("runs become a pattern, a proposal and a used skill @phone", async ({ page, team }) => {
  test.setTimeout(180_000);
  const request = page.context().request;
  const lately = (index: number) => new Date(Date.now() - 3_600_000 + index * 60_000).toISOString();
  const send = async (body: unknown) => {
    const answer = await request.post(`/api/v1/traces?team=${team.id}`, { data: JSON.stringify(body), headers: { "content-type": "application/json" } });
    expect(answer.status()).toBe(200);
  };
  await send(runs(20, 0, [], lately));

  await test.step("the list of traces finds them, and one opens", async () => {
    await page.goto(`/traces?team=${team.id}`);
    await ready(page);
    await expect(page.locator(".traces tbody tr")).toHaveCount(20);
    await page.getByRole("searchbox", { name: "Filter" }).fill("globex");
    await page.keyboard.press("Enter");
    await page.waitForURL(/q=globex/);
    await expect(page.locator(".traces tbody tr")).toHaveCount(3);
    await page.locator(".traces .main-cell a").first().click();
    await expect(page.getByRole("heading", { level: 2, name: /Steps/ })).toBeVisible();
    await page.locator(".trace-steps summary", { hasText: "project_cash" }).click();
    await expect(page.getByText("free cash flow forecast")).toBeVisible();
    await checkAccessible(page);
    await page.getByRole("button", { name: "4 of 5" }).click();
    await expect(page.getByRole("button", { name: "4 of 5" })).toHaveAttribute("aria-pressed", "true");
  });

  await test.step("within a minute the page shows the pattern and what is proposed", async () => {
    await page.goto(`/evolution?team=${team.id}`);
    await ready(page);
    const pattern = page.locator(".pat", { hasText: "20 runs" });
    await expect(pattern).toBeVisible({ timeout: 60_000 });
    await expect(pattern.getByText("Proposal")).toBeVisible({ timeout: 60_000 });
    await checkAccessible(page);
    await page.getByRole("button", { name: "Run now" }).click();
    await page.getByRole("tab", { name: /^Passes/ }).click();
    const pass = page.locator(".pass", { hasText: "Asked for by Ines Lindqvist" });
    await expect(pass.getByText("Done")).toBeAttached({ timeout: 60_000 });
    await expect(pass).toContainText(/20 traces in \d+ groups?/);
    await expect(pass).toContainText("Nothing new is sure enough to be proposed.");
    await page.getByRole("tab", { name: /^Patterns/ }).click();
    await pattern.click();
    await expect(page.getByRole("heading", { name: /^Why 0\.8/ })).toBeVisible();
    await expect(page.locator(".evo-steps li").first()).toContainText("read_reports");
    await checkAccessible(page);
  });

  await test.step("it is put off, ignored and opened again", async () => {
    const proposal = page.getByRole("region", { name: "Proposal" });
    await proposal.getByRole("button", { name: "Later" }).click();
    await expect(proposal.getByText(/^Later by Ines/)).toBeVisible();
    const ignore = proposal.getByRole("button", { name: "Ignore", exact: true });
    await ignore.press("Enter");
    await page.keyboard.press("Escape");
    await expect(ignore).toBeFocused();
    await ignore.press("Enter");
    await expect(page.getByRole("dialog", { name: "Ignore the proposal" }).getByLabel("Why")).toBeFocused();
    await checkAccessible(page);
    await page.keyboard.type("Another team values for us.");
    await page.keyboard.press("Enter");
    await expect(proposal.getByText(/^Ignored by Ines.*\. Another team values for us\.$/)).toBeVisible();
    await proposal.getByRole("button", { name: "Open again" }).click();
    await expect(ignore).toBeVisible();
  });

  await test.step("it is edited and accepted", async () => {
    await page.getByRole("tab", { name: "Edit" }).click();
    const text = page.getByLabel("Text of the skill");
    await text.fill(`${await text.inputValue()}\nAsk for the terminal growth rate first.\n`);
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.locator(".evo-draft .prose")).toContainText("Ask for the terminal growth rate first.");
    await page.getByRole("button", { name: "Accept", exact: true }).click();
    await expect(page.getByRole("link", { name: "Open the skill" })).toBeVisible();
  });

  await test.step("runs that use it are counted against it", async () => {
    const page1 = await api<{ proposals: { slug: string }[] }>(request, "GET", `/evolution?team=${team.id}`);
    await send(runs(24, 100, [page1.proposals[0].slug], () => new Date().toISOString()));
    const effect = page.locator(".evi", { has: page.getByRole("heading", { name: "What the skill does" }) });
    await expect(effect).toContainText(/With it\s*100 % of 24 runs/, { timeout: 60_000 });
    await expect(effect).toContainText(/Before it was accepted\s*100 % of 20 runs/);
  });

  await test.step("twice the runs better the skill, and what would change is compared", async () => {
    const proposal = page.getByRole("region", { name: "Proposal" });
    await proposal.getByRole("tab", { name: "Compare" }).click({ timeout: 60_000 });
    await expect(proposal.locator(".diff-file")).toBeVisible();
    await page.locator(".evi", { has: page.getByRole("heading", { name: "What the skill does" }) }).getByRole("link").click();
    await page.waitForURL(/\/artifacts\//);
    await expect(page.getByText("Ask for the terminal growth rate first.")).toBeVisible();
  });
});

/** Tasks that are near each other: each has words, steps and inputs of its own, and names that all of them share. */
const TASKS: { task: string; goals: string[]; steps: [string, string][] }[] = [
  { task: "dcf", goals: GOALS, steps: STEPS },
  {
    task: "multiples",
    goals: ["Compare {} with its peers by trading multiples", "peer multiples for {}: EV/EBITDA and P/E", "comparable companies of {}, multiples in a table", "how is {} priced against its peers? use multiples"],
    steps: [["list_peers", "comparable listed companies"], ["fetch_prices", "market capitalisation enterprise value"], ["multiples_table", "ebitda earnings ratios"], ["write_page", "range of multiples"]],
  },
  {
    task: "certificates",
    goals: ["Rotate the TLS certificates of {}", "renew tls certificate on the proxy of {}", "certificates of {} expire, rotate them", "rotate cert for {} before it expires"],
    steps: [["list_certs", "openssl expiry"], ["issue_cert", "acme challenge dns"], ["reload_proxy", "nginx reload"], ["check_tls", "handshake chain"]],
  },
  {
    task: "keys",
    goals: ["Rotate the API keys of {}", "new api keys for {}, revoke the old ones", "API key of {} leaked: replace it everywhere", "swap the api keys that {} uses"],
    steps: [["list_keys", "key id owner scope"], ["create_key", "vault secret store"], ["update_services", "environment of services"], ["revoke_key", "old key revoke"]],
  },
  {
    task: "onboarding",
    goals: ["Onboard the new engineer at {}", "first week plan for an engineer who joins {}", "prepare onboarding of a developer at {}", "accounts and a plan for the new hire at {}"],
    steps: [["create_accounts", "mail chat repository access"], ["order_laptop", "hardware request"], ["plan_week", "meetings buddy first task"], ["send_welcome", "welcome message"]],
  },
  {
    task: "minutes",
    goals: ["Write the minutes of the board meeting of {}", "board minutes for {} from the recording", "turn the notes of the board of {} into minutes", "minutes with decisions and actions, board of {}"],
    steps: [["transcribe", "recording speech"], ["extract_decisions", "resolutions votes"], ["list_actions", "owner due date"], ["write_minutes", "minutes template"]],
  },
];

/** One run as our own JSON has it. */
function run(task: (typeof TASKS)[number], at: number) {
  const time = new Date(Date.now() - 7_200_000 + at * 20_000).toISOString();
  return {
    id: `${task.task}-${at}`,
    goal: task.goals[at % task.goals.length].replace("{}", NAMES[at % NAMES.length]),
    started_at: time,
    ended_at: time,
    user: PEOPLE[at % PEOPLE.length],
    success: task.task !== "keys" || at % 3 !== 0,
    steps: task.steps.map(([name, input]) => ({ name, kind: "tool", input, outcome: "ok", duration_ms: 900 })),
  };
}

/** The same as markdown. */
function asMarkdown(of: ReturnType<typeof run>) {
  const steps = of.steps.map((step, at) => `${at + 1}. tool \`${step.name}\`: ok, 900 ms\n\n   \`\`\`input\n   ${step.input}\n   \`\`\`\n`);
  return `---\nid: ${of.id}\ngoal: "${of.goal}"\nstarted_at: ${of.started_at}\nended_at: ${of.ended_at}\nuser: ${of.user}\nsuccess: ${of.success}\n---\n\n## Steps\n\n${steps.join("\n")}`;
}

/** The same as an exporter of OpenTelemetry sends it: the root last. */
function asSpans(of: ReturnType<typeof run>, at: number) {
  const text = (key: string, value: string) => ({ key, value: { stringValue: value } });
  const traceId = (0xa000 + at).toString(16).padStart(32, "1");
  const begin = BigInt(Date.parse(of.started_at)) * 1_000_000n;
  const span = (id: number, parent: number, name: string, attributes: unknown[], code: number) => ({
    traceId,
    spanId: id.toString(16).padStart(16, "0"),
    parentSpanId: parent ? parent.toString(16).padStart(16, "0") : "",
    name,
    kind: 1,
    startTimeUnixNano: String(begin + BigInt(id) * 1_000_000n),
    endTimeUnixNano: String(begin + BigInt(id + 1) * 1_000_000n),
    attributes,
    status: { code },
  });
  const tools = of.steps.map((step, index) =>
    span(index + 2, 1, step.name, [text("gen_ai.operation.name", "execute_tool"), text("gen_ai.tool.name", step.name), text("gen_ai.tool.call.arguments", step.input)], 1),
  );
  const said = JSON.stringify([{ role: "user", parts: [{ type: "text", content: of.goal }] }]);
  const root = span(1, 0, "invoke_agent", [text("gen_ai.operation.name", "invoke_agent"), text("gen_ai.input.messages", said), text("user.id", of.user)], 1);
  return { resourceSpans: [{ scopeSpans: [{ spans: [...tools, root] }] }] };
}

test("several hundred runs of near tasks, in every form, become patterns; one becomes a skill that is found and whose pattern moves", async ({ page, team, baseURL }) => {
  test.setTimeout(300_000);
  const request = page.context().request;
  const send = async (path: string, type: string, data: string) => {
    const answer = await request.post(`/api/v1${path}?team=${team.id}`, { data, headers: { "content-type": type } });
    expect(answer.status()).toBe(200);
  };
  type Patterns = { waiting: number; runs: { state: string }[]; patterns: { id: string; name: string; runs: number; confidence: number }[]; proposals: { id: string; patternId: string; slug: string }[] };
  const evolution = () => api<Patterns>(request, "GET", `/evolution?team=${team.id}&all=true`);
  const all = TASKS.flatMap((task) => Array.from({ length: 52 }, (_, at) => run(task, at)));
  const parts = all.reduce<(typeof all)[]>((parts, one, at) => (parts[at % 4].push(one), parts), [[], [], [], []]);

  await test.step("a folder of them is imported: arrays, lines and markdown; an exporter sends spans", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "llmos-traces-"));
    const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text);
    try {
      write("first.json", JSON.stringify(parts[0]));
      write("second.ndjson", parts[1].map((one) => JSON.stringify(one)).join("\n"));
      write("third.json", JSON.stringify([...parts[2].slice(8), ...parts[3].slice(8)]));
      for (const one of parts[2].slice(0, 8)) write(`${one.id}.md`, asMarkdown(one));
      const { secret } = await api<{ secret: string }>(request, "POST", "/me/tokens", { name: "Import", scopes: ["read", "write"], expiresInDays: 1 });
      const { stdout } = await promisify(execFile)(BINARY, ["traces", "import", folder, "--team", team.id, "--server", baseURL!], {
        env: { ...process.env, DATA_DIR: path.join(folder, "none"), LLMOS_TOKEN: secret },
      });
      expect(stdout.trim()).toBe(`${all.length - 8} accepted, 0 known, 0 refused`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    for (const [at, one] of parts[3].slice(0, 8).entries()) await send("/otlp/v1/traces", "application/json", JSON.stringify(asSpans(one, at)));
  });

  let dcf = "";
  await test.step("within a minute the page shows their patterns, and near tasks stay apart", async () => {
    await page.goto(`/evolution?team=${team.id}`);
    await ready(page);
    const pattern = page.locator(".pat", { hasText: /DCF|cash flow/i }).first();
    await expect(pattern).toBeVisible({ timeout: 60_000 });
    await expect.poll(async () => {
      const now = await evolution();
      return now.waiting === 0 && now.runs.some((one) => one.state === "done") && now.runs.every((one) => one.state !== "running");
    }, { timeout: 120_000 }).toBe(true);
    const found = (await evolution()).patterns.filter((one) => one.runs >= 20);
    expect(found.length).toBeGreaterThanOrEqual(TASKS.length - 1);
    for (const one of found) {
      const { items } = await api<{ items: { goal: string }[] }>(request, "GET", `/traces?team=${team.id}&pattern=${one.id}&limit=200`);
      const tasks = TASKS.map((task) => items.filter((item) => NAMES.some((name) => task.goals.some((goal) => goal.replace("{}", name) === item.goal))).length);
      expect(Math.max(...tasks) / items.length, `${one.name}: ${tasks.join(", ")}`).toBeGreaterThan(0.9);
      if (tasks[0] === Math.max(...tasks) && tasks[0] >= 20) {
        dcf = one.id;
        for (const name of ["Acme", "Globex"]) expect(items.some((item) => item.goal.includes(name))).toBe(true);
      }
    }
    expect(dcf).not.toBe("");
  });

  await test.step("all of its runs are a list, narrowed like any other", async () => {
    await page.goto(`/evolution/${dcf}?team=${team.id}`);
    await ready(page);
    await page.getByRole("link", { name: /^All \d+ runs$/ }).click();
    await page.waitForURL(/pattern=/);
    await expect(page.getByRole("link", { name: "Of one pattern: show all" })).toBeVisible();
    await checkAccessible(page);
    await page.goBack();
    await ready(page);
  });

  const { proposals, patterns } = await evolution();
  const proposal = proposals.find((one) => one.patternId === dcf);
  expect(proposal).toBeTruthy();
  const before = patterns.find((one) => one.id === dcf)!.confidence;

  await test.step("what is typed stays while other runs come in", async () => {
    await page.goto(`/evolution/${dcf}?team=${team.id}`);
    await ready(page);
    await page.getByRole("tab", { name: "Edit" }).click();
    const text = page.getByLabel("Text of the skill");
    await text.fill(`${await text.inputValue()}\nAsk for the terminal growth rate first.\n`);
    await expect(page.getByText("Not saved yet")).toBeVisible();
    const runs = async () => (await evolution()).patterns.find((one) => one.id === dcf)?.runs ?? 0;
    const before = await runs();
    await send("/traces", "application/json", JSON.stringify([run(TASKS[0], 60), run(TASKS[0], 61)]));
    await expect.poll(runs).toBeGreaterThan(before);
    await expect(page.locator(".pat", { hasText: `${(await evolution()).patterns.find((one) => one.id === dcf)!.runs} runs` }).first()).toBeVisible();
    await expect(text).toHaveValue(/terminal growth rate first/);
    await expect(text).toBeVisible();
    // Decided on as it is typed.
    await page.getByRole("button", { name: /^(Accept|Keep as another skill)$/ }).click();
    await expect(page.getByRole("link", { name: "Open the skill" })).toBeVisible();
  });

  await test.step("the skill is committed, found and can be published", async () => {
    await page.getByRole("link", { name: "Open the skill" }).click();
    await page.waitForURL(/\/artifacts\//);
    await expect(page.getByText("Ask for the terminal growth rate first.")).toBeVisible();
    const id = page.url().match(/artifacts\/([0-9a-f-]+)/)![1];
    await expect.poll(async () => {
      const { hits } = await api<{ hits: { id: string }[] }>(request, "GET", `/search?q=${encodeURIComponent("terminal growth rate")}&kind=skill`);
      return hits.some((hit) => hit.id === id);
    }, { timeout: 60_000 }).toBe(true);
  });

  await test.step("runs that use it and fail lower how sure the pattern is", async () => {
    const now = () => new Date().toISOString();
    const failed = Array.from({ length: 10 }, (_, at) => ({ ...run(TASKS[0], 100 + at), started_at: now(), ended_at: now(), success: false, skills_used: [proposal!.slug] }));
    await send("/traces", "application/json", JSON.stringify(failed));
    await expect.poll(async () => (await evolution()).patterns.find((one) => one.id === dcf)?.confidence ?? 1, { timeout: 60_000 }).toBeLessThan(before - 0.05);
  });
});
