// What is commented: ranges that move with the text, because their ends are positions in the shared document.
import { StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView } from "@codemirror/view";
import * as Y from "yjs";

/** A range of the text as comments keep it. */
export interface Anchor {
  start: string;
  end: string;
  quote: string;
}

export interface Thread extends Anchor {
  id: string;
}

const QUOTE = 1_000;

const encode = (position: Y.RelativePosition) => btoa(String.fromCharCode(...Y.encodeRelativePosition(position)));

function decode(text: Y.Text, position: string): number | undefined {
  try {
    const bytes = Uint8Array.from(atob(position), (letter) => letter.charCodeAt(0));
    const found = Y.createAbsolutePositionFromRelativePosition(Y.decodeRelativePosition(bytes), text.doc!);
    return found?.type === text ? found.index : undefined;
  } catch {
    // Another program may have written it: it is shown without its place.
    return undefined;
  }
}

/** The range from `from` to `to`; each end belongs to the letter inside, so that what is written beside it stays outside. */
export function anchor(text: Y.Text, from: number, to: number): Anchor {
  return {
    start: encode(Y.createRelativePositionFromTypeIndex(text, from, 0)),
    end: encode(Y.createRelativePositionFromTypeIndex(text, to, -1)),
    quote: [...text.toString().slice(from, to)].slice(0, QUOTE).join(""),
  };
}

/** Where a range is now; undefined when nothing of it is left. */
export function place(text: Y.Text, { start, end }: Anchor): { from: number; to: number } | undefined {
  const from = decode(text, start);
  const to = decode(text, end);
  return from !== undefined && to !== undefined && from < to ? { from, to } : undefined;
}

export const setThreads = StateEffect.define<{ text: Y.Text; threads: Thread[] }>();

/** Marks the ranges; a press on one tells its thread. */
export function threads(pressed: (thread: string) => void) {
  const field = StateField.define<DecorationSet>({
    create: () => Decoration.none,
    update(marks, transaction) {
      marks = marks.map(transaction.changes);
      for (const effect of transaction.effects) {
        if (!effect.is(setThreads)) continue;
        const { text, threads } = effect.value;
        const ranges = threads.flatMap((thread) => {
          const at = place(text, thread);
          if (!at || at.to > transaction.newDoc.length) return [];
          return [Decoration.mark({ class: "cm-thread", attributes: { "data-thread": thread.id } }).range(at.from, at.to)];
        });
        marks = Decoration.set(ranges, true);
      }
      return marks;
    },
    provide: (field) => EditorView.decorations.from(field),
  });
  return [
    field,
    EditorView.domEventHandlers({
      click(event) {
        const mark = (event.target as Element | null)?.closest?.("[data-thread]");
        if (mark) pressed(mark.getAttribute("data-thread")!);
        return false;
      },
    }),
  ];
}
