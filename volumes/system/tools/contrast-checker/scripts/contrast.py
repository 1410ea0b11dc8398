#!/usr/bin/env python3
"""WCAG 2.x contrast ratio of two colours. Prints one JSON object.

usage: contrast.py FOREGROUND BACKGROUND     (#rgb, #rrggbb or #rrggbbaa)
A translucent foreground is composited over the background first.
"""
import json
import sys


def parse(text):
    h = text.strip().lstrip("#")
    if len(h) in (3, 4):
        h = "".join(c * 2 for c in h)
    if len(h) not in (6, 8):
        raise ValueError(f"not a hex colour: {text!r}")
    try:
        parts = [int(h[i:i + 2], 16) for i in range(0, len(h), 2)]
    except ValueError:
        raise ValueError(f"not a hex colour: {text!r}")
    return parts[:3], (parts[3] / 255 if len(parts) == 4 else 1.0)


def luminance(rgb):
    def linear(c):
        c /= 255
        return c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
    r, g, b = (linear(c) for c in rgb)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def check(foreground, background):
    fg, alpha = parse(foreground)
    bg, bg_alpha = parse(background)
    if bg_alpha < 1:
        raise ValueError("background must be opaque")
    fg = [alpha * f + (1 - alpha) * b for f, b in zip(fg, bg)]
    hi, lo = sorted((luminance(fg), luminance(bg)), reverse=True)
    ratio = (hi + 0.05) / (lo + 0.05)
    return {
        # Truncated, not rounded: 4.499 must never be shown as 4.5.
        "ratio": int(ratio * 100 + 1e-9) / 100,
        "aa_text": ratio >= 4.5, "aa_large_text": ratio >= 3,
        "aaa_text": ratio >= 7, "aaa_large_text": ratio >= 4.5,
        "ui_component": ratio >= 3,
    }


if __name__ == "__main__":
    if len(sys.argv) != 3:
        print(json.dumps({"error": "usage", "message": "give two hex colours"}))
        sys.exit(2)
    try:
        print(json.dumps(check(sys.argv[1], sys.argv[2])))
    except ValueError as e:
        print(json.dumps({"error": "invalid_colour", "message": str(e)}))
        sys.exit(2)
