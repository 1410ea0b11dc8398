// Checks on the front end as it is released, whose pages load their code when they are opened, that search works without a network on a page
// that opened neither the palette nor a search before. Needs the built server and front end; without a model it says that it did nothing.
import { trial } from "./trial.mjs";

await trial(3180, {}, async ({ address, context }) => {
  for (let search; search?.meaning !== "ready"; await new Promise((wait) => setTimeout(wait, 500))) {
    ({ search } = await (await context.request.get(`${address}/readyz`)).json());
    if (search.meaning === "missing") return console.log("search without a network: not tried, there is no model");
  }
  const page = await context.newPage();
  const ready = () => page.waitForFunction(() => document.documentElement.hasAttribute("data-ready"));
  await page.goto(`${address}/settings/offline`);
  await ready();
  await page.getByRole("button", { name: "Make search available offline" }).click();
  await page.waitForSelector("[data-kept]", { timeout: 120_000 });
  await page.goto(`${address}/`);
  await ready();
  await page.waitForLoadState("networkidle");
  await context.setOffline(true);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Search or go to" }).fill("valuation");
  await page.getByRole("option", { name: /DCF Valuation/ }).waitFor();
  await page.getByRole("option", { name: /Search everything for/ }).click();
  await page.getByText(/on this device/).waitFor();
  console.log("search without a network: the palette and the page answer from the device");
});
