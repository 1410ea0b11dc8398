// node style/contrast.mjs  Reads tokens.css and checks every pair that the styles use against WCAG 2.2 AA, and that the colours of charts are told apart.
import { readFileSync } from 'node:fs';
const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');
const tok = {};
for (const [, name, val] of css.split('@media (prefers-contrast')[0].matchAll(/--([\w-]+):\s*(light-dark\([^;]*\)|#[0-9a-f]{6})\s*;/g)) {
  const hex = val.match(/#[0-9a-f]{6}/g);
  if (hex) tok[name] = hex.length > 1 ? { light: hex[0], dark: hex[1] } : { light: hex[0], dark: hex[0] };
}
const lin = c => (c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
const lum = h => [1, 3, 5].map(i => lin(parseInt(h.slice(i, i + 2), 16) / 255)).reduce((s, v, i) => s + v * [.2126, .7152, .0722][i], 0);
const ratio = (a, b) => { const [x, y] = [lum(a), lum(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };

const grounds = ['bg', 'bg-sunken', 'surface-1', 'surface-2', 'surface-3', 'surface-pop'];
const groups = [
  ['text-1 on every surface', 4.5, ['text-1'], [...grounds, 'accent-soft', 'success-soft', 'warn-soft', 'danger-soft', 'info-soft', 'diff-add-soft', 'diff-add-mark', 'diff-del-soft', 'diff-del-mark']],
  ['text-2 on every surface', 4.5, ['text-2'], [...grounds, 'accent-soft', 'warn-soft', 'danger-soft', 'info-soft', 'success-soft', 'diff-add-soft', 'diff-del-soft']],
  ['text-1 and text-2 on the chosen row of a popover', 4.5, ['text-1', 'text-2'], ['surface-4']],
  ['text-2 on the marked words of a diff', 4.5, ['text-2'], ['diff-add-mark', 'diff-del-mark']],
  ['danger-text on a hovered menu row', 4.5, ['danger-text'], ['surface-3', 'surface-pop', 'danger-soft']],
  ['text-2 on a search highlight', 4.5, ['text-2'], ['hl']],
  ['text-3 on every surface', 4.5, ['text-3'], grounds],
  ['accent-text', 4.5, ['accent-text'], [...grounds, 'accent-soft']],
  ['on-accent on the primary button (rest, hover, pressed)', 4.5, ['on-accent'], ['accent-fill', 'accent-fill-hover', 'accent-fill-active']],
  ['on-danger on the destructive button', 4.5, ['on-danger'], ['danger-fill']],
  ...['success', 'warn', 'danger', 'info'].map(s => [`${s}-text`, 4.5, [`${s}-text`], [...grounds, `${s}-soft`]]),
  ['diff text', 4.5, ['success-text', 'danger-text'], ['diff-add-soft', 'diff-del-soft']],
  ['on-person on people 1–8', 4.5, ['on-person'], [1, 2, 3, 4, 5, 6, 7, 8].map(n => `person-${n}`)],
  ['people 1–8 as caret or edge', 3, [1, 2, 3, 4, 5, 6, 7, 8].map(n => `person-${n}`), ['bg', 'surface-1', 'surface-2']],
  ['chart 1–6 as mark', 3, [1, 2, 3, 4, 5, 6].map(n => `chart-${n}`), ['bg', 'surface-1', 'surface-2']],
  ['chart-prev as mark', 3, ['chart-prev'], ['bg', 'surface-1', 'chart-band']],
  ['chart-axis as text', 4.5, ['chart-axis'], ['surface-1', 'chart-band']],
  ['syntax colours', 4.5, ['syn-head', 'syn-key', 'syn-string', 'syn-mark', 'syn-link', 'syn-number'], ['bg', 'bg-sunken', 'surface-1', 'surface-2']],
  ['syntax colours inside a diff', 4.5, ['syn-head', 'syn-key', 'syn-string', 'syn-mark', 'syn-link', 'syn-number'], ['diff-add-soft', 'diff-del-soft']],
  ['semantic marks and accent', 3, ['accent', 'success', 'warn', 'danger', 'info'], ['bg', 'bg-sunken', 'surface-1', 'surface-2']],
  ['line-control (input edge)', 3, ['line-control'], ['bg', 'bg-sunken', 'surface-1', 'surface-pop']],
  ['focus ring', 3, ['focus'], [...grounds]],
];
let bad = 0;
for (const theme of ['dark', 'light']) for (const [label, min, fg, bg] of groups) {
  let low = [99];
  for (const f of fg) for (const b of bg) {
    if (!tok[f] || !tok[b]) { console.log('missing', f, b); bad++; continue; }
    const r = ratio(tok[f][theme], tok[b][theme]);
    if (r < low[0]) low = [r, f, b];
    if (r < min) { bad++; console.log(`FAIL ${theme} ${f} on ${b}: ${r.toFixed(2)} < ${min}`); }
  }
  console.log(`${theme.padEnd(5)} ${label.padEnd(56)} lowest ${low[0].toFixed(2)} (${low[1]} on ${low[2]}), needs ${min}`);
}

// Colours of charts are told apart by everybody: their distance in OKLab (Ottosson, 2020) for usual sight and, simulated in linear RGB with the matrices of Machado,
// Oliveira and Fernandes (2009) at full severity, without the long, the middle and the short cones.
const SIGHT = {
  usual: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protan: [[.152286, 1.052583, -.204868], [.114503, .786281, .099216], [-.003882, -.048116, 1.051998]],
  deutan: [[.367322, .860646, -.227968], [.280085, .672501, .047413], [-.011820, .042940, .968881]],
  tritan: [[1.255528, -.076749, -.178779], [-.078411, .930809, .147602], [.004733, .691367, .303900]],
};
const times = (matrix, v) => matrix.map(row => row.reduce((sum, n, i) => sum + n * v[i], 0));
const oklab = rgb => times(
  [[.2104542553, .7936177850, -.0040720468], [1.9779984951, -2.4285922050, .4505937099], [.0259040371, .7827717662, -.8086757660]],
  times([[.4122214708, .5363325363, .0514459929], [.2119034982, .6806995451, .1073969566], [.0883024619, .2817188376, .6299787005]], rgb).map(Math.cbrt));
const seen = (hex, sight) => oklab(times(SIGHT[sight], [1, 3, 5].map(i => lin(parseInt(hex.slice(i, i + 2), 16) / 255))).map(c => Math.min(1, Math.max(0, c))));
for (const [theme, min] of [['dark', 10], ['light', 13]]) for (const sight of Object.keys(SIGHT)) {
  let low = [99];
  for (let a = 1; a <= 6; a++) for (let b = a + 1; b <= 6; b++) {
    const [x, y] = [a, b].map(n => seen(tok[`chart-${n}`][theme], sight));
    const d = 100 * Math.hypot(...x.map((c, i) => c - y[i]));
    if (d < low[0]) low = [d, `chart-${a}`, `chart-${b}`];
  }
  if (low[0] < min) { bad++; console.log(`FAIL ${theme} ${sight}: ${low[1]} and ${low[2]} are ${low[0].toFixed(1)} apart, needs ${min}`); }
  console.log(`${theme.padEnd(5)} ${`charts told apart, ${sight} sight`.padEnd(56)} lowest ${low[0].toFixed(1)} (${low[1]} and ${low[2]}), needs ${min}`);
}
console.log(bad ? `${bad} failed` : 'all pass'); process.exit(bad ? 1 : 0);
