// Prints "passed failed" of the last run, for scripts/test.
import { readFileSync } from "node:fs";

const { stats } = JSON.parse(readFileSync(new URL("test-results/report.json", import.meta.url), "utf8"));
console.log(stats.expected, stats.unexpected + stats.flaky);
