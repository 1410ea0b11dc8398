// The browsers that tests run in. The system's: Playwright brings none of its own.

// The switches keep it from calling home.
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The whole browser: an app can be installed in it, and syncs in the background. */
export const whole = { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args };

/** The same engine without what draws a window, where there is one: pages stand sooner in it. A page that has a worker and asks after notifications ends it. */
export const headless = { executablePath: process.env.CHROMIUM_HEADLESS ?? whole.executablePath, args };
