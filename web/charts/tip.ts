// What stands beside the point that the pointer or the keyboard is at. Text only: what people wrote never becomes HTML.
import { type Spec, valueWords } from "./spec";

type Box = { left: number; top: number; right: number; bottom: number };

export function tip(host: HTMLElement): {
  show(spec: Spec, hidden: ReadonlySet<string>, point: { row: number; at: number }, spot: { x: number; y: number }, box: Box): void;
  hide(): void;
} {
  const line = made("i", "chart-line");
  const dot = made("i", "chart-dot");
  const text = made("div", "chart-tip");
  for (const part of [line, dot, text]) {
    part.hidden = true;
    part.ariaHidden = "true";
    host.append(part);
  }
  return {
    show(spec, hidden, point, spot, box) {
      const series = spec.series[point.row];
      if (!series) return;
      const isGrid = spec.kind === "grid";
      const listed = isGrid ? [series] : spec.series.filter((one) => !hidden.has(one.id) && typeof one.values[point.at] === "number");
      const head = made("b", "");
      head.textContent = spec.points[point.at] ?? "";
      const rows = listed.map((one) => {
        const row = made("span", one === series && !isGrid ? "on" : "");
        const swatch = made("i", `swatch ${one.dash}`);
        swatch.style.setProperty("--c", `var(${one.color})`);
        const name = made("span", "");
        name.textContent = one.name;
        const value = made("b", "num");
        value.textContent = valueWords(spec, one, point.at) ?? "";
        row.append(...(isGrid ? [] : [swatch]), name, value);
        return row;
      });
      const happened = spec.notes.filter((note) => note.at === point.at).map((note) => {
        const row = made("small", note.bad ? "c-bad" : "");
        row.textContent = note.words;
        return row;
      });
      text.replaceChildren(head, ...rows, ...happened);
      text.hidden = false;
      // Beside the point, on the side where there is room.
      const { clientWidth: width, clientHeight: height } = host;
      const beside = spot.x + 14 + text.offsetWidth <= width ? spot.x + 14 : Math.max(0, spot.x - 14 - text.offsetWidth);
      const top = Math.max(0, Math.min(spot.y - text.offsetHeight / 2, height - text.offsetHeight));
      Object.assign(text.style, { left: `${beside}px`, top: `${top}px` });
      line.hidden = isGrid;
      Object.assign(line.style, { left: `${spot.x}px`, top: `${box.top}px`, height: `${box.bottom - box.top}px` });
      const isPoint = typeof series.values[point.at] === "number";
      dot.hidden = !isPoint;
      dot.classList.toggle("cell", isGrid);
      dot.style.setProperty("--c", `var(${series.color})`);
      Object.assign(dot.style, { left: `${spot.x}px`, top: `${spot.y}px` });
      if (isGrid) {
        const cell = { width: (box.right - box.left) / spec.points.length, height: (box.bottom - box.top) / spec.series.length };
        Object.assign(dot.style, { width: `${cell.width}px`, height: `${cell.height}px` });
      }
    },
    hide() {
      line.hidden = dot.hidden = text.hidden = true;
    },
  };
}

function made(name: "i" | "div" | "b" | "span" | "small", look: string): HTMLElement {
  const element = document.createElement(name);
  if (look) element.className = look;
  return element;
}
