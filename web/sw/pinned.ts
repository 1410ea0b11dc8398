// What the server would answer about a volume or a session that is here as a whole: lists, filters, pieces of a timeline. Pure.

/** A row of the library (`ArtifactSummary`), as far as it is looked at here. */
export interface Summary {
  id: string;
  volumeId: string;
  kind: string;
  slug: string;
  name: string;
  description: string;
  category: string;
  tags: string[];
  hints: number;
  hasDraft: boolean;
  updatedAt: number;
}

export interface Entry {
  number: number;
}

/** Rows of a page where the address says nothing, as on the server. */
const PAGE = 50;
const PAGE_MAX = 200;
const TAGS = 40;
const ENTRIES = 60;
/** Begins a cursor of ours, which the server would not know: it says how many came before. */
const CURSOR = "here-";

const compare = (a: string | number, b: string | number) => (a < b ? -1 : a > b ? 1 : 0);
/** Ids have the time in front that something was made at. */
const ORDERS: Record<string, (a: Summary, b: Summary) => number> = {
  updated: (a, b) => compare(b.updatedAt, a.updatedAt) || compare(b.id, a.id),
  created: (a, b) => compare(b.id, a.id),
  name: (a, b) => compare(a.name.toLowerCase(), b.name.toLowerCase()) || compare(a.id, b.id),
};
/** What else there is to look at nobody knows here: what one opened lately, one's favourites, the trash. */
const VIEWS: Record<string, (one: Summary) => boolean> = { all: () => true, drafts: (one) => one.hasDraft, hints: (one) => one.hints > 0 };

/** What matches, in no order; none where it cannot be told from what is here. */
function matching(items: readonly Summary[], asked: URLSearchParams, but = ""): Summary[] | undefined {
  const view = VIEWS[asked.get("view") ?? "all"];
  if (!view || asked.has("diffstat")) return undefined;
  const wanted = (name: string) => (name === but ? null : asked.get(name));
  const [kind, category, tag] = [wanted("kind"), wanted("category"), wanted("tag")];
  const words = (asked.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  return items.filter((one) => {
    if (!view(one) || (kind && one.kind !== kind) || (category && one.category !== category) || (tag && !one.tags.includes(tag))) return false;
    const text = words.length ? `${one.slug}\n${one.name}\n${one.description}`.toLowerCase() : "";
    return words.every((word) => text.includes(word));
  });
}

/** `GET /artifacts` of one volume. */
export function libraryPage(items: readonly Summary[], asked: URLSearchParams): unknown {
  const found = matching(items, asked);
  const order = ORDERS[asked.get("sort") ?? "updated"];
  const cursor = asked.get("cursor");
  if (!found || !order || (cursor !== null && !cursor.startsWith(CURSOR))) return undefined;
  const from = cursor === null ? 0 : Number(cursor.slice(CURSOR.length)) || 0;
  const limit = Math.min(PAGE_MAX, Math.max(1, Number(asked.get("limit")) || PAGE));
  const end = from + limit;
  return { items: found.sort(order).slice(from, end), next: end < found.length ? `${CURSOR}${end}` : null, total: found.length };
}

function counted(values: string[], most: number): { value: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || compare(a.value, b.value))
    .slice(0, most);
}

/** `GET /artifacts/facets` of one volume: each is counted as if it were not set itself. */
export function facets(items: readonly Summary[], asked: URLSearchParams): unknown {
  const [categories, tags] = [matching(items, asked, "category"), matching(items, asked, "tag")];
  if (!categories || !tags) return undefined;
  return {
    categories: counted(categories.map((one) => one.category), Infinity),
    tags: counted(tags.flatMap((one) => one.tags), TAGS),
    views: { hints: items.filter((one) => one.hints > 0).length, favourites: 0, recent: 0 },
  };
}

/** `GET /sessions/{id}/entries`: `entries` are all of it, oldest first. */
export function entriesPage(entries: readonly Entry[], asked: URLSearchParams): unknown {
  const total = entries.at(-1)?.number ?? 0;
  const limit = Math.min(PAGE_MAX, Math.max(1, Number(asked.get("limit")) || ENTRIES));
  const from = asked.has("from") ? Number(asked.get("from")) || 1 : total - limit + 1;
  const first = entries.findIndex((entry) => entry.number >= from);
  return { items: first < 0 ? [] : entries.slice(first, first + limit), total };
}

/** Whether an artifact has to be fetched again. A draft changes without its row. */
export const isNew = (before: Summary | undefined, now: Summary) => !before || now.hasDraft || JSON.stringify(before) !== JSON.stringify(now);
