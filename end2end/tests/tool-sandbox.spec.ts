// A tool's JavaScript runs in the browser of who allows it, and reaches nothing there: on the tool's page, and as pages ask for it.
import { api, checkAccessible, createArtifact, expect, ready, test, type Team } from "../fixtures/index.js";
import type { Locator, Page } from "@playwright/test";

type Ran = { outputs?: string; error?: string; console: string[]; millis: number };

/** Makes a tool of the team's and opens its page; gives the part where one tries it. */
async function open(page: Page, team: Team, code: string, declared = "", language = "js") {
  const text = `---\nname: harbor-rate\ndescription: What a berth costs.\n${declared}---\n\n# Harbor rate\n\n\`\`\`${language}\n${code}\n\`\`\`\n`;
  const { id } = await createArtifact(page.context().request, team.volumeId, "Harbor rate", text, "tool");
  await page.goto(`/artifacts/${id}`);
  await ready(page);
  return { id, panel: page.getByRole("region", { name: "Try it" }) };
}

const run = (panel: Locator) => panel.getByRole("button", { name: "Run" });
/** What the tool answered, or why it did not. */
const answer = (panel: Locator) => panel.locator("[aria-live] pre").first();

test("a tool is tried on its page with the inputs that it declares @phone", async ({ page, team }) => {
  const inputs = [
    "  - name: metres",
    "    type: number",
    "    description: How long the ship is.",
    "  - name: nights",
    "    type: integer",
    "    default: 2",
    "  - name: kind",
    "    type: string",
    "    enum: [sail, motor]",
    "  - name: power",
    "    type: boolean",
    "    required: false",
    "  - name: discounts",
    "    type: array",
    "    required: false",
    "  - name: note",
    "    type: string",
    "    required: false",
  ].join("\n");
  const code = "async function main(inputs) {\n  console.log('asked for', inputs.kind);\n  return { ...inputs, total: inputs.metres * inputs.nights };\n}";
  const { panel } = await open(page, team, code, `inputs:\n${inputs}\n`);
  await expect(panel.getByText("No network")).toBeVisible();
  for (const theme of ["light", "dark"]) {
    await page.evaluate((theme) => document.documentElement.setAttribute("data-theme", theme), theme);
    await checkAccessible(page);
  }

  // What is missing or wrong is said where it is, and nothing runs.
  await run(panel).click();
  await expect(panel.getByLabel("metres")).toBeFocused();
  await expect(panel.getByText("Fill in metres.")).toBeVisible();
  await page.keyboard.insertText("long");
  await page.keyboard.press("Enter");
  await expect(panel.getByText("Make metres a number, such as 1.5.")).toBeVisible();
  await expect(answer(panel)).toHaveCount(0);

  // With the keyboard only.
  await panel.getByLabel("metres").fill("12.5");
  await panel.getByLabel("kind").selectOption("sail");
  await panel.getByLabel("power").focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("Tab");
  await page.keyboard.insertText("[0.1, 0.2]");
  await page.keyboard.press("Tab");
  await page.keyboard.insertText('With "quotes"\nand a line');
  await page.keyboard.press("Tab");
  await expect(run(panel)).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(answer(panel)).toContainText('"total": 25');
  expect(JSON.parse((await answer(panel).textContent())!)).toEqual({
    metres: 12.5, nights: 2, kind: "sail", power: true, discounts: [0.1, 0.2], note: 'With "quotes"\nand a line', total: 25,
  });
  await expect(panel.getByText("asked for sail")).toBeVisible();
  await expect(page.locator("iframe")).toHaveCount(0);
  await checkAccessible(page);
  if (test.info().project.name === "phone")
    for (const control of [panel.getByLabel("metres"), panel.locator("label.check"), panel.getByLabel("kind")]) expect((await control.boundingBox())!.height).toBeGreaterThanOrEqual(44);
});

test("the page says which hosts a tool may reach; others are refused", async ({ page, team, baseURL }) => {
  const answered: string[] = [];
  const code = `async function main() {
  const refused = async (address) => { try { await fetch(address, { mode: "no-cors" }); return "reached" } catch (error) { return error.name } };
  return [await refused("${baseURL}/healthz?tool"), await refused("https://other.example/")];
}`;
  const { panel } = await open(page, team, code, "capabilities:\n  hosts: [api.example.org, '*.example.org', 127.0.0.1]\n");
  await expect(run(panel)).toHaveAccessibleDescription(/^May talk to: api\.example\.org\./);
  await expect(panel.getByText("*.example.org, 127.0.0.1")).toBeVisible();
  page.on("response", (response) => answered.push(response.url()));
  await run(panel).click();
  await expect(answer(panel)).toContainText("TypeError");
  expect(JSON.parse((await answer(panel).textContent())!)).toEqual(["TypeError", "TypeError"]);
  expect(answered.filter((url) => /healthz|other\.example/.test(url))).toEqual([]);
});

test("an endless loop is stopped, and the tool may run again", async ({ page, team }) => {
  const { panel } = await open(page, team, "function main({ endless }) {\n  while (endless);\n  return 'over';\n}", "inputs:\n  endless:\n    type: boolean\n    default: true\n");
  await run(panel).click();
  await expect(page.locator("iframe")).toHaveCount(1);
  await panel.getByRole("button", { name: "Stop" }).click();
  await expect(answer(panel)).toHaveText("The tool was stopped.");
  await expect(run(panel)).toBeFocused();
  await expect(page.locator("iframe")).toHaveCount(0);
  await panel.getByLabel("endless").uncheck();
  await run(panel).click();
  await expect(answer(panel)).toHaveText('"over"');

  // Whoever leaves the page takes the run along.
  await panel.getByLabel("endless").check();
  await run(panel).click();
  await expect(page.locator("iframe")).toHaveCount(1);
  await page.locator("a[href*='tab=history']").first().click();
  await expect(panel).toBeHidden();
  await expect(page.locator("iframe")).toHaveCount(0);
});

test("a huge output is refused, a large one is text and nothing else", async ({ page, team }) => {
  const { panel } = await open(page, team, "function main({ length }) {\n  return '<img src=x onerror=alert(1)>' + 'x'.repeat(length);\n}", "inputs:\n  length: integer\n");
  await panel.getByLabel("length").fill(String(2 << 20));
  await run(panel).click();
  await expect(answer(panel)).toHaveText("The tool's outputs are longer than 1 MB. Let it return less.");
  await panel.getByLabel("length").fill("900000");
  await run(panel).click();
  await expect(answer(panel)).toContainText("<img src=x");
  expect((await answer(panel).textContent())!.length).toBe(900_000 + '"<img src=x onerror=alert(1)>"'.length);
  await expect(answer(panel).locator("img")).toHaveCount(0);
});

test("other languages are shown and not run, and nothing runs from the trash", async ({ page, team }) => {
  const { panel } = await open(page, team, "print(1)", "", "python");
  await expect(panel.getByText("Code in python is shown and not run")).toBeVisible();
  await expect(run(panel)).toHaveCount(0);
  await checkAccessible(page);

  const script = await open(page, team, "function main() {\n  return 1;\n}");
  await expect(run(script.panel)).toBeVisible();
  await api(page.context().request, "DELETE", `/artifacts/${script.id}`);
  await page.reload();
  await expect(page.getByText("In the trash.")).toBeVisible();
  await expect(script.panel).toHaveCount(0);
});

/** Runs code as pages do, by the script's own address. */
async function ask(page: Page, code: string, more: { inputs?: unknown; hosts?: string[]; limit?: number } = {}): Promise<Ran> {
  const asked = JSON.stringify({ code, inputs: JSON.stringify(more.inputs ?? {}), hosts: more.hosts ?? [], limit: more.limit });
  const text = await page.evaluate(async (asked) => {
    const names = JSON.parse(document.querySelector("script[type=importmap]")!.textContent!) as { imports: Record<string, string> };
    const script = (await import(names.imports["llmos/tool-sandbox"]!)) as { ask(text: string): Promise<string> };
    return script.ask(asked);
  }, asked);
  // Whatever came of it, nothing of it is left.
  await expect(page.locator("iframe")).toHaveCount(0);
  return JSON.parse(text) as Ran;
}

const outputs = (ran: Ran) => JSON.parse(ran.outputs ?? JSON.stringify(ran)) as unknown;

test.describe("the script", () => {
  test.beforeEach(async ({ page }) => {
    await page.goto("/artifacts");
    await ready(page);
  });

  test("a tool takes inputs, prints, and gives outputs", async ({ page }) => {
    const ran = await ask(page, "async function main({ amount }) { console.log('doubling', amount); return { total: amount * 2 } }", { inputs: { amount: 21 } });
    expect(outputs(ran)).toEqual({ total: 42 });
    expect(ran.console).toEqual(["doubling 21"]);
  });

  test("it finds no page, no storage and no other worker", async ({ page }) => {
    const names = ["document", "parent", "localStorage", "cookieStore", "indexedDB", "caches", "importScripts", "Worker", "BroadcastChannel", "WebSocket", "WebAssembly"];
    const ran = await ask(page, `function main() { return ${JSON.stringify(names)}.filter((name) => globalThis[name] !== undefined).concat(self.origin) }`);
    expect(outputs(ran)).toEqual(["null"]);
  });

  test("it reaches neither our own server nor a host that it did not declare, and makes no code of text", async ({ page, baseURL }) => {
    const answered: string[] = [];
    page.on("response", (response) => answered.push(response.url()));
    const attempt = (expression: string) => `async function main() { try { await ${expression}; return "done" } catch (error) { return error.name } }`;
    expect(outputs(await ask(page, attempt(`fetch("${baseURL}/healthz", { mode: "no-cors" })`)))).toBe("TypeError");
    expect(outputs(await ask(page, attempt(`fetch("https://other.example/", { mode: "no-cors" })`), { hosts: ["api.example.org"] }))).toBe("TypeError");
    expect(outputs(await ask(page, attempt(`eval("1")`)))).toBe("EvalError");
    expect(outputs(await ask(page, attempt(`import("${baseURL}/icons.svg?module")`)))).toBe("TypeError");
    expect(answered.filter((url) => /healthz|other\.example|module/.test(url))).toEqual([]);
  });

  test("an endless loop ends, and nobody gets more than 30 seconds", async ({ page }) => {
    const ran = await ask(page, "function main() { for (;;); }", { limit: 1_000 });
    expect(ran.error).toBe("The tool was ended: it ran longer than 1 seconds.");
    const long = await ask(page, "function main() { for (;;); }", { limit: 600_000 });
    expect(long.error).toBe("The tool was ended: it ran longer than 30 seconds.");
    expect(long.millis).toBeLessThan(35_000);
  });

  test("it gets no more than 128 MB in buffers, even where it takes no refusal", async ({ page }) => {
    const hog = (attempt: string) => `function main() { const kept = []; for (;;) { ${attempt} } }`;
    const sentence = "The tool was ended: it asked for more than 128 MB of memory.";
    expect((await ask(page, hog("kept.push(new Uint8Array(8 << 20))"))).error).toBe(sentence);
    expect((await ask(page, hog("try { kept.push(new ArrayBuffer(8 << 20)) } catch {}"))).error).toBe(sentence);
    expect((await ask(page, hog("kept.push(new (new Uint8Array(1).buffer.constructor)(8 << 20))"))).error).toBe(sentence);
  });

  test("what goes wrong is one sentence", async ({ page }) => {
    expect((await ask(page, "function main() { throw new Error('no such rate') }")).error).toBe("The tool failed: no such rate");
    expect((await ask(page, "function main({")).error).toMatch(/^The tool does not run: .*SyntaxError/);
    expect((await ask(page, "const other = 1;")).error).toBe("The tool does not define main(inputs).");
    for (const code of ["function main() {}", "function main() { const a = {}; a.a = a; return a }", "function main() { return 1n }"])
      expect((await ask(page, code)).error).toMatch(/^The tool's outputs are no JSON\./);
    expect((await ask(page, "function main() { return 'x'.repeat(2 << 20) }")).error).toMatch(/longer than 1 MB/);
    expect((await ask(page, "function main() { return 1 }", { hosts: ["*"] })).error).toBeTruthy();
  });

  test("the frame's document says what it may do, and takes no wildcard", async ({ page }) => {
    const response = await page.request.get("/frames/tool?host=api.example.org");
    const policy = response.headers()["content-security-policy"]!;
    for (const part of ["default-src 'none'", "connect-src https://api.example.org;", "worker-src blob:", "sandbox allow-scripts", "frame-ancestors 'self'"]) expect(policy).toContain(part);
    for (const host of ["*", "*.example.org", "127.0.0.1", "localhost", "a.org:1"]) expect((await page.request.get(`/frames/tool?host=${host}`)).status(), host).toBe(400);
  });
});
