// What happened, over the point where it did: a mark that leads there; those that would lie on one another are one mark with a list.
import type { Note } from "./spec";

/** Marks nearer than that are one, in CSS pixels. */
const NEAR = 24;
const SVG = "http://www.w3.org/2000/svg";

export function notes(host: HTMLElement): {
  draw(all: Note[], place: (at: number) => number | undefined, box: { top: number; bottom: number }): void;
  close(): void;
} {
  const layer = document.createElement("div");
  layer.className = "chart-notes";
  host.append(layer);
  let drawn = "";
  return {
    draw(all, place, box) {
      const placed = all.flatMap((note) => {
        const x = place(note.at);
        return x === undefined ? [] : [{ note, x }];
      });
      placed.sort((one, other) => one.x - other.x);
      const groups: { x: number; notes: Note[] }[] = [];
      for (const { note, x } of placed) {
        const last = groups.at(-1);
        if (last && x - last.x < NEAR) last.notes.push(note);
        else groups.push({ x, notes: [note] });
      }
      // The same marks at the same places stay, and with them the focus and an open list.
      const now = JSON.stringify([groups, box.top, box.bottom]);
      if (now === drawn) return;
      drawn = now;
      layer.replaceChildren(
        ...groups.map(({ x, notes: together }) => {
          const mark = document.createElement("div");
          mark.className = together.some((note) => note.bad) ? "chart-note bad" : "chart-note";
          Object.assign(mark.style, { left: `${x}px`, top: `${box.top}px`, height: `${box.bottom - box.top}px` });
          const [only, ...more] = together;
          if (only) mark.append(more.length === 0 ? link(only, false) : list(together, x > host.clientWidth / 2));
          return mark;
        }),
      );
    },
    close() {
      layer.remove();
    },
  };
}

function link(note: Note, withWords: boolean): HTMLElement {
  // Not everything that happened has a page.
  const made = document.createElement(note.href ? "a" : "span");
  if (made instanceof HTMLAnchorElement) made.href = note.href;
  else if (!withWords) made.role = "img";
  made.append(icon(note.icon));
  if (withWords) made.append(note.words);
  else {
    made.ariaLabel = note.words;
    made.title = note.words;
  }
  return made;
}

function list(together: Note[], toTheLeft: boolean): HTMLElement {
  const drop = document.createElement("details");
  drop.className = "drop";
  const summary = document.createElement("summary");
  summary.textContent = String(together.length);
  summary.ariaLabel = `${together.length} things happened`;
  summary.title = together.map((note) => note.words).join("\n");
  const menu = document.createElement("div");
  menu.className = toTheLeft ? "pop menu to-left" : "pop menu";
  menu.append(...together.map((note) => link(note, true)));
  drop.append(summary, menu);
  return drop;
}

function icon(name: string): SVGElement {
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("class", "icon");
  made.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/icons.svg#i-${/^[a-z-]+$/.test(name) ? name : "info"}`);
  made.append(use);
  return made;
}
