#!/usr/bin/env python3
"""Financial calculator: npv, irr, wacc, cagr, payment. Prints one JSON object.

Rates are decimals (0.08 means 8 %). Exit codes: 0 result, 2 invalid input,
3 valid input without a mathematical answer (for example no IRR).
"""
import argparse
import json
import math
import sys


class CalcError(Exception):
    def __init__(self, code, message, exit_code=2):
        super().__init__(message)
        self.code, self.exit_code = code, exit_code


def need(condition, message, code="invalid_input"):
    if not condition:
        raise CalcError(code, message)


def npv(rate, flows, mid_year=False):
    """flows[0] is at time 0. mid_year moves flows 1..n half a period earlier."""
    shift = 0.5 if mid_year else 0.0
    return flows[0] + sum(
        f / (1 + rate) ** (t - shift) for t, f in enumerate(flows[1:], start=1)
    )


def sign_changes(flows):
    signs = [math.copysign(1, f) for f in flows if f != 0]
    return sum(1 for a, b in zip(signs, signs[1:]) if a != b)


def bisect(f, lo, hi):
    f_lo = f(lo)
    for _ in range(200):
        mid = (lo + hi) / 2
        f_mid = f(mid)
        if f_mid == 0:
            return mid
        if (f_lo < 0) != (f_mid < 0):
            hi = mid
        else:
            lo, f_lo = mid, f_mid
    return (lo + hi) / 2


def irr_roots(flows):
    """Every sign change of NPV on a grid from -95 % to +1000 %, refined."""
    grid = [-0.95 + 0.005 * i for i in range(390)]        # -0.95 .. 0.995
    grid += [1.0 + 0.05 * i for i in range(181)]          # 1.0 .. 10.0
    values = [npv(r, flows) for r in grid]
    roots = []
    for a, b, fa, fb in zip(grid, grid[1:], values, values[1:]):
        if fa == 0:
            roots.append(a)
        elif (fa < 0) != (fb < 0) and fb != 0:
            roots.append(bisect(lambda r: npv(r, flows), a, b))
    if values[-1] == 0:
        roots.append(grid[-1])
    return roots


def op_npv(a):
    need(a.rate > -1, "rate must be greater than -1")
    return {"npv": round(npv(a.rate, a.flows, a.mid_year), 4)}


def op_irr(a):
    changes = sign_changes(a.flows)
    if changes == 0:
        raise CalcError("no_irr", "flows never change sign, so no IRR exists", 3)
    roots = irr_roots(a.flows)
    if not roots:
        raise CalcError("no_irr", "no IRR between -95 % and +1000 %", 3)
    best = min(roots, key=abs)
    return {"irr": round(best, 6), "roots": [round(r, 6) for r in roots],
            "sign_changes": changes, "ambiguous": len(roots) > 1}


def op_wacc(a):
    need(a.equity >= 0 and a.debt >= 0, "equity and debt must not be negative")
    total = a.equity + a.debt
    need(total > 0, "equity plus debt must be positive")
    need(0 <= a.tax_rate < 1, "tax rate must be in [0, 1)")
    we, wd = a.equity / total, a.debt / total
    after_tax = a.cost_of_debt * (1 - a.tax_rate)
    return {"wacc": round(we * a.cost_of_equity + wd * after_tax, 6),
            "weight_equity": round(we, 6), "weight_debt": round(wd, 6),
            "after_tax_cost_of_debt": round(after_tax, 6)}


def op_cagr(a):
    need(a.begin > 0 and a.end > 0, "begin and end must be positive")
    need(a.years > 0, "years must be positive")
    return {"cagr": round((a.end / a.begin) ** (1 / a.years) - 1, 6)}


def op_payment(a):
    need(a.principal > 0, "principal must be positive")
    need(a.annual_rate >= 0, "annual rate must not be negative")
    n = round(a.years * a.per_year)
    need(n >= 1, "term must contain at least one period")
    i = a.annual_rate / a.per_year
    pay = a.principal / n if i == 0 else a.principal * i / (1 - (1 + i) ** -n)
    return {"payment": round(pay, 2), "periods": n,
            "total_paid": round(pay * n, 2),
            "total_interest": round(pay * n - a.principal, 2)}


def flow_list(text):
    values = [number(p) for p in text.split(",")]
    if len(values) < 2:
        raise argparse.ArgumentTypeError("need at least two cash flows")
    return values


def number(text):
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a number: {text!r}")
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"not a finite number: {text!r}")
    return value


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise CalcError("invalid_input", message)


def build_parser():
    p = Parser(description=__doc__)
    sub = p.add_subparsers(dest="op", required=True, parser_class=Parser)
    s = sub.add_parser("npv")
    s.add_argument("--rate", type=number, required=True)
    s.add_argument("--flows", type=flow_list, required=True)
    s.add_argument("--mid-year", action="store_true")
    s.set_defaults(run=op_npv)
    s = sub.add_parser("irr")
    s.add_argument("--flows", type=flow_list, required=True)
    s.set_defaults(run=op_irr)
    s = sub.add_parser("wacc")
    for name in ("equity", "debt", "cost-of-equity", "cost-of-debt", "tax-rate"):
        s.add_argument("--" + name, type=number, required=True)
    s.set_defaults(run=op_wacc)
    s = sub.add_parser("cagr")
    for name in ("begin", "end", "years"):
        s.add_argument("--" + name, type=number, required=True)
    s.set_defaults(run=op_cagr)
    s = sub.add_parser("payment")
    for name in ("principal", "annual-rate", "years"):
        s.add_argument("--" + name, type=number, required=True)
    s.add_argument("--per-year", type=int, default=12, choices=(1, 2, 4, 12, 26, 52))
    s.set_defaults(run=op_payment)
    return p


def join_flows(argv):
    """Let '--flows -100,50' work although the value starts with a dash."""
    out = list(argv)
    if "--flows" in out:
        i = out.index("--flows")
        if i + 1 < len(out):
            out[i:i + 2] = ["--flows=" + out[i + 1]]
    return out


def main(argv):
    try:
        args = build_parser().parse_args(join_flows(argv))
        result = args.run(args)
    except CalcError as e:
        print(json.dumps({"error": e.code, "message": str(e)}))
        return e.exit_code
    except (OverflowError, ZeroDivisionError) as e:
        print(json.dumps({"error": "out_of_range", "message": str(e)}))
        return 2
    print(json.dumps({"op": args.op, **result}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
