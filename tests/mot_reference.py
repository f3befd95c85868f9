#!/usr/bin/env python3
"""What the Python package motmetrics counts: the reference for `skyeye eval track`.

    mot_reference.py score GT TRACKS [GT TRACKS ...]   one JSON object a pair, on a line each
    mot_reference.py make DIR                          writes the fixture anew: the scenes, and expected.json with their scores

Needs `pip install motmetrics` (1.4.0 was used) and exits with 77 where that is missing. All rows of a ground truth count,
whatever their confidence; boxes are of one object from an IoU of 0.5 on.
"""

import json
import pathlib
import random
import sys
import warnings

try:
    import numpy as np

    if not hasattr(np, "asfarray"):  # gone in numpy 2, and motmetrics 1.4.0 asks for it
        np.asfarray = lambda values: np.asarray(values, dtype=float)
    import motmetrics as mm
except ImportError as missing:
    print(f"skipped: {missing}", file=sys.stderr)
    sys.exit(77)

NAMES = {"num_switches": "switches", "num_misses": "misses", "num_false_positives": "false_positives"}
METRICS = ["mota", "idf1", "num_switches", "precision", "recall", "idp", "idr", "num_misses", "num_false_positives"]


def score(gt, tracks):
    warnings.filterwarnings("ignore")
    load = lambda path: mm.io.load_motchallenge(path, min_confidence=float("-inf"))
    accumulated = mm.utils.compare_to_groundtruth(load(gt), load(tracks), "iou", distth=0.5)
    row = mm.metrics.create().compute(accumulated, metrics=METRICS).iloc[0]
    whole = lambda name: name.startswith("num_")
    return {NAMES.get(m, m): int(row[m]) if whole(m) else float(row[m]) for m in METRICS}


def crowd(seed, objects, frames):
    """Walkers that cross; tracks of them that are lost, change over, jitter past the threshold, and are made up."""
    dice = random.Random(seed)
    starts = [(dice.uniform(0, 500), dice.uniform(0, 300), dice.uniform(-8, 8), dice.uniform(-3, 3)) for _ in range(objects)]
    names = {i: i + 1 for i in range(objects)}
    truth, found, fresh = [], [], objects + 1
    for frame in range(1, frames + 1):
        for i, (x, y, vx, vy) in enumerate(starts):
            left, top, w, h = x + vx * frame, y + vy * frame, 30 + 2 * i, 80 + i
            if dice.random() < 0.95:
                confidence = 0 if dice.random() < 0.1 else 1
                truth.append(f"{frame},{i + 1},{left:.2f},{top:.2f},{w},{h},{confidence},-1,-1,-1")
            if dice.random() < 0.06:
                names[i], fresh = fresh, fresh + 1
            if dice.random() < 0.88:
                off = lambda share, side: side * dice.gauss(0, share)
                box = (left + off(0.12, w), top + off(0.07, h), w + off(0.1, w), h + off(0.06, h))
                found.append(f"{frame},{names[i]}," + ",".join(f"{v:.2f}" for v in box) + ",0.9,-1,-1,-1")
        if dice.random() < 0.2:
            i, j = dice.sample(range(objects), 2)
            names[i], names[j] = names[j], names[i]
        if dice.random() < 0.3:
            box = (dice.uniform(0, 600), dice.uniform(0, 400), 30, 80)
            found.append(f"{frame},{fresh}," + ",".join(f"{v:.2f}" for v in box) + ",0.5,-1,-1,-1")
            fresh += dice.random() < 0.5
    return truth, found


def edges():
    """Right on the threshold, an empty picture, two objects with one track, tracks where no truth is."""
    truth = ["1,1,1,1,10,10,1", "1,2,101,1,10,10,1", "2,1,1,1,10,10,1", "2,2,4,1,10,10,1", "3,1,1,1,10,10,1",
             "4,1,1,1,10,10,1", "4,2,4,1,10,10,0", "6,1,1,1,10,10,1", "7,1,1,1,10,10,1", "7,2,3,1,10,10,1"]
    found = ["1,1,1,1,10,5,1", "1,2,101,1,10,4.99,1", "2,1,3,1,10,10,1", "3,2,1,1,10,10,1", "4,1,2,1,10,10,1",
             "4,2,3,1,10,10,1", "5,7,1,1,10,10,1", "7,1,2,1,10,10,1", "7,9,2,1,10,10,1", "8,9,1,1,10,10,1"]
    return truth, found


def make(folder):
    scenes = {"edges": edges(), "few": crowd(1, 3, 40), "crowd": crowd(2, 9, 30), "long": crowd(3, 5, 60)}
    expected = {}
    for name, (truth, found) in scenes.items():
        paths = [folder / f"{name}.{kind}.txt" for kind in ("gt", "tracks")]
        for path, rows in zip(paths, (truth, found)):
            path.write_text("\n".join(rows) + "\n")
        expected[name] = score(*paths)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder]:
            make(pathlib.Path(folder))
        case ["score", *paths] if paths and len(paths) % 2 == 0:
            for gt, tracks in zip(paths[::2], paths[1::2]):
                print(json.dumps(score(gt, tracks)))
        case _:
            sys.exit(__doc__)
