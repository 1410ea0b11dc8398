#!/usr/bin/env python3
"""Two-group conversion test with a sample-ratio check. Prints one JSON object.

usage: abtest.py N_CONTROL CONVERSIONS_CONTROL N_TREATMENT CONVERSIONS_TREATMENT
       [--control-share 0.5] [--alpha 0.05]
"""
import argparse
import json
import math
import sys
from statistics import NormalDist


def analyse(n1, x1, n2, x2, share, alpha):
    if not (0 <= x1 <= n1 and 0 <= x2 <= n2 and n1 > 0 and n2 > 0):
        raise ValueError("need 0 <= conversions <= n and n > 0")
    if not (0 < share < 1 and 0 < alpha < 1):
        raise ValueError("control-share and alpha must lie in (0, 1)")
    p1, p2, total = x1 / n1, x2 / n2, n1 + n2
    pooled = (x1 + x2) / total
    se0 = math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    if se0 == 0:
        raise ValueError("no variation: every unit has the same outcome")
    z = (p2 - p1) / se0
    se = math.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)
    half = NormalDist().inv_cdf(1 - alpha / 2) * se
    e1, e2 = total * share, total * (1 - share)
    chi2 = (n1 - e1) ** 2 / e1 + (n2 - e2) ** 2 / e2
    return {"rate_control": round(p1, 6), "rate_treatment": round(p2, 6),
            "difference": round(p2 - p1, 6),
            "ci": [round(p2 - p1 - half, 6), round(p2 - p1 + half, 6)],
            "relative_lift": round(p2 / p1 - 1, 4) if p1 else None,
            "z": round(z, 4), "p_value": round(math.erfc(abs(z) / math.sqrt(2)), 6),
            "srm_p_value": round(math.erfc(math.sqrt(chi2 / 2)), 6),
            "srm_suspected": math.erfc(math.sqrt(chi2 / 2)) < 0.001}


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    for name in ("n1", "x1", "n2", "x2"):
        p.add_argument(name, type=int)
    p.add_argument("--control-share", type=float, default=0.5)
    p.add_argument("--alpha", type=float, default=0.05)
    a = p.parse_args()
    try:
        print(json.dumps(analyse(a.n1, a.x1, a.n2, a.x2, a.control_share, a.alpha)))
    except ValueError as e:
        print(json.dumps({"error": "invalid_input", "message": str(e)}))
        sys.exit(2)
