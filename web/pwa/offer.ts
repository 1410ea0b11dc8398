// When to offer that the app be installed. Pure: the day and what is remembered come in.

/** What this browser remembers of it. */
export interface Remembered {
  /** Days on which the workspace was opened, the last few, as numbers since 1970. */
  days: number[];
  /** How often it was offered, and on which day last. */
  offered: number;
  last: number;
}

/** On so many days one came back: then it is worth having. */
const DAYS = 3;
/** It is offered no more often, and not again before so many days. */
const OFFERS = 2;
const PAUSE = 30;

export const nothing = (): Remembered => ({ days: [], offered: 0, last: 0 });

/** With today in it. */
export function visited(before: Remembered, today: number): Remembered {
  return { ...before, days: [...before.days.filter((day) => day !== today), today].slice(-DAYS) };
}

/** Whether to say now that it can be installed. `able`: the browser can do it, or says how. */
export function offers(remembered: Remembered, today: number, able: boolean): boolean {
  const { days, offered, last } = remembered;
  return able && days.length >= DAYS && offered < OFFERS && (offered === 0 || today - last >= PAUSE);
}

export function read(text: string | null): Remembered {
  try {
    const found = JSON.parse(text ?? "") as Partial<Remembered>;
    const days = Array.isArray(found.days) ? found.days.filter(Number.isFinite) : [];
    return { days, offered: Number(found.offered) || 0, last: Number(found.last) || 0 };
  } catch {
    return nothing();
  }
}
