// What people say about an artifact or a message, and the bell that tells whom it concerns.
import { another, api, beginSession, checkAccessible, createArtifact, expect, joinTeam, ready, test, watch } from "../fixtures/index.js";

test("a thread about an artifact: named, told by the bell, answered, resolved", async ({ page, team, admin, browser, problems }) => {
  test.setTimeout(120_000);
  const request = page.context().request;
  const artifact = await createArtifact(request, team.volumeId, "review-rules", "---\nname: review-rules\ndescription: How we review.\n---\n\n# Review\n");
  const second = await another(browser, admin, "Tomas Rey");
  watch(second.page, problems);
  await joinTeam(request, second.context.request, team, "member");
  await second.page.goto("/");
  await ready(second.page);
  const bell = second.page.locator(".rail .bell");
  await expect(bell).toHaveAccessibleName("Notifications");

  await page.goto(`/artifacts/${artifact.id}?tab=comments`);
  await ready(page);
  const field = page.getByLabel("New comment");
  await field.pressSequentially("Is this still true, @tom");
  await page.getByRole("option", { name: /Tomas Rey/ }).click();
  await page.getByRole("button", { name: "Comment", exact: true }).click();
  const comments = page.getByRole("region", { name: "Comments" });
  await expect(comments.getByRole("article", { name: /Comment of Ines/ })).toContainText("Is this still true, @Tomas Rey");
  await expect(comments.getByText("1 open thread")).toBeVisible();
  await checkAccessible(page);

  // The other one hears of it without a reload, and gets there.
  await expect(bell).toHaveAccessibleName("Notifications, 1 unread");
  await bell.click();
  await expect(second.page.getByRole("heading", { name: "review-rules" })).toBeVisible();
  await checkAccessible(second.page);
  await second.page.getByRole("link", { name: /Ines Lindqvist named you in a comment/ }).click();
  const there = second.page.getByRole("region", { name: "Comments" });
  await expect(there.getByText("Is this still true")).toBeVisible();
  await expect(bell).toHaveAccessibleName("Notifications");
  await there.getByRole("button", { name: "Reply" }).click();
  await there.getByLabel("Reply", { exact: true }).fill("Not since the move");
  await there.getByLabel("Reply", { exact: true }).press("Control+Enter");

  // The answer, and that it is done, come live.
  await expect(comments.getByText("Not since the move")).toBeVisible();
  await expect(page.locator(".rail .bell")).toHaveAccessibleName("Notifications, 1 unread");
  await there.getByRole("button", { name: "Resolve", exact: true }).click();
  await expect(there.getByText("Resolved by Tomas Rey")).toBeVisible();
  await expect(comments.getByText("Is this still true")).toHaveCount(0);
  await comments.getByRole("button", { name: /Show resolved/ }).click();
  await expect(comments.getByText("Resolved by Tomas Rey")).toBeVisible();
  await comments.getByRole("button", { name: "Reopen" }).click();
  await expect(there.getByRole("button", { name: "Resolve", exact: true })).toBeVisible();

  // One's own words are edited, and deleted with a trace.
  const mine = comments.getByRole("article", { name: /Comment of Ines/ });
  await mine.getByRole("button", { name: "Edit comment" }).click();
  await mine.getByLabel("Comment", { exact: true }).fill("Is this true?");
  await mine.getByRole("button", { name: "Save" }).click();
  await expect(there.getByText("edited")).toBeVisible();
  await expect(mine.getByText("edited")).toBeVisible();
  await mine.getByRole("button", { name: "Delete comment" }).click();
  await mine.getByRole("button", { name: "Delete comment" }).click();
  await expect(there.getByText("This comment was deleted.")).toBeVisible();
  await second.context.close();
});

test("comments on a message stand beside it, and all notifications are read at once", async ({ page, team, admin, browser, problems }) => {
  test.setTimeout(120_000);
  const request = page.context().request;
  const session = await beginSession(request, team, "Api review");
  await api(request, "POST", `/sessions/${session.id}/messages`, { text: "Shall we drop v1?" });
  const second = await another(browser, admin, "Tomas Rey");
  watch(second.page, problems);
  await joinTeam(request, second.context.request, team, "member");
  await page.goto("/");
  await ready(page);

  await second.page.goto(`/sessions/${session.id}`);
  await ready(second.page);
  const message = second.page.getByRole("article", { name: /Ines Lindqvist, message/ });
  await message.hover();
  await message.getByRole("button", { name: "Comment on the message" }).click();
  const dialog = second.page.getByRole("dialog", { name: "Comments" });
  await dialog.getByLabel("New comment").fill("Not before March");
  await dialog.getByRole("button", { name: "Comment", exact: true }).click();
  await expect(dialog.getByText("Not before March")).toBeVisible();
  await checkAccessible(second.page);
  await dialog.getByRole("button", { name: "Close" }).click();
  await expect(message.getByRole("button", { name: "1 comment" })).toBeVisible();

  // Whoever wrote the message is told; the notification opens the comment.
  await expect(page.locator(".rail .bell")).toHaveAccessibleName("Notifications, 1 unread");
  await page.goto("/notifications");
  await ready(page);
  await page.getByRole("link", { name: /Tomas Rey commented/ }).click();
  await expect(page.getByRole("dialog", { name: "Comments" }).getByText("Not before March")).toBeVisible();
  await api(second.context.request, "POST", `/sessions/${session.id}/messages`, { text: "@InesLindqvist and again" });
  await page.goto("/notifications");
  await ready(page);
  await page.getByRole("button", { name: "Read all" }).click();
  await expect(page.getByRole("button", { name: "Read all" })).toHaveCount(0);
  await expect(page.locator(".rail .bell")).toHaveAccessibleName("Notifications");
  // On a phone the bell is in the tab bar.
  await page.setViewportSize({ width: 390, height: 844 });
  await expect(page.locator(".tabbar .bell")).toBeVisible();
  await checkAccessible(page);
  await second.context.close();
});

test("somebody who has an account finds an invitation behind the bell", async ({ page, account, admin, problems }) => {
  void problems;
  const team = await api<{ id: string; name: string }>(admin, "POST", "/teams", { name: "Harbor Guests" });
  await api(admin, "POST", `/teams/${team.id}/invitations`, { role: "member", maxUses: 1, expiresInDays: 1, email: account.email });
  await page.goto("/notifications");
  await ready(page);
  await expect(page.getByRole("heading", { name: "Harbor Guests" })).toBeVisible();
  await page.getByRole("button", { name: "Accept" }).click();
  await page.waitForURL(`/teams/${team.id}`);
  await expect(page.getByText("You are in Harbor Guests now")).toBeVisible();
});
