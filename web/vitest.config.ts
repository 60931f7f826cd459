import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "node",
    include: ["src/**/*.test.{ts,tsx}", "dev/**/*.test.ts"],
    // Nothing here may depend on the zone of the machine that runs it.
    env: { TZ: "UTC" },
    // For what hangs: a thousand signatures take seconds, and several times as long on a busy machine.
    testTimeout: 60_000,
  },
});
