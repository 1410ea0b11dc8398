import { ADMIN, ADMIN_STATE, checkAccessible, expect, test, watch } from "../fixtures/index.js";

test("the first visit makes the administrator", async ({ page, problems }) => {
  watch(page, problems);
  await page.goto("/");
  await expect(page).toHaveURL(/\/(login|sign-up)/);
  await page.goto("/sign-up");
  await checkAccessible(page);
  await page.getByLabel("Name").fill(ADMIN.name);
  await page.getByLabel("E-mail").fill(ADMIN.email);
  await page.getByLabel("Password", { exact: true }).fill(ADMIN.password);
  await page.getByRole("button", { name: /Create/ }).click();
  await page.waitForURL("/");
  await page.goto("/admin");
  await expect(page.getByRole("main").getByText(ADMIN.email)).toBeVisible();
  await page.context().storageState({ path: ADMIN_STATE });
});
