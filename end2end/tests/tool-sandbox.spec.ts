// A tool's JavaScript runs in the browser of who allows it, and reaches nothing there.
import { expect, ready, test } from "../fixtures/index.js";
import type { Page } from "@playwright/test";

type Ran = { outputs?: string; error?: string; console: string[]; millis: number };

/** Runs code as pages do, by the script's own address. */
async function run(page: Page, code: string, more: { inputs?: unknown; hosts?: string[]; limit?: number } = {}): Promise<Ran> {
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

test.beforeEach(async ({ page }) => {
  await page.goto("/artifacts");
  await ready(page);
});

test("a tool takes inputs, prints, and gives outputs", async ({ page }) => {
  const ran = await run(page, "async function main({ amount }) { console.log('doubling', amount); return { total: amount * 2 } }", { inputs: { amount: 21 } });
  expect(outputs(ran)).toEqual({ total: 42 });
  expect(ran.console).toEqual(["doubling 21"]);
});

test("it finds no page, no storage and no other worker", async ({ page }) => {
  const names = ["document", "parent", "localStorage", "cookieStore", "indexedDB", "caches", "importScripts", "Worker", "BroadcastChannel", "WebSocket", "WebAssembly"];
  const ran = await run(page, `function main() { return ${JSON.stringify(names)}.filter((name) => globalThis[name] !== undefined).concat(self.origin) }`);
  expect(outputs(ran)).toEqual(["null"]);
});

test("it reaches neither our own server nor a host that it did not declare, and makes no code of text", async ({ page, baseURL }) => {
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  const attempt = (expression: string) => `async function main() { try { await ${expression}; return "done" } catch (error) { return error.name } }`;
  expect(outputs(await run(page, attempt(`fetch("${baseURL}/healthz", { mode: "no-cors" })`)))).toBe("TypeError");
  expect(outputs(await run(page, attempt(`fetch("https://other.example/", { mode: "no-cors" })`), { hosts: ["api.example.org"] }))).toBe("TypeError");
  expect(outputs(await run(page, attempt(`eval("1")`)))).toBe("EvalError");
  expect(outputs(await run(page, attempt(`import("${baseURL}/sw.js")`)))).toBe("TypeError");
  expect(asked.filter((url) => /healthz|other\.example|sw\.js/.test(url))).toEqual([]);
});

test("an endless loop ends, and nobody gets more than 30 seconds", async ({ page }) => {
  const ran = await run(page, "function main() { for (;;); }", { limit: 1_000 });
  expect(ran.error).toBe("The tool was ended: it ran longer than 1 seconds.");
  const long = await run(page, "function main() { for (;;); }", { limit: 600_000 });
  expect(long.error).toBe("The tool was ended: it ran longer than 30 seconds.");
  expect(long.millis).toBeLessThan(35_000);
});

test("it gets no more than 128 MB in buffers, even where it takes no refusal", async ({ page }) => {
  const hog = (attempt: string) => `function main() { const kept = []; for (;;) { ${attempt} } }`;
  const sentence = "The tool was ended: it asked for more than 128 MB of memory.";
  expect((await run(page, hog("kept.push(new Uint8Array(8 << 20))"))).error).toBe(sentence);
  expect((await run(page, hog("try { kept.push(new ArrayBuffer(8 << 20)) } catch {}"))).error).toBe(sentence);
  expect((await run(page, hog("kept.push(new (new Uint8Array(1).buffer.constructor)(8 << 20))"))).error).toBe(sentence);
});

test("what goes wrong is one sentence", async ({ page }) => {
  expect((await run(page, "function main() { throw new Error('no such rate') }")).error).toBe("The tool failed: no such rate");
  expect((await run(page, "function main({")).error).toMatch(/^The tool does not run: .*SyntaxError/);
  expect((await run(page, "const other = 1;")).error).toBe("The tool does not define main(inputs).");
  for (const code of ["function main() {}", "function main() { const a = {}; a.a = a; return a }", "function main() { return 1n }"])
    expect((await run(page, code)).error).toMatch(/^The tool's outputs are no JSON\./);
  expect((await run(page, "function main() { return 'x'.repeat(2 << 20) }")).error).toMatch(/longer than 1 MB/);
  expect((await run(page, "function main() { return 1 }", { hosts: ["*"] })).error).toBeTruthy();
});

test("the frame's document says what it may do, and takes no wildcard", async ({ page }) => {
  const response = await page.request.get("/frames/tool?host=api.example.org");
  const policy = response.headers()["content-security-policy"]!;
  for (const part of ["default-src 'none'", "connect-src https://api.example.org;", "worker-src blob:", "sandbox allow-scripts", "frame-ancestors 'self'"]) expect(policy).toContain(part);
  for (const host of ["*", "*.example.org", "127.0.0.1", "localhost", "a.org:1"]) expect((await page.request.get(`/frames/tool?host=${host}`)).status(), host).toBe(400);
});
