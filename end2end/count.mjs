// What the last run came to, for scripts/test: "passed failed", and then a line for each test that passed at its second try only.
import { readFileSync } from "node:fs";

const { stats, suites } = JSON.parse(readFileSync(new URL("test-results/report.json", import.meta.url), "utf8"));
console.log(stats.expected + stats.flaky, stats.unexpected);

const specs = (suite) => [...(suite.specs ?? []), ...(suite.suites ?? []).flatMap(specs)];
for (const spec of suites.flatMap(specs))
  for (const test of spec.tests) if (test.status === "flaky") console.log(`${spec.file} [${test.projectName}] ${spec.title}`);
