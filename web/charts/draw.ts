// The trimmed ECharts, and how a `Spec` becomes its option.
import { BarChart, HeatmapChart, LineChart } from "echarts/charts";
import { DataZoomInsideComponent, GridSimpleComponent, MarkAreaComponent, MarkLineComponent } from "echarts/components";
import { type ECharts, type EChartsCoreOption, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { coloured, isStill } from "./colours";
import { most, number, type Series, type Spec, step } from "./spec";

use([BarChart, HeatmapChart, LineChart, DataZoomInsideComponent, GridSimpleComponent, MarkAreaComponent, MarkLineComponent, SVGRenderer]);

type Part = Record<string, unknown>;

/** An empty chart in `host`. Without a size it takes that of the host. */
export function make(host: HTMLElement, size?: { width: number; height: number }): ECharts {
  return init(host, null, { renderer: "svg", ...size });
}

/** The option of a spec: tokens as colours, the numbers of axes written as everywhere, and only the series that are shown. */
export function option(spec: Spec, hidden: ReadonlySet<string>, colour: (token: string) => string, font: string): EChartsCoreOption {
  const made = coloured(spec.options, colour) as Part;
  const all = (made["series"] ?? []) as Part[];
  const series = spec.kind === "grid" ? [{ ...all[0], data: cells(spec, colour) }] : all.filter((one) => !hidden.has(String(one["id"]).split("/")[0] ?? ""));
  return {
    ...made,
    animation: !isStill(),
    animationDuration: 220,
    animationDurationUpdate: 220,
    textStyle: { fontFamily: font },
    xAxis: worded(made["xAxis"], spec, spec.short),
    yAxis: worded(made["yAxis"], spec, spec.series.map((series) => series.name)),
    series,
  };
}

/** What writes the numbers and names of an axis cannot come from elsewhere: it is code. */
function worded(axis: unknown, spec: Spec, names: string[]): unknown {
  const one = axis as Part;
  const formatter = one["type"] === "value" ? (value: number) => number(value, spec) : (name: string, index: number) => names[index] ?? name;
  return { ...one, axisLabel: { ...(one["axisLabel"] as Part), formatter, hideOverlap: true } };
}

function cells(spec: Spec, colour: (token: string) => string): Part[] {
  const largest = most(spec);
  return spec.series.flatMap((row: Series, y) =>
    row.values.flatMap((value, x) =>
      value === null ? [] : [{ value: [x, y, value], itemStyle: { color: colour(spec.scale[step(value, largest, spec.scale.length)] ?? "--seq-0") } }],
    ),
  );
}

/** Where a point is, in CSS pixels from the corner of the chart; nothing outside of what is shown. */
export function place(chart: ECharts, spec: Spec, row: number, at: number): { x: number; y: number } | undefined {
  const found = chart.convertToPixel({ gridIndex: 0 }, [at, spec.kind === "grid" ? row : (spec.series[row]?.values[at] ?? 0)]) as unknown;
  if (!Array.isArray(found)) return undefined;
  const [x, y] = found as number[];
  const box = plot(chart);
  return x === undefined || y === undefined || x < box.left - 1 || x > box.right + 1 ? undefined : { x, y };
}

/** Which point is there: its column, and, in a grid, its row. */
export function pointAt(chart: ECharts, spec: Spec, x: number, y: number): { at: number; row: number } | undefined {
  const found = chart.convertFromPixel({ gridIndex: 0 }, [x, y]) as unknown;
  if (!Array.isArray(found)) return undefined;
  const [at, row] = (found as number[]).map(Math.round);
  if (at === undefined || row === undefined || at < 0 || at >= spec.points.length) return undefined;
  return { at, row: spec.kind === "grid" ? Math.min(Math.max(row, 0), spec.series.length - 1) : 0 };
}

/** The box that the points are in. */
export function plot(chart: ECharts): { left: number; top: number; right: number; bottom: number } {
  // The grid's rectangle is not in the public types; everybody who lays something over a chart asks for it this way.
  const model = (chart as unknown as { getModel(): { getComponent(name: string): { coordinateSystem: { getRect(): { x: number; y: number; width: number; height: number } } } | undefined } }).getModel();
  const rect = model.getComponent("grid")?.coordinateSystem.getRect() ?? { x: 0, y: 0, width: 0, height: 0 };
  return { left: rect.x, top: rect.y, right: rect.x + rect.width, bottom: rect.y + rect.height };
}
