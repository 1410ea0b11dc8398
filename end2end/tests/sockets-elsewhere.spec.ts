// The sockets of a server that has them at an address of their own, where no cookie goes.
import { ADMIN, api, append, beginSession, createArtifact, createTeam, editor, expect, ready, signIn, test, watch } from "../fixtures/index.js";
import { Server, freePort } from "../fixtures/server.js";

test("sockets at another address are live, come back, and end with the sign-in", async ({ browser, problems }) => {
  const port = await freePort();
  // Another host than the pages': the cookie stays behind.
  const server = await Server.start({ WS_ADDR: `127.0.0.1:${port}`, WS_URL: `ws://localhost:${port}` });
  const context = await browser.newContext({ baseURL: `http://${server.address}` });
  try {
    const page = await context.newPage();
    watch(page, problems);
    const opened: URL[] = [];
    page.on("websocket", (socket) => opened.push(new URL(socket.url())));
    await api(context.request, "POST", "/sign-up", ADMIN);
    const team = await createTeam(context.request, "Harbor Platform");
    const session = await beginSession(context.request, team, "Elsewhere");
    const artifact = await createArtifact(context.request, team.volumeId, "Harbor lights");

    const state = page.locator(".link-state").first();
    await page.goto(`/sessions/${session.id}`);
    await ready(page);
    await expect(state).toHaveText("Live");
    await server.kill();
    await expect(state).not.toHaveText("Live");
    await server.begin();
    await expect(state).toHaveText("Live", { timeout: 40_000 });

    await page.goto(`/artifacts/${artifact.id}?tab=edit`);
    await ready(page);
    await editor(page);
    await append(page, "Lit at dusk.");
    await expect(page.getByText("Saved on disk")).toBeVisible();
    await server.kill();
    await append(page, " Out at dawn.");
    await server.begin();
    await expect(page.getByText("Saved on disk")).toBeVisible({ timeout: 40_000 });
    expect((await api<{ text: string }>(context.request, "GET", `/artifacts/${artifact.id}`)).text).toContain("Lit at dusk. Out at dawn.");

    expect(new Set(opened.map((url) => url.host))).toEqual(new Set([`localhost:${port}`]));
    expect(new Set(opened.map((url) => url.pathname))).toEqual(new Set(["/ws", `/ws/doc/${artifact.id}`]));
    // No cookie went there, so each said who it is.
    expect(opened.filter((url) => !url.searchParams.get("token"))).toEqual([]);

    await page.goto(`/sessions/${session.id}`);
    await ready(page);
    await expect(state).toHaveText("Live");
    await api(context.request, "POST", "/sign-out");
    await expect(page.getByText("You were signed out. Sign in again.")).toBeVisible({ timeout: 30_000 });
    await signIn(page, ADMIN);
  } finally {
    await context.close();
    await server.end();
  }
});
