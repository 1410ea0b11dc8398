// node style/contrast.mjs  Reads tokens.css and checks every pair that the styles use against WCAG 2.2 AA.
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
console.log(bad ? `${bad} failed` : 'all pass'); process.exit(bad ? 1 : 0);
