"""python -m model [--worlds N] [--seed N] [--jobs N]: the campaign; VPA_BUILD names the build folder."""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from .campaign import Tally, run

CHUNK = 2000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m model", description="Random worlds, each login judged by the plugin's code and by the model.")
    parser.add_argument("--worlds", type=int, default=20000, help="how many; each has 4 logins and a renewal of each token given")
    parser.add_argument("--seed", type=int, default=0, help="number of the first world; a world is its number")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep-going", action="store_true", help="do not end at the first disagreement")
    options = parser.parse_args()
    started, total, wrong = time.monotonic(), Tally(), []
    starts = range(options.seed, options.seed + options.worlds, CHUNK)
    sizes = [min(CHUNK, options.seed + options.worlds - first) for first in starts]
    with ProcessPoolExecutor(options.jobs) as pool:
        for tally, found in pool.map(run, starts, sizes, [None] * len(sizes), [options.keep_going] * len(sizes)):
            total.add(tally)
            wrong += found
            spent = time.monotonic() - started
            print(f"{total.worlds} worlds, {total.logins} logins, {total.renewals} renewals, {len(wrong)} disagreements, {total.logins / spent:.0f} logins/s",
                  file=sys.stderr, flush=True)
            if found and not options.keep_going:
                pool.shutdown(cancel_futures=True)
                break
    for text in wrong[:20]:
        print(text, "\n")
    for outcome, n in total.outcomes.most_common():
        print(f"{n:10} {outcome}")
    print(f"{total.logins} logins and {total.renewals} renewals in {total.worlds} worlds, {total.answers} answers of Arvados; {total.lied} logins on answers "
          f"with a lie; {len(wrong)} disagreements")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
