"""Two arms that are trained in folds and differ in nothing, with the training photographs that folds share."""

import numpy as np
from saggar_orchestrator.findings.statistics.variance_of_difference import Scored


class CrossValidated:
    """A learner of two class means, on features that are other draws of the same for either arm; `arms` as scored."""

    def __init__(self, rng, objects, folds, seeds):
        self.truth = rng.integers(0, 2, objects)
        self.folds = rng.permutation(np.arange(objects) % folds)
        self.arms = [self._scored(rng, folds, seeds) for _ in range(2)]

    def _scored(self, rng, folds, seeds):
        count = len(self.truth)
        features = rng.standard_normal((count, 6)) + 0.45 * self.truth[:, None]
        right = np.zeros((seeds, count), dtype=bool)
        for of_seed in right:
            for fold in range(folds):
                learnt = np.flatnonzero(self.folds != fold)
                learnt = rng.choice(learnt, len(learnt))  # the seed's luck
                means = [features[learnt[self.truth[learnt] == c]].mean(axis=0) for c in (0, 1)]
                nearest = np.argmin([((features - mean) ** 2).sum(axis=1) for mean in means], axis=0)
                own = self.folds == fold
                of_seed[own] = (nearest == self.truth)[own]
        scores = right.mean(axis=1)
        without = (right.sum(axis=1, keepdims=True) - right) / (count - 1) - scores[:, None]
        return Scored(scores, without, np.ones(count, dtype=bool))
