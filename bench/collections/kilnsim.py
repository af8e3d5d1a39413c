"""How fast kilnsim draws, in one process on one core; run it with OMP_NUM_THREADS=1.

Prints JSON: pictures a second of the collection with all its classes (median of rounds, and their range), per
size, by the processor's time of this process, so that other work on the machine counts little.
"""

import argparse
import json
import statistics
import time

from saggar.kilnsim import RENDERER, all_classes, render, sample_balanced


def main() -> None:
    """Draw the same balanced pieces in each round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pictures", type=int, default=60, help="pictures a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 256])
    options = parser.parse_args()
    pieces = sample_balanced(options.pictures, 3, all_classes())
    rates = {}
    for size in options.sizes:
        render(pieces[0], size)
        rounds = []
        for _ in range(options.rounds):
            started = time.process_time()
            for piece in pieces:
                render(piece, size)
            rounds.append(len(pieces) / (time.process_time() - started))
        rates[size] = {
            "images_per_second": round(statistics.median(rounds), 1),
            "range": [round(min(rounds), 1), round(max(rounds), 1)],
        }
    print(json.dumps({"bench": "kilnsim", "renderer": RENDERER, "pictures": options.pictures, "sizes": rates}))


if __name__ == "__main__":
    main()
