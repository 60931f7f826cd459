import { defineConfig } from "@playwright/test";

/**
 * Two kinds of tests. `screens` looks at every screen, error states included, on the built pages
 * with the mock server. `flows` goes through the product with the real binaries, named by
 * PROOFLINE_BIN and AGENT_BIN.
 */
export default defineConfig({
  testDir: "e2e",
  outputDir: "test-results",
  // One more than the cores of the smallest machine: most of the time a test waits.
  workers: 3,
  // For what hangs. Looking at one page for accessibility alone takes seconds where others work as well.
  timeout: 240_000,
  expect: { timeout: 20_000 },
  reporter: [["list"]],
  forbidOnly: Boolean(process.env.CI),
  // A second try tells a race from a defect; the closing lines name whatever needed one.
  retries: process.env.CI ? 1 : 0,
  use: {
    browserName: "chromium",
    // A trace takes a snapshot of the page at every step, and these pages are long: only where somebody looks for a cause.
    trace: process.env.TRACE ? "retain-on-failure" : "off",
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  projects: [
    { name: "screens", testMatch: /screens\/.*\.spec\.ts/, use: { baseURL: "http://localhost:4173" } },
    { name: "flows", testMatch: /flows\/.*\.spec\.ts/ },
  ],
  webServer: {
    command: "node node_modules/vite/bin/vite.js preview --strictPort",
    url: "http://localhost:4173/api/auth/status",
    env: { PROOFLINE_MOCK_DELAY: "5", PROOFLINE_SERVER: "" },
    reuseExistingServer: false,
  },
});
