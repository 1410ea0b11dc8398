// From runs to a used skill: traces are brought in, become patterns, one is proposed, accepted, and counted against.
import { api, checkAccessible, expect, ready, test } from "../fixtures/index.js";

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
    await pattern.click();
    await expect(page.getByRole("heading", { name: /^Why 0\.8/ })).toBeVisible();
    await expect(page.locator(".evo-steps li").first()).toContainText("read_reports");
    await checkAccessible(page);
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
    await send(runs(4, 100, [page1.proposals[0].slug], () => new Date().toISOString()));
    await expect(page.getByRole("heading", { name: "What the skill does" })).toBeVisible();
    await expect(page.locator(".evi", { hasText: "With it" })).toContainText("100 % of 4 runs", { timeout: 60_000 });
    await page.getByRole("link", { name: "Open the skill" }).click();
    await page.waitForURL(/\/artifacts\//);
    await expect(page.getByText("Ask for the terminal growth rate first.")).toBeVisible();
  });
});
