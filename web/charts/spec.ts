// What a page gives a chart (`src/ui/chart/spec.rs` writes it) and how its numbers are written.
import type { EChartsCoreOption } from "echarts/core";

/** One row of numbers over the points. `low` and `high` are the edges of a range around them, in the same unit. */
export type Series = {
  id: string;
  name: string;
  /** A token, such as `--chart-1`. */
  color: string;
  dash: "solid" | "dashed" | "dotted";
  symbol: string;
  values: (number | null)[];
  low?: (number | null)[];
  high?: (number | null)[];
  /** Where a point leads: the rows behind it. */
  links?: (string | null)[];
};

/** What happened at a point. */
export type Note = { at: number; words: string; href: string; icon: string; bad: boolean };

/** `options` is the whole option of ECharts, with tokens in the place of colours. Its series carry the ids of `series`, those that belong to one
 *  (the two halves of a band) with a `/` and more behind. A grid has a row of cells for each of `series`. */
export type Spec = {
  kind: "lines" | "bars" | "grid";
  title: string;
  /** Each point in words that no other has, and as short as it stands below the axis. */
  points: string[];
  short: string[];
  series: Series[];
  suffix: string;
  decimals: number;
  notes: Note[];
  /** Tokens from nothing to the most, of a grid. */
  scale: string[];
  options: EChartsCoreOption;
};

/** "1,044", "3.5 %". */
export function number(value: number, { suffix, decimals }: Pick<Spec, "suffix" | "decimals">): string {
  const text = new Intl.NumberFormat("en", { maximumFractionDigits: decimals }).format(value);
  return suffix ? `${text} ${suffix}` : text;
}

/** The value of a point as people read it, with its range where it has one. Nothing: there is no point. */
export function valueWords(spec: Spec, series: Series, at: number): string | undefined {
  const value = series.values[at];
  if (value === null || value === undefined) return undefined;
  const low = series.low?.[at];
  const high = series.high?.[at];
  const words = number(value, spec);
  return typeof low === "number" && typeof high === "number" ? `${words} (${number(low, { suffix: "", decimals: spec.decimals })} to ${number(high, spec)})` : words;
}

/** Which step of the scale a cell is: 0 is nothing, the others share the largest value evenly. */
export function step(value: number, most: number, steps: number): number {
  return value <= 0 || most <= 0 ? 0 : Math.min(steps - 1, 1 + Math.floor(((value / most) * (steps - 1)) * 0.999_999));
}

/** The largest value of a chart. */
export function most(spec: Spec): number {
  return Math.max(0, ...spec.series.flatMap((series) => series.values.map((value) => value ?? 0)));
}
