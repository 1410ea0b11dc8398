// Colours are tokens (`style/tokens.css`), looked up for the theme of the moment and again when it changes.

/** Text that begins so is a token. */
const TOKEN = /^--[a-z0-9-]+$/;

/** Looks tokens up. A custom property is only text, `light-dark(…)` among it: an element that uses it says which colour that is. */
export function palette(host: HTMLElement): (token: string) => string {
  const probe = document.createElement("i");
  probe.hidden = true;
  host.append(probe);
  const known = new Map<string, string>();
  const colour = (token: string) => {
    let found = known.get(token);
    if (found === undefined) {
      probe.style.color = `var(${token})`;
      found = getComputedStyle(probe).color;
      known.set(token, found);
    }
    return found;
  };
  // All that is asked for is asked for at once, before anything is drawn.
  queueMicrotask(() => probe.remove());
  return colour;
}

/** A copy of `value` with colours in the place of tokens. */
export function coloured<T>(value: T, colour: (token: string) => string): T {
  if (typeof value === "string") return (TOKEN.test(value) ? colour(value) : value) as T;
  if (Array.isArray(value)) return value.map((item) => coloured(item as unknown, colour)) as T;
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, coloured(item as unknown, colour)])) as T;
  return value;
}

const listeners = new Set<() => void>();
let stop: (() => void) | undefined;

/** Tells when colours or motion are others: the theme, the device's, more contrast, less motion. Gives how to end it. */
export function onLook(act: () => void): () => void {
  listeners.add(act);
  stop ??= watch();
  return () => {
    listeners.delete(act);
    if (listeners.size === 0) {
      stop?.();
      stop = undefined;
    }
  };
}

function watch(): () => void {
  const tell = () => {
    for (const listener of listeners) listener();
  };
  const theme = new MutationObserver(tell);
  theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  const queries = ["(prefers-color-scheme: dark)", "(prefers-contrast: more)", "(prefers-reduced-motion: reduce)"].map((query) => matchMedia(query));
  for (const query of queries) query.addEventListener("change", tell);
  return () => {
    theme.disconnect();
    for (const query of queries) query.removeEventListener("change", tell);
  };
}

export const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** How many listen; for the test that nothing is left behind. */
export const listening = () => listeners.size;
