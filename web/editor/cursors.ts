// Where the others are: a caret with a name, and what they have selected, in the colour that each person has everywhere.
import { Annotation, type Range, RangeSet } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate, WidgetType } from "@codemirror/view";
import type { Awareness } from "y-protocols/awareness";
import * as Y from "yjs";

/** As the server writes it into each state. */
export interface User {
  id: string;
  name: string;
  color: number;
  kind: "human" | "agent";
}

interface State {
  user?: User;
  cursor?: { anchor: unknown; head: unknown } | null;
}

const moved = Annotation.define<true>();
const colour = (user: User | undefined) => `person-${Math.min(Math.max(Math.trunc(user?.color ?? 1), 1), 8)}`;

class Caret extends WidgetType {
  constructor(private readonly name: string, private readonly colour: string) {
    super();
  }
  override eq(other: Caret) {
    return other.name === this.name && other.colour === this.colour;
  }
  override toDOM() {
    const caret = document.createElement("span");
    caret.className = `cm-other-caret ${this.colour}`;
    const name = caret.appendChild(document.createElement("span"));
    name.className = "cm-other-name";
    name.textContent = this.name;
    return caret;
  }
  override ignoreEvent() {
    return true;
  }
}

export function cursors(text: Y.Text, awareness: Awareness) {
  class Others {
    decorations: DecorationSet = RangeSet.empty;

    constructor(private readonly view: EditorView) {
      awareness.on("change", this.listen);
      this.decorations = this.read(view);
    }

    destroy() {
      awareness.off("change", this.listen);
    }

    private readonly listen = ({ added, updated, removed }: { added: number[]; updated: number[]; removed: number[] }) => {
      const others = [...added, ...updated, ...removed].some((client) => client !== awareness.clientID);
      // Presence is heard between updates of the view only.
      if (others) queueMicrotask(() => this.view.dom.isConnected && this.view.dispatch({ annotations: moved.of(true) }));
    };

    update(update: ViewUpdate) {
      if (update.selectionSet || update.docChanged || update.focusChanged) this.tell(update.view);
      if (update.docChanged || update.transactions.some((transaction) => transaction.annotation(moved))) this.decorations = this.read(update.view);
    }

    /** Says where one is oneself; without the focus one is nowhere. */
    private tell(view: EditorView) {
      const state = awareness.getLocalState() as State | null;
      if (!state) return;
      const { anchor, head } = view.state.selection.main;
      const cursor = view.hasFocus
        ? { anchor: Y.createRelativePositionFromTypeIndex(text, anchor), head: Y.createRelativePositionFromTypeIndex(text, head) }
        : null;
      if (JSON.stringify(cursor) !== JSON.stringify(state.cursor ?? null)) awareness.setLocalStateField("cursor", cursor);
    }

    private read(view: EditorView): DecorationSet {
      const marks: Range<Decoration>[] = [];
      const at = (position: unknown) => {
        const found = Y.createAbsolutePositionFromRelativePosition(Y.createRelativePositionFromJSON(position), text.doc!);
        return found?.type === text ? Math.min(found.index, view.state.doc.length) : undefined;
      };
      for (const [client, state] of awareness.getStates() as Map<number, State>) {
        if (client === awareness.clientID || !state.cursor) continue;
        const anchor = at(state.cursor.anchor);
        const head = at(state.cursor.head);
        if (anchor === undefined || head === undefined) continue;
        if (anchor !== head) {
          marks.push(Decoration.mark({ class: `cm-other-selection ${colour(state.user)}` }).range(Math.min(anchor, head), Math.max(anchor, head)));
        }
        marks.push(Decoration.widget({ side: head > anchor ? -1 : 1, widget: new Caret(state.user?.name ?? "", colour(state.user)) }).range(head));
      }
      return Decoration.set(marks, true);
    }
  }
  return ViewPlugin.fromClass(Others, { decorations: (others) => others.decorations });
}

/** Who has the document open, each person once, oneself included. */
export function people(awareness: Awareness): User[] {
  const users = new Map<string, User>();
  for (const state of (awareness.getStates() as Map<number, State>).values()) {
    if (state.user) users.set(state.user.id, state.user);
  }
  return [...users.values()].sort((one, other) => one.name.localeCompare(other.name));
}
