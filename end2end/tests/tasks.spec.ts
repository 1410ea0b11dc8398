// The tasks of a team: made, assigned, closed and filtered by hand; and one that an issue at GitHub makes while somebody looks.
import { createHmac, randomUUID } from "node:crypto";
import { spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { ADMIN, checkAccessible, createArtifact, expect, ready, test, watch } from "../fixtures/index.js";
import { Server } from "../fixtures/server.js";

test("tasks are made, assigned, closed and filtered @phone", async ({ page, team, account }) => {
  await createArtifact(page.context().request, team.volumeId, "lamp-care");
  await page.goto(`/teams/${team.id}/tasks`);
  await ready(page);
  await expect(page.getByText("No task yet")).toBeVisible();
  await checkAccessible(page);

  const make = async (title: string, who?: string) => {
    await page.getByRole("button", { name: "New task" }).click();
    const dialog = page.getByRole("dialog", { name: "New task" });
    await dialog.getByLabel("What is to be done").fill(title);
    if (who) await dialog.getByLabel("Who does it").selectOption({ label: who });
    await dialog.getByRole("button", { name: "Make it" }).click();
    await expect(dialog).toBeHidden();
    await expect(page.locator(".rows.tasks .title", { hasText: title })).toBeVisible();
  };
  await make("Trim the wicks as @lamp-care says");
  await make("Paint the pier", account.name);
  await expect(page.getByRole("link", { name: "lamp-care" })).toBeVisible();
  await checkAccessible(page);
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(wider, "nothing is wider than the window").toBeLessThanOrEqual(0);

  // Changed in its dialog.
  await page.locator(".rows.tasks .title", { hasText: "Paint the pier" }).click();
  const change = page.getByRole("dialog", { name: "Change the task" });
  await expect(change.getByLabel("What is to be done")).toHaveValue("Paint the pier");
  await change.getByLabel("What is to be done").fill("Paint the whole pier");
  await checkAccessible(page);
  await change.getByRole("button", { name: "Save" }).click();
  await expect(change).toBeHidden();
  await expect(page.locator(".rows.tasks .title", { hasText: "Paint the whole pier" })).toBeVisible();

  // By keyboard along the list.
  await page.getByRole("heading", { level: 2, name: "Tasks" }).click();
  await page.keyboard.press("j");
  await expect(page.locator(".rows.tasks .title").first()).toBeFocused();
  await page.keyboard.press("j");
  await expect(page.locator(".rows.tasks .title").nth(1)).toBeFocused();
  await page.keyboard.press("k");
  await expect(page.locator(".rows.tasks .title").first()).toBeFocused();

  // Filtered by what the address says.
  await page.locator("summary", { hasText: "For: anybody" }).click();
  await page.getByRole("link", { name: "me", exact: true }).click();
  await page.waitForURL(/assignee=me/);
  await expect(page.locator(".rows.tasks > li")).toHaveCount(1);
  await page.goto(`/teams/${team.id}/tasks?q=wicks`);
  await ready(page);
  await expect(page.locator(".rows.tasks > li")).toHaveCount(1);
  await page.getByRole("button", { name: /^Close: Trim the wicks/ }).click();
  await expect(page.getByText("No task matches")).toBeVisible();
  await page.goto(`/teams/${team.id}/tasks?state=closed`);
  await ready(page);
  await page.getByRole("button", { name: /^Reopen: Trim the wicks/ }).click();
  await expect(page.locator(".rows.tasks > li")).toHaveCount(0);
});

const SECRET = "a secret of the browser's tests";

/** A repository over smart HTTP, by `git http-backend`. */
async function repository(files: Record<string, string>) {
  const root = mkdtempSync(path.join(tmpdir(), "llmos-git-"));
  const work = path.join(root, "work");
  const git = (...words: string[]) =>
    new Promise<void>((done, fail) => {
      const child = spawn("git", ["-c", "user.name=Ana", "-c", "user.email=ana@harbor.example", ...words], { cwd: work, stdio: "ignore" });
      child.on("exit", (code) => (code === 0 ? done() : fail(new Error(`git ${words.join(" ")}`))));
    });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.join(work, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(work, name), text);
  }
  await git("init", "-q", "-b", "main", ".");
  await git("add", "-A");
  await git("commit", "-q", "-m", "First");
  await git("clone", "-q", "--bare", ".", path.join(root, "playbook.git"));
  const http: HttpServer = createServer((request, response) => {
    const url = new URL(request.url!, "http://localhost");
    const env = {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      REQUEST_METHOD: request.method,
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers["content-type"] ?? "",
    };
    const child = spawn("git", ["http-backend"], { env });
    request.pipe(child.stdin);
    const parts: Buffer[] = [];
    child.stdout.on("data", (part: Buffer) => parts.push(part));
    child.on("close", () => {
      const all = Buffer.concat(parts);
      const end = all.indexOf("\r\n\r\n");
      for (const line of all.subarray(0, end).toString().split("\r\n")) {
        const [name, value] = line.split(": ");
        if (name === "Status") response.statusCode = parseInt(value, 10);
        else response.setHeader(name, value);
      }
      response.end(all.subarray(end + 4));
    });
  }).listen(0, "127.0.0.1");
  await new Promise((done) => http.once("listening", done));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/playbook.git`;
  return { url, end: () => (http.close(), rmSync(root, { recursive: true, force: true })) };
}

test("an issue at GitHub is a task a moment later", async ({ page, problems }) => {
  watch(page, problems);
  const server = await Server.start({ GITHUB_WEBHOOK_SECRET: SECRET, GIT_PRIVATE: "true", GITHUB_API_URL: "http://127.0.0.1:9" });
  const source = await repository({ "skills/lamps/SKILL.md": "---\nname: lamps\ndescription: How lamps are kept.\n---\n\nTrim.\n" });
  try {
    await server.api("POST", "/sign-up", ADMIN);
    const team = await server.api<{ id: string }>("POST", "/teams", { name: "Harbor" });
    const volumes = await server.api<{ id: string; team: string | null }[]>("GET", "/volumes");
    const volume = volumes.find((volume) => volume.team === team.id)!;
    await server.api("PUT", `/volumes/${volume.id}/git`, { url: source.url });
    await expect.poll(async () => (await server.api<{ state: string }>("GET", `/volumes/${volume.id}/git`)).state).toBe("synced");

    const address = `http://${server.address}`;
    await page.goto(`${address}/login`);
    await page.getByLabel("E-mail").fill(ADMIN.email);
    await page.getByLabel("Password", { exact: true }).fill(ADMIN.password);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.waitForURL((url) => !url.pathname.startsWith("/login"));
    let joined = false;
    page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => {
      joined ||= String(payload).includes("room_state") && String(payload).includes(team.id);
    }));
    await page.goto(`${address}/teams/${team.id}/tasks`);
    await ready(page);
    await expect(page.getByText("No task yet")).toBeVisible();
    await expect.poll(() => joined).toBe(true);

    const deliver = async (action: string, state: string, at: string) => {
      const body = JSON.stringify({
        action,
        issue: {
          number: 7,
          title: "The lamps smoke",
          state,
          html_url: "https://github.com/harbor/playbook/issues/7",
          body: "See skills/lamps/SKILL.md",
          user: { login: "octocat", id: 1 },
          labels: [{ name: "bug" }],
          updated_at: at,
        },
        repository: { full_name: "harbor/playbook", clone_url: source.url },
        sender: { login: "octocat", id: 1 },
      });
      const headers = {
        "content-type": "application/json",
        "x-github-event": "issues",
        "x-github-delivery": randomUUID(),
        "x-hub-signature-256": `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`,
      };
      expect((await fetch(`${address}/webhook/github`, { method: "POST", headers, body })).status).toBe(202);
    };
    await deliver("opened", "open", "2026-11-28T10:00:00Z");
    const row = page.locator(".rows.tasks > li");
    await expect(row.getByRole("link", { name: "The lamps smoke" })).toHaveAttribute("href", "https://github.com/harbor/playbook/issues/7");
    await expect(row.getByText("harbor/playbook#7")).toBeVisible();
    await expect(row.getByRole("link", { name: /lamps$/ })).toBeVisible();
    await checkAccessible(page);
    await deliver("closed", "closed", "2026-11-28T10:01:00Z");
    await expect(page.getByText("Nothing to do")).toBeVisible();
  } finally {
    source.end();
    await server.end();
  }
});
