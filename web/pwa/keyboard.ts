// The keyboard of iPhone and iPad lies over the page, and the page does not hear of it as others do (`interactive-widget` in the document's head): the frame
// gives way by as much, so that what is being written stays in sight.

/** Less than that, in pixels, is no keyboard: bars of the browser come and go. */
const LEAST = 120;

export function makeRoomForKeyboard(): void {
  const seen = globalThis.visualViewport;
  if (!seen) return;
  const look = () => {
    const covered = Math.round(innerHeight - seen.height - seen.offsetTop);
    document.documentElement.style.setProperty("--keyboard", covered > LEAST && seen.scale === 1 ? `${covered}px` : "0px");
  };
  seen.addEventListener("resize", look);
  seen.addEventListener("scroll", look);
}
