"""``make torture``: faults without end, or for ``--minutes``."""

import argparse
import sys

from tests.torture.matrix import run_matrix

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--minutes", type=float, default=10.0)
parser.add_argument("--seed", type=int, default=0, help="Of the first case of a kind")
args = parser.parse_args()
table, wrong = run_matrix(60 * args.minutes, args.seed)
print(table)
for kind, ends in wrong.items():
    for seed, what in ends.items():
        print(f"{kind}, seed {seed}: {what}")
sys.exit(any(wrong.values()))
