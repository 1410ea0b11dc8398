#!/usr/bin/env python3
"""Discounted cash flow from a JSON file. Prints one JSON object.

usage: dcf.py model.json
Keys: fcff (list, years 1..n), wacc, terminal_growth, net_debt, diluted_shares;
optional: mid_year (default true), other_claims (default 0),
terminal_fcff (normalized year n+1), terminal_ebitda (year n).
"""
import json
import sys


def value(m, wacc, g):
    flows, mid = m["fcff"], m.get("mid_year", True)
    if wacc <= g:
        raise ValueError("wacc must exceed terminal_growth")
    shift, n = (0.5 if mid else 0.0), len(flows)
    pv_flows = sum(f / (1 + wacc) ** (t - shift) for t, f in enumerate(flows, 1))
    first_terminal = m.get("terminal_fcff")
    if first_terminal is None or g != m["terminal_growth"]:
        base = flows[-1] if first_terminal is None else (
            first_terminal / (1 + m["terminal_growth"]))
        first_terminal = base * (1 + g)
    tv = first_terminal / (wacc - g)
    # Perpetuity flows are mid-year too, so the Gordon value is discounted n - 0.5.
    pv_tv = tv / (1 + wacc) ** (n - shift)
    ev = pv_flows + pv_tv
    equity = ev - m["net_debt"] - m.get("other_claims", 0)
    return {"pv_explicit": pv_flows, "pv_terminal": pv_tv, "terminal_share": pv_tv / ev,
            "enterprise_value": ev, "equity_value": equity,
            "per_share": equity / m["diluted_shares"],
            "_tv_year_end": tv * (1 + wacc) ** shift}


def run(m):
    for key in ("fcff", "wacc", "terminal_growth", "net_debt", "diluted_shares"):
        if key not in m:
            raise ValueError(f"missing key: {key}")
    if not m["fcff"] or m["diluted_shares"] <= 0:
        raise ValueError("fcff must not be empty and diluted_shares must be positive")
    w, g = m["wacc"], m["terminal_growth"]
    base = value(m, w, g)
    tv_year_end = base.pop("_tv_year_end")
    out = {k: round(v, 4 if k == "terminal_share" else 2) for k, v in base.items()}
    if m.get("terminal_ebitda"):
        out["implied_exit_multiple"] = round(tv_year_end / m["terminal_ebitda"], 2)
    out["sensitivity"] = [
        {"wacc": round(w + dw, 4),
         **{f"g={g + dg:.3f}": (round(value(m, w + dw, g + dg)["per_share"], 2)
                                if w + dw > g + dg else None)
            for dg in (-0.005, 0, 0.005)}}
        for dw in (-0.01, 0, 0.01)]
    return out


if __name__ == "__main__":
    try:
        if len(sys.argv) != 2:
            raise ValueError("give one JSON file")
        with open(sys.argv[1], encoding="utf-8") as f:
            print(json.dumps(run(json.load(f)), indent=1))
    except (OSError, ValueError, TypeError) as e:
        print(json.dumps({"error": "invalid_input", "message": str(e)}))
        sys.exit(2)
