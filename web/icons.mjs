// Pictures of the app's icons in the sizes that systems ask for, from the SVG files in web/icons. The mark is that of public/icons.svg.
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { initWasm, Resvg } from "@resvg/resvg-wasm";

/** Source, sides in pixels, and the name before the size. The maskable one has its mark inside of the circle that every mask leaves (40 % of the side). */
const ICONS = [
  ["app.svg", [192, 512], "icon"],
  ["maskable.svg", [192, 512], "maskable"],
  ["maskable.svg", [180], "apple-touch"],
  ["monochrome.svg", [96, 512], "monochrome"],
  ["new-session.svg", [96], "new-session"],
  ["artifacts.svg", [96], "artifacts"],
];

/** Writes what has changed, so that nothing is built anew for it. */
export async function renderIcons(from, to) {
  await mkdir(to, { recursive: true });
  await initWasm(await readFile(new URL(import.meta.resolve("@resvg/resvg-wasm/index_bg.wasm"))));
  const wanted = new Set();
  for (const [source, sides, name] of ICONS) {
    const svg = await readFile(path.join(from, source), "utf8");
    for (const side of sides) {
      const file = `${name}-${side}.png`;
      wanted.add(file);
      const png = Buffer.from(new Resvg(svg, { fitTo: { mode: "width", value: side } }).render().asPng());
      const before = await readFile(path.join(to, file)).catch(() => undefined);
      if (!before?.equals(png)) await writeFile(path.join(to, file), png);
    }
  }
  for (const file of await readdir(to)) if (!wanted.has(file)) await rm(path.join(to, file));
}
