"""What the number of images does to FID and its relatives. All sets below come from one distribution, so any
distance should be 0. Prints the table and the warnings of `docs/metrics.md`.

    python bench/pictures/metrics.py

Features are drawn, not extracted: Gaussian, with variances that fall as 1/k.
"""

import argparse
import textwrap

import numpy as np
from saggar_qc.measures.distances import SetMeasures, compare, frechet_distance_of_rows
from saggar_qc.measures.featureset import FeatureSet


def drawn(random: np.random.Generator, count: int, dimensions: int) -> np.ndarray:
    return random.normal(0, 1, (count, dimensions)) / np.sqrt(np.arange(1, dimensions + 1))


def collected(rows: np.ndarray) -> FeatureSet:
    features = FeatureSet()
    features.add(rows)
    return features


def measured(count: int, dimensions: int, draws: int, resamples: int, seed: int) -> tuple[SetMeasures, float]:
    """Measures of one pair of sets, and the standard deviation of FID over `draws` pairs."""
    random = np.random.default_rng([seed, count])
    pairs = [[drawn(random, count, dimensions) for _ in range(2)] for _ in range(draws)]
    spread = np.std([frechet_distance_of_rows(*pair) for pair in pairs], ddof=1)
    first, second = (collected(rows) for rows in pairs[0])
    found = compare(first, second, "drawn", resamples)
    return found, float(spread)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[30, 100, 1000, 3000])
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--draws", type=int, default=3, help="pairs of sets behind the s.d. of FID")
    parser.add_argument("--resamples", type=int, default=50, help="bootstrap resamples behind KID's interval")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()

    print(f"two sets of n features from one distribution, {given.dimensions} dimensions, seed {given.seed}\n")
    heads = ("n", "FID", "s.d.", "FID-inf", "KID", "95 % interval", "prec.", "recall", "density", "cover.")
    row = "{:>6} {:>7} {:>6} {:>8} {:>9} {:>20} {:>6} {:>6} {:>7} {:>6}"
    print(row.format(*heads))
    warnings = {}
    for count in given.counts:
        found, spread = measured(count, given.dimensions, given.draws, given.resamples, given.seed)
        print(
            row.format(
                f"{count:,}",
                f"{found.fid:.3f}",
                f"{spread:.3f}",
                "-" if np.isnan(found.fid_infinity) else f"{found.fid_infinity:.3f}",
                f"{found.kid:+.5f}",
                f"{found.kid_low:+.5f} {found.kid_high:+.5f}",
                *(f"{v:.2f}" for v in (found.precision, found.recall, found.density, found.coverage)),
            ),
            flush=True,
        )
        warnings[count] = found.warnings
    print("\nwarnings beside the values:")
    for count, texts in warnings.items():
        for text in texts or ("none",):
            print(textwrap.fill(text, 110, initial_indent=f"  n = {count:,}: ", subsequent_indent="      "))


if __name__ == "__main__":
    main()
