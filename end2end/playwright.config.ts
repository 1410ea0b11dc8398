import { defineConfig, devices } from "@playwright/test";
import { headless as launchOptions } from "./browser.js";

const address = process.env.LLMOS_E2E_ADDR ?? "127.0.0.1:3177";

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  // The machines of CI are slow and shared: waiting is cheap, a flaky failure is not.
  timeout: 90_000,
  expect: { timeout: 15_000 },
  workers: 2,
  fullyParallel: true,
  forbidOnly: !!process.env.CI,
  // Where nobody can look at once, a second try tells what fails from what is unsteady; scripts/test names those.
  retries: process.env.CI ? 1 : 0,
  reporter: [["list"], ["json", { outputFile: "test-results/report.json" }]],
  // A test that wants the service worker says so: requests that it answers pass by what others put in their way.
  // A trace costs a third of a test's time: where nobody can open it, none is made.
  use: { baseURL: `http://${address}`, serviceWorkers: "block", launchOptions, trace: process.env.CI ? "off" : "retain-on-failure", screenshot: "only-on-failure" },
  projects: [
    { name: "first visit", testMatch: /first-visit\.setup\.ts/ },
    { name: "desktop", dependencies: ["first visit"], use: { ...devices["Desktop Chrome"], launchOptions, viewport: { width: 1440, height: 900 } } },
    {
      name: "phone",
      dependencies: ["first visit"],
      grep: /@phone/,
      use: { ...devices["Pixel 7"], launchOptions, viewport: { width: 390, height: 844 } },
    },
    {
      name: "no script",
      dependencies: ["first visit"],
      grep: /@noscript/,
      use: { ...devices["Desktop Chrome"], launchOptions, javaScriptEnabled: false },
    },
  ],
  webServer: {
    // A new data folder for each run; the binary that scripts/test built.
    command: "node serve.mjs",
    url: `http://${address}/healthz`,
    env: { LLMOS_E2E_ADDR: address },
    timeout: 60_000,
    reuseExistingServer: false,
    stdout: "ignore",
    stderr: "pipe",
  },
});
