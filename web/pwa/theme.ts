// The bar around the page has the page's colour, also after the theme was changed, and on the empty page, which the server made for everybody (`app.rs` says what
// it begins with).

const DARK = "#0a0e14";
const LIGHT = "#fafbfc";

/** The colour where the system is dark, or is not. What is neither of the two themes leaves it to the system. */
export const colourOf = (theme: string | undefined, systemIsDark: boolean) => (theme === "light" || (theme !== "dark" && !systemIsDark) ? LIGHT : DARK);

export function followTheme(): void {
  const root = document.documentElement;
  const look = () => {
    for (const colour of document.querySelectorAll<HTMLMetaElement>("meta[name=theme-color]")) colour.content = colourOf(root.dataset.theme, colour.media.includes("dark"));
  };
  look();
  new MutationObserver(look).observe(root, { attributeFilter: ["data-theme"] });
}
