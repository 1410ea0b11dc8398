// A chart on a page: the document runs it, or `src/browser/chart.rs` when one comes near the window. ECharts draws; what a person does with it is here: the
// pointer, the keyboard, zoom, notes, colours that follow the theme. Everything that it begins it ends in `close`.
import type { ECharts } from "echarts/core";
import { listening, onLook, palette } from "./colours";
import { make, option, place, plot, pointAt } from "./draw";
import { notes } from "./notes";
import { type Picture, picture } from "./picture";
import { type Spec, valueWords } from "./spec";
import { tip } from "./tip";

/** Words that a chart tells: `open` an address, `zoom` "first,last" (nothing: all), `said` what stands at the point one is at. */
type Tell = (word: "open" | "zoom" | "said", value: string) => void;

export type Handle = {
  /** Draws other numbers in the place of these; what is hidden, chosen and zoomed stays. */
  update(text: string): void;
  /** Shows or hides a series. */
  show(id: string, on: boolean): void;
  /** Shows these points only; without an order all. */
  zoom(first: number, last: number): void;
  close(): void;
};

/** Further than that is a choice of a range, not a press; in CSS pixels. */
const STEADY = 6;

let open_charts = 0;

/** How many charts are open, and how many listeners are left; for the test that nothing is left behind. */
export const alive = () => ({ charts: open_charts, listeners: listening() });

/** Charts that the document had drawn before its program was there to use them. */
const ahead = new Map<HTMLElement, Opened>();

/** Draws `text` (a `Spec` as JSON) into `host`, which has a size, or takes over what is drawn there. Throws where the browser has no SVG. */
export function open(host: HTMLElement, text: string, tell: Tell): Handle {
  const drawn = ahead.get(host);
  ahead.delete(host);
  if (!drawn) return begin(host, text, tell);
  drawn.take(text, tell);
  return drawn;
}

/** Draws what the document says at its charts, as far as one sees them. The program takes them over, and draws the others. */
async function drawAhead() {
  // Without a program nobody gets back to the table by themselves.
  (globalThis as { llmosCode?: Promise<unknown> }).llmosCode?.catch(() => {
    for (const [host, opened] of ahead) {
      opened.close();
      look(host, "table");
    }
    ahead.clear();
  });
  // Not at once: making all of this ready has taken as long as a press may wait.
  await new Promise((later) => setTimeout(later));
  const read = document.readyState === "loading" && new Promise((read) => document.addEventListener("DOMContentLoaded", read, { once: true }));
  await drawSeen();
  if (!read) return;
  // Those that came while the others were drawn.
  await read;
  await drawSeen();
}

/** Those that the document has by now, one in each frame. */
async function drawSeen() {
  for (const host of document.querySelectorAll<HTMLElement>(".chart-host[data-spec]")) {
    const { top, bottom } = host.getBoundingClientRect();
    const text = host.dataset["spec"];
    if (!text || top >= innerHeight || bottom <= 0 || host.firstChild) continue;
    delete host.dataset["spec"];
    try {
      ahead.set(host, begin(host, text, () => undefined));
    } catch {
      // The tables that make room for a drawing.
      delete document.documentElement.dataset["cached"];
      return;
    }
    look(host, "chart");
    await new Promise(requestAnimationFrame);
  }
}

/** Shows the drawing or the table of a chart that the program does not have yet, as the program does then. */
function look(host: HTMLElement, view: "chart" | "table") {
  const chart = host.closest<HTMLElement>(".chart");
  if (chart) chart.dataset["view"] = view;
  host.tabIndex = view === "chart" ? 0 : -1;
  chart?.querySelector(".twin")?.toggleAttribute("inert", view === "chart");
}

type Opened = Handle & {
  /** The program is there: it tells what to draw, and is told what happens. */
  take(text: string, tell: Tell): void;
};

function begin(host: HTMLElement, text: string, tell: Tell): Opened {
  if (!("createSVGRect" in document.createElementNS("http://www.w3.org/2000/svg", "svg"))) throw new Error("no SVG");
  let spec = JSON.parse(text) as Spec;
  host.dataset["kind"] = spec.kind;
  const hidden = new Set<string>();
  let shown = { first: 0, last: spec.points.length - 1 };
  let at: { row: number; at: number } | undefined;
  let brush: { from: number; now: number } | undefined;

  const canvas = layer(host, "chart-canvas");
  const band = layer(host, "chart-brush");
  const tipped = tip(host);
  const noted = notes(host);
  const chart: ECharts = make(canvas);
  open_charts += 1;

  const draw = () => {
    const colour = palette(host);
    chart.setOption(option(spec, hidden, colour, getComputedStyle(host).fontFamily), { replaceMerge: ["series"] });
    apply();
  };
  /** Puts everything that lies over the drawing where it belongs. */
  const settle = () => {
    noted.draw(spec.notes, (index) => (index < shown.first || index > shown.last ? undefined : place(chart, spec, 0, index)?.x), plot(chart));
    mark();
  };
  const apply = () => {
    if (spec.kind === "lines") chart.dispatchAction({ type: "dataZoom", startValue: shown.first, endValue: shown.last });
    settle();
  };
  const rows = () => spec.series.map((_, row) => row).filter((row) => !hidden.has(spec.series[row]?.id ?? ""));
  const mark = () => {
    const spot = at && place(chart, spec, at.row, at.at);
    if (at && spot) tipped.show(spec, hidden, at, spot, plot(chart));
    else tipped.hide();
  };
  const goTo = (next: { row: number; at: number } | undefined, said: boolean) => {
    at = next;
    mark();
    if (said) tell("said", next ? sentence(spec, next) : "");
  };
  const setZoom = (first: number, last: number) => {
    const end = spec.points.length - 1;
    shown = { first: Math.max(0, Math.min(first, end)), last: Math.max(0, Math.min(last, end)) };
    if (shown.last - shown.first < 1) shown = { first: 0, last: end };
    apply();
    tell("zoom", shown.first === 0 && shown.last === end ? "" : `${shown.first},${shown.last}`);
  };
  const link = (point = at) => (point ? spec.series[point.row]?.links?.[point.at] : undefined);
  const enter = () => {
    const address = link();
    if (address) tell("open", address);
  };

  const moved = (event: PointerEvent) => {
    const { x, y } = within(host, event);
    const found = pointAt(chart, spec, x, y);
    if (brush) {
      brush.now = x;
      drawBrush();
      return;
    }
    if (!found) return;
    goTo(spec.kind === "grid" ? found : { row: nearest(found.at, y), at: found.at }, false);
  };
  const nearest = (index: number, y: number) => {
    const far = (row: number) => Math.abs((spec.series[row]?.values[index] === null ? Infinity : (place(chart, spec, row, index)?.y ?? Infinity)) - y);
    return rows().reduce((best, row) => (far(row) < far(best) ? row : best), rows()[0] ?? 0);
  };
  const drawBrush = () => {
    const wide = brush ? Math.abs(brush.now - brush.from) : 0;
    band.hidden = !brush || wide <= STEADY;
    if (!brush) return;
    const box = plot(chart);
    const left = Math.max(box.left, Math.min(brush.from, brush.now));
    Object.assign(band.style, { left: `${left}px`, width: `${Math.max(0, Math.min(box.right, Math.max(brush.from, brush.now)) - left)}px`, top: `${box.top}px`, height: `${box.bottom - box.top}px` });
  };
  const pressed = (event: PointerEvent) => {
    if (event.button !== 0 || onControl(event)) return;
    const { x } = within(host, event);
    brush = { from: x, now: x };
    if (spec.kind === "lines") host.setPointerCapture(event.pointerId);
  };
  const released = (event: PointerEvent) => {
    const done = brush;
    brush = undefined;
    drawBrush();
    if (!done || onControl(event)) return;
    if (spec.kind === "lines" && Math.abs(done.now - done.from) > STEADY) {
      const ends = [done.from, done.now].map((x) => pointAt(chart, spec, Math.min(Math.max(x, plot(chart).left), plot(chart).right), plot(chart).top)?.at);
      if (ends[0] !== undefined && ends[1] !== undefined) setZoom(Math.min(ends[0], ends[1]), Math.max(ends[0], ends[1]));
    } else if (event.pointerType === "mouse") enter();
  };
  const left = () => {
    brush = undefined;
    drawBrush();
    if (document.activeElement !== host) goTo(undefined, false);
  };
  const key = (event: KeyboardEvent) => {
    if (event.target !== host || event.altKey || event.ctrlKey || event.metaKey) return;
    const next = step(event.key);
    if (!next) return;
    event.preventDefault();
    next();
  };
  const step = (name: string): (() => void) | undefined => {
    const here = at ?? { row: rows()[0] ?? 0, at: spec.kind === "grid" ? 0 : last(rows()[0] ?? 0) };
    const go = (row: number, index: number) => () => goTo(row in spec.series && index >= shown.first && index <= shown.last ? { row, at: index } : here, true);
    const across = (by: number) => {
      if (!at) return () => goTo(here, true);
      const visible = rows();
      const next = visible[Math.min(Math.max(visible.indexOf(here.row) + by, 0), visible.length - 1)];
      return go(next ?? here.row, here.at);
    };
    const half = Math.max(1, Math.round((shown.last - shown.first) / 4));
    switch (name) {
      case "ArrowRight":
        return at ? go(here.row, here.at + 1) : () => goTo(here, true);
      case "ArrowLeft":
        return at ? go(here.row, here.at - 1) : () => goTo(here, true);
      // A grid's rows stand from the top down, as its axis does.
      case "ArrowDown":
        return across(1);
      case "ArrowUp":
        return across(-1);
      case "Home":
        return go(here.row, shown.first);
      case "End":
        return go(here.row, shown.last);
      case "Enter":
        return enter;
      case "+":
      case "=":
        return spec.kind === "lines" ? () => setZoom(Math.max(shown.first, here.at - half), Math.min(shown.last, here.at + half)) : undefined;
      case "-":
        return spec.kind === "lines" ? () => setZoom(shown.first - half * 2, shown.last + half * 2) : undefined;
      case "0":
        return () => setZoom(0, spec.points.length - 1);
      case "Escape":
        return () => goTo(undefined, true);
      default:
        return undefined;
    }
  };
  const last = (row: number) => {
    const values = spec.series[row]?.values ?? [];
    let index = values.length - 1;
    while (index > 0 && values[index] === null) index -= 1;
    return Math.min(Math.max(index, shown.first), shown.last);
  };
  const blurred = () => goTo(undefined, false);

  const listen: [keyof HTMLElementEventMap, (event: never) => void][] = [
    ["pointermove", moved],
    ["pointerdown", pressed],
    ["pointerup", released],
    ["pointercancel", left],
    ["pointerleave", left],
    ["keydown", key],
    ["blur", blurred],
  ];
  for (const [name, act] of listen) host.addEventListener(name, act as EventListener);
  const box = new ResizeObserver(() => {
    // The page was made anew, or left, before the program had it.
    if (!host.isConnected && ahead.delete(host)) opened.close();
    if (host.clientWidth === 0) return;
    chart.resize();
    settle();
  });
  box.observe(host);
  const end = onLook(draw);
  draw();

  const opened: Opened = {
    update(text) {
      const before = spec.points.length;
      spec = JSON.parse(text) as Spec;
      if (spec.points.length !== before) {
        shown = { first: 0, last: spec.points.length - 1 };
        at = undefined;
        tell("zoom", "");
      }
      draw();
    },
    show(id, on) {
      if (on) hidden.delete(id);
      else hidden.add(id);
      if (at && hidden.has(spec.series[at.row]?.id ?? "")) at = undefined;
      draw();
    },
    zoom: setZoom,
    take(text, now) {
      tell = now;
      const next = JSON.parse(text) as Spec;
      if (looks(next) === looks(spec)) spec = next;
      else opened.update(text);
      if (shown.first > 0 || shown.last < spec.points.length - 1) tell("zoom", `${shown.first},${shown.last}`);
    },
    close() {
      if (chart.isDisposed()) return;
      end();
      box.disconnect();
      for (const [name, act] of listen) host.removeEventListener(name, act as EventListener);
      chart.dispose();
      noted.close();
      host.replaceChildren();
      open_charts -= 1;
    },
  };
  return opened;
}

/** A picture of a spec, as its file's bytes in a `data:` address: `svg`, or `png` at twice the size. Throws a sentence where the browser cannot. */
export async function draw(text: string, kind: Picture): Promise<string> {
  return picture(JSON.parse(text) as Spec, kind);
}

function layer(host: HTMLElement, name: string): HTMLElement {
  const made = document.createElement("div");
  made.className = name;
  // What is drawn is said by the chart's own words.
  made.ariaHidden = "true";
  made.hidden = name === "chart-brush";
  host.append(made);
  return made;
}

function within(host: HTMLElement, event: PointerEvent): { x: number; y: number } {
  const box = host.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

/** All of a chart that is seen. */
const looks = (spec: Spec) => JSON.stringify(spec, (name, value: unknown) => (name === "links" ? undefined : value));

const onControl = (event: Event) => event.target instanceof Element && event.target.closest("a, button, summary") !== null;

/** What a reader says of a point: "Fri 13 Mar, Sessions: 59. Release 1.4". */
function sentence(spec: Spec, { row, at }: { row: number; at: number }): string {
  const series = spec.series[row];
  if (!series) return "";
  const value = valueWords(spec, series, at) ?? "nothing";
  const happened = spec.notes.filter((note) => note.at === at).map((note) => ` ${note.words}.`);
  return `${spec.points[at] ?? ""}, ${series.name}: ${value}.${happened.join("")}`;
}

void drawAhead();
