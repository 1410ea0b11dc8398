// Pulling a list down reads it again, on touch: what a button of the same pane does as well (`data-again`).

/** So far, in pixels, it has to be pulled. */
const FAR = 72;
/** The list gives way by a part of the way that the finger goes. */
const GIVES = 0.5;

/** The list under a finger that is at its top, and its button. */
function below(target: EventTarget | null): { list: HTMLElement; button: HTMLElement } | undefined {
  const list = target instanceof Element ? target.closest<HTMLElement>(".scroll") : null;
  const button = list?.closest(".pane")?.querySelector<HTMLElement>("[data-again]");
  return list && button && list.scrollTop <= 0 ? { list, button } : undefined;
}

export function pullToReadAgain(): void {
  if (!matchMedia("(pointer: coarse)").matches) return;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let pulled: { list: HTMLElement; button: HTMLElement; from: number; across: number; far: boolean } | undefined;
  const move = (by: number) => {
    if (pulled && !still.matches) pulled.list.style.translate = by ? `0 ${by}px` : "";
  };
  const end = (act: boolean) => {
    if (!pulled) return;
    const { button, far } = pulled;
    move(0);
    pulled = undefined;
    if (act && far) button.click();
  };
  addEventListener(
    "touchstart",
    ({ touches, target }) => {
      const [finger] = touches;
      const found = touches.length === 1 && finger ? below(target) : undefined;
      pulled = found && finger && { ...found, from: finger.clientY, across: finger.clientX, far: false };
    },
    { passive: true },
  );
  addEventListener(
    "touchmove",
    ({ touches }) => {
      const [finger] = touches;
      if (!pulled || !finger) return;
      const way = finger.clientY - pulled.from;
      // Up, sideways, or with a second finger it is something else.
      if (way < 0 || touches.length > 1 || Math.abs(finger.clientX - pulled.across) > Math.max(24, way)) return end(false);
      const far = way * GIVES >= FAR;
      // A short knock where letting go will do something: the only one that there is.
      if (far && !pulled.far && !still.matches) navigator.vibrate?.(8);
      pulled.far = far;
      move(Math.min(way * GIVES, FAR * 1.3));
    },
    { passive: true },
  );
  addEventListener("touchend", () => end(true), { passive: true });
  addEventListener("touchcancel", () => end(false), { passive: true });
}
