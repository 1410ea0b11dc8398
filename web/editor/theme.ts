// The editor in the look of the pages around it: every colour and size is a token of style/tokens.css.
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const person = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`& .person-${index + 1}`, { "--person": `var(--person-${index + 1})` }]));

const look = EditorView.theme({
  "&": { height: "100%", fontSize: "var(--fs-12)", backgroundColor: "transparent", color: "var(--text-1)" },
  "&.cm-focused": { outline: "none" },
  // Over the lines, which have grounds of their own.
  "&.cm-focused::after": { content: "''", position: "absolute", inset: "0 auto 0 0", width: "2px", background: "var(--focus)", pointerEvents: "none", zIndex: "1" },
  ".cm-scroller": { fontFamily: "var(--font-code)", fontFeatureSettings: '"calt" 0', letterSpacing: "-.01em", lineHeight: "var(--lh-20)", scrollbarWidth: "thin" },
  ".cm-content": { padding: "var(--sp-12) 0 var(--sp-48)", caretColor: "var(--accent)" },
  ".cm-line": { padding: "0 var(--pad-x)" },
  ".cm-cursor": { borderLeft: "2px solid var(--accent)", marginLeft: "-1px" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground, ::selection": { backgroundColor: "var(--sel-own)" },
  ".cm-activeLine": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLine": { backgroundColor: "var(--surface-2)" },
  ".cm-selectionMatch": { backgroundColor: "var(--surface-3)" },
  ".cm-searchMatch": { backgroundColor: "var(--hl)", outline: "none" },
  ".cm-searchMatch-selected": { outline: "1px solid var(--accent)" },
  ".cm-thread": { backgroundColor: "var(--warn-soft)", boxShadow: "0 1px 0 var(--warn)", cursor: "pointer" },
  ...person,
  ".cm-other-selection": { backgroundColor: "color-mix(in srgb, var(--person) 24%, transparent)" },
  ".cm-other-caret": { position: "relative", borderLeft: "2px solid var(--person)", marginInline: "-1px", wordBreak: "keep-all" },
  ".cm-other-name": {
    position: "absolute", insetBlockEnd: "100%", insetInlineStart: "-2px", padding: "0 var(--sp-4)", borderRadius: "var(--r-4) var(--r-4) var(--r-4) 0",
    backgroundColor: "var(--person)", color: "var(--on-person)", font: "var(--fw-medium) var(--fs-11)/var(--lh-16) var(--font-text)", whiteSpace: "nowrap", pointerEvents: "none", userSelect: "none", zIndex: "var(--z-cursor)",
  },
  ".cm-line:first-child .cm-other-name": { insetBlockEnd: "auto", insetBlockStart: "100%", borderRadius: "0 var(--r-4) var(--r-4) var(--r-4)" },
  ".cm-panels": { backgroundColor: "var(--surface-1)", color: "var(--text-2)", fontFamily: "var(--font-text)" },
  ".cm-panels-top": { borderBlockEnd: "1px solid var(--line-2)" },
  ".cm-panel.cm-search": {
    display: "flex", flexWrap: "wrap", alignItems: "center", gap: "var(--sp-4) var(--sp-8)", padding: "var(--sp-8) var(--sp-40) var(--sp-8) var(--pad-x)",
    "& br": { display: "none" },
    "& label": { fontSize: "var(--fs-12)", display: "inline-flex", alignItems: "center", gap: "var(--sp-4)", minHeight: "var(--control-h-s)" },
    "& [name=close]": { fontSize: "var(--fs-18)", color: "var(--text-2)", insetBlockStart: "var(--sp-8)", insetInlineEnd: "var(--sp-8)", width: "var(--control-h-s)", height: "var(--control-h-s)", cursor: "pointer" },
  },
  ".cm-textfield": { font: "400 var(--fs-12)/var(--lh-20) var(--font-code)", margin: "0", padding: "0 var(--sp-8)", height: "var(--control-h-s)", color: "var(--text-1)", backgroundColor: "var(--bg)", border: "1px solid var(--line-control)", borderRadius: "var(--r-6)" },
  ".cm-button": { font: "var(--fw-medium) var(--fs-12)/var(--lh-20) var(--font-text)", margin: "0", padding: "0 var(--sp-8)", height: "var(--control-h-s)", color: "var(--text-1)", background: "var(--surface-2)", border: "1px solid var(--line-3)", borderRadius: "var(--r-6)", cursor: "pointer" },
  // iOS zooms into fields with smaller letters.
  "@media (max-width: 719px)": { "&": { fontSize: "var(--fs-16)" }, ".cm-scroller": { lineHeight: "var(--lh-24)" }, ".cm-textfield": { fontSize: "var(--fs-16)" } },
  "@media (prefers-reduced-motion: reduce)": { ".cm-cursorLayer": { animation: "none !important" } },
});

const colours = HighlightStyle.define([
  { tag: tags.heading, color: "var(--syn-head)", fontWeight: "640" },
  { tag: tags.strong, fontWeight: "640" },
  { tag: tags.emphasis, fontStyle: "italic" },
  { tag: tags.strikethrough, textDecoration: "line-through" },
  { tag: [tags.link, tags.url], color: "var(--syn-link)" },
  { tag: [tags.monospace, tags.string, tags.special(tags.string)], color: "var(--syn-string)" },
  { tag: [tags.definition(tags.propertyName), tags.propertyName, tags.keyword], color: "var(--syn-key)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--syn-number)" },
  { tag: tags.quote, color: "var(--text-2)" },
  { tag: [tags.processingInstruction, tags.contentSeparator, tags.comment, tags.meta, tags.punctuation, tags.separator], color: "var(--syn-mark)" },
]);

export const theme = [look, syntaxHighlighting(colours)];
