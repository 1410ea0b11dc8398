// Every page, desktop and phone: accessible as far as a machine can tell, nothing wider than the window, no error, no violation.
import { api, checkAccessible, createArtifact, expect, ready, test } from "../fixtures/index.js";

const TEXT = `---
name: harbor-pilotage
description: How to bring a ship in. Use when a ship is due.
category: documentation
tags: [harbor, ships]
version: 1.0.0
---

# Pilotage

| Step | Who |
|---|---|
| Meet the ship | pilot |

\`\`\`sh
radio --channel 12
\`\`\`
`;

test("every page stands on its own @phone", async ({ page, team }) => {
  test.slow();
  const request = page.context().request;
  const { id } = await createArtifact(request, team.volumeId, "Harbor pilotage", TEXT);
  await api(request, "PUT", `/artifacts/${id}/draft`, { text: TEXT + "\nSlowly.\n", saves: 0 });
  const commits = await api<{ commits: { id: string }[] }>(request, "GET", `/volumes/${team.volumeId}/commits`);
  const addresses = [
    "/",
    "/artifacts",
    `/artifacts?volume=${team.volumeId}&kind=skill&sort=name`,
    "/artifacts?q=nothing-has-this-name",
    "/artifacts/new",
    `/artifacts/${id}`,
    ...["edit", "history", "diff", "files"].map((tab) => `/artifacts/${id}?tab=${tab}`),
    "/changes",
    "/import",
    `/volumes/${team.volumeId}`,
    `/commits/${commits.commits[0].id}`,
    ...["members", "invitations", "agents", "audit", "settings"].map((part) => `/teams/${team.id}/${part}`),
    ...["profile", "security", "tokens", "teams", "data"].map((part) => `/settings/${part}`),
  ];
  for (const address of addresses) {
    await test.step(address, async () => {
      const response = await page.goto(address);
      expect(response?.status(), address).toBe(200);
      await ready(page);
      await expect(page.getByRole("main")).toBeVisible();
      await checkAccessible(page);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(wider, `${address} is wider than the window`).toBeLessThanOrEqual(0);
    });
  }
});

test("administration is for administrators", async ({ page, account }) => {
  void account;
  const response = await page.goto("/admin");
  expect(response?.status()).toBe(403);
  await checkAccessible(page);
});
