#!/usr/bin/env python3
"""Sample size per group for a two-group comparison. Prints one JSON object.

proportions: normal approximation with unpooled variance
means:       normal approximation with a common standard deviation
"""
import argparse
import json
import math
import sys
from statistics import NormalDist


class InputError(Exception):
    pass


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise InputError(message)


def z_values(alpha, power, one_sided):
    if not (0 < alpha < 1 and 0 < power < 1):
        raise InputError("alpha and power must lie strictly between 0 and 1")
    nd = NormalDist()
    return nd.inv_cdf(1 - (alpha if one_sided else alpha / 2)), nd.inv_cdf(power)


def main(argv):
    p = Parser(description=__doc__)
    sub = p.add_subparsers(dest="op", required=True, parser_class=Parser)
    pr = sub.add_parser("proportions")
    pr.add_argument("--baseline", type=float, required=True)
    pr.add_argument("--mde", type=float, required=True, help="absolute difference")
    me = sub.add_parser("means")
    me.add_argument("--sd", type=float, required=True)
    me.add_argument("--mde", type=float, required=True)
    for s in (pr, me):
        s.add_argument("--alpha", type=float, default=0.05)
        s.add_argument("--power", type=float, default=0.8)
        s.add_argument("--one-sided", action="store_true")
        s.add_argument("--daily", type=float, help="eligible units per day, both groups")
    try:
        a = p.parse_args(argv)
        za, zb = z_values(a.alpha, a.power, a.one_sided)
        if a.mde == 0 or not math.isfinite(a.mde):
            raise InputError("mde must be finite and not zero")
        if a.op == "proportions":
            p1, p2 = a.baseline, a.baseline + a.mde
            if not (0 < p1 < 1 and 0 < p2 < 1):
                raise InputError("baseline and baseline + mde must lie in (0, 1)")
            variance = p1 * (1 - p1) + p2 * (1 - p2)
        else:
            if not (a.sd > 0 and math.isfinite(a.sd)):
                raise InputError("sd must be positive and finite")
            variance = 2 * a.sd ** 2
        n = math.ceil((za + zb) ** 2 * variance / a.mde ** 2)
        out = {"op": a.op, "per_group": n, "total": 2 * n}
        if a.daily is not None:
            if a.daily <= 0:
                raise InputError("daily must be positive")
            out["days"] = math.ceil(2 * n / a.daily)
        print(json.dumps(out))
        return 0
    except InputError as e:
        print(json.dumps({"error": "invalid_input", "message": str(e)}))
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
