// Fifty in one session: what stands there stays readable on windows of every size.
import WebSocket from "ws";
import { api, beginSession, checkAccessible, expect, ready, test, type Team } from "../fixtures/index.js";
import type { APIRequestContext } from "@playwright/test";

const OTHERS = 49;

/** Agents of the team's; accounts of people are limited in how fast they can be opened. */
async function crowd(request: APIRequestContext, team: Team): Promise<string[]> {
  return Promise.all(
    Array.from({ length: OTHERS }, async (_, number) => {
      const name = `Harbor agent with a rather long name ${number + 1}`;
      const { person } = await api<{ person: { id: string } }>(request, "POST", `/teams/${team.id}/agents`, { name, role: "member" });
      return (await api<{ secret: string }>(request, "POST", `/teams/${team.id}/agents/${person.id}/tokens`, { name: "crowd", scopes: ["read", "write"] })).secret;
    }),
  );
}

/** Enters the room of the session, and stays. */
function enter(server: string, token: string, session: string): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://${server}/ws`, { headers: { authorization: `Bearer ${token}` } });
    socket.on("error", reject);
    socket.on("close", (code) => reject(new Error(`closed with ${code}`)));
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data)) as { type: string; message?: string };
      if (frame.type === "welcome") socket.send(JSON.stringify({ type: "join_room", roomId: session, roomType: "session" }));
      if (frame.type === "room_state") resolve(socket);
      if (frame.type === "error") reject(new Error(frame.message));
    });
  });
}

test("fifty are in a session, and nothing overflows", async ({ page, team, baseURL }) => {
  const request = page.context().request;
  const session = await beginSession(request, team, "All hands on the quay before the tide turns");
  const sockets = await Promise.all((await crowd(request, team)).map((token) => enter(new URL(baseURL!).host, token, session.id)));
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.goto(`/sessions/${session.id}`);
  await ready(page);
  const who = page.getByRole("region", { name: "Session", exact: true }).locator("details.who");
  const list = who.locator(".pop");
  for (const [width, height] of [[390, 844], [820, 1180], [1440, 900]] as const) {
    await page.setViewportSize({ width, height });
    for (const theme of ["dark", "light"]) {
      await test.step(`${width} px, ${theme}`, async () => {
        await page.evaluate((theme) => document.documentElement.setAttribute("data-theme", theme), theme);
        const fits = async () => expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
        await expect(who).toBeVisible();
        await fits();
        await checkAccessible(page);
        await who.locator("summary").click();
        await expect(list.getByText(`Here now: 1 person, ${OTHERS} agents`)).toBeVisible();
        await expect(list.getByRole("listitem")).toHaveCount(OTHERS + 1);
        const [whole, seen] = await list.evaluate((list) => [list.scrollHeight, list.clientHeight]);
        expect(whole).toBeGreaterThan(seen!);
        await list.getByRole("listitem").last().scrollIntoViewIfNeeded();
        await expect(list.getByRole("listitem").last()).toBeInViewport();
        await fits();
        await checkAccessible(page);
        await page.keyboard.press("Escape");
        await expect(list).toBeHidden();
      });
    }
  }
  for (const socket of sockets) {
    socket.removeAllListeners("close");
    socket.close();
  }
});
