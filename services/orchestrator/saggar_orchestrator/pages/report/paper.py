"""What the paper reports, to stand beside an experiment's own numbers where the task is the same (by its name).

Another collection, another generator, one training each: levels do not compare, directions may.
"""

from __future__ import annotations

# Table 14: (baseline, +Syn-2500) on 801 test photographs.
MACRO_F1 = {
    "dynasty": (0.8480, 0.8808),
    "kiln": (0.7394, 0.7615),
    "glaze": (0.7338, 0.7079),
    "type": (0.7463, 0.7791),
    "mean": (0.767, 0.782),
}
ACCURACY = {
    "dynasty": (0.8964, 0.9176),
    "kiln": (0.8689, 0.8777),
    "glaze": (0.8115, 0.7940),
    "type": (0.8240, 0.8352),
}
# Table 15: F1 of the rarer and the commoner classes.
GROUPS = {
    "dynasty": {"minority": (0.794, 0.844), "majority": (0.845, 0.876)},
    "kiln": {"minority": (0.681, 0.706), "majority": (0.734, 0.759)},
    "glaze": {"minority": (0.773, 0.703), "majority": (0.708, 0.702)},
    "type": {"minority": (0.732, 0.778), "majority": (0.703, 0.702)},
}
# Table 17: share of a class that is taken for another, by the codes of the shipped taxonomies.
CONFUSIONS = {
    ("dynasty", "Yuan", "Song"): (0.31, 0.24),
    ("kiln", "LinC", "Ding"): (0.17, 0.08),
    ("glaze", "IvoryW", "White"): (0.35, 0.34),
    ("glaze", "White", "IvoryW"): (0.16, 0.25),
    ("type", "TeaB", "Dish"): (0.70, 0.40),
    ("type", "Pot", "Vase"): (0.10, 0.19),
}
# Section 4.1: share of generated images that people judged right.
JUDGED_RIGHT = {"glaze": 0.87, "type": 0.92, "dynasty": 0.92}
PASSED, SCREENED = 0.912, 0.95
