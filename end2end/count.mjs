// What the last run came to, for scripts/test: "passed failed", and then a line for each test that failed, or passed at its second try only.
import { readFileSync } from "node:fs";

const { stats, suites } = JSON.parse(readFileSync(new URL("test-results/report.json", import.meta.url), "utf8"));
console.log(stats.expected + stats.flaky, stats.unexpected);

const specs = (suite) => [...(suite.specs ?? []), ...(suite.suites ?? []).flatMap(specs)];
for (const spec of suites.flatMap(specs))
  for (const { status, projectName } of spec.tests)
    if (status === "flaky" || status === "unexpected")
      console.log(`${status === "flaky" ? "FLAKY " : "FAILED"} ${spec.file}:${spec.line} [${projectName}] ${spec.title}`);
