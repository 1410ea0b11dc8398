// A chart as a file: drawn anew at a fixed size, with its title and what its colours stand for, in the colours of the theme of the moment.
import { palette } from "./colours";
import { make, option } from "./draw";
import type { Series, Spec } from "./spec";

export type Picture = "svg" | "png";

const WIDTH = 960;
const HEIGHT = 480;
/** Above the drawing: the title, then the names of the series. */
const HEAD = 64;
const PAD = 16;
/** A picture of points is drawn so many times larger than its size in CSS pixels. */
const SCALE = 2;

export async function picture(spec: Spec, kind: Picture): Promise<string> {
  const svg = drawn(spec);
  return kind === "svg" ? `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}` : await points(svg);
}

function drawn(spec: Spec): string {
  const host = document.createElement("div");
  document.body.append(host);
  host.hidden = true;
  const chart = make(host, { width: WIDTH - 2 * PAD, height: HEIGHT });
  try {
    const colour = palette(document.body);
    // ECharts writes it into an attribute as it is.
    const font = getComputedStyle(document.body).fontFamily.replaceAll('"', "'");
    chart.setOption({ ...option(spec, new Set(), colour, font), animation: false });
    const inner = chart.renderToSVGString();
    const text = (x: number, y: number, size: number, fill: string, words: string, weight = 400) =>
      `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" fill="${colour(fill)}">${escaped(words)}</text>`;
    const named = spec.kind === "grid" ? "" : legend(spec.series, colour, text);
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${WIDTH}" height="${HEIGHT + HEAD + PAD}" viewBox="0 0 ${WIDTH} ${HEIGHT + HEAD + PAD}" font-family="${escaped(font)}">` +
      `<rect width="100%" height="100%" fill="${colour("--surface-1")}"/>${text(PAD, 28, 15, "--text-1", spec.title, 600)}${named}` +
      inner.replace("<svg ", `<svg x="${PAD}" y="${HEAD}" `) +
      "</svg>"
    );
  } finally {
    chart.dispose();
    host.remove();
  }
}

function legend(series: Series[], colour: (token: string) => string, text: (x: number, y: number, size: number, fill: string, words: string) => string): string {
  let x = PAD;
  const dashes = { solid: "none", dashed: "4 3", dotted: "1.5 2.5" };
  return series
    .map((one) => {
      const at = x;
      // There is no layout in a file: letters of this size are 6 px wide on average.
      x += 36 + one.name.length * 6.2;
      return `<path d="M${at} 50h14" stroke="${colour(one.color)}" stroke-width="2.5" stroke-dasharray="${dashes[one.dash]}"/>${text(at + 20, 54, 12, "--text-2", one.name)}`;
    })
    .join("");
}

async function points(svg: string): Promise<string> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.width * SCALE;
  canvas.height = image.height * SCALE;
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser draws no pictures. Save it as SVG instead.");
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/png");
}

const escaped = (words: string) => words.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
