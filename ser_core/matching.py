"""Which utterances match: by equal values, by groups of pairs, or by transcripts that differ in few words."""

import dataclasses

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

LEAST_JACCARD = 0.7
FEWEST_TOKENS = 4
"""Minimum distinct tokens in both texts to call them near duplicates; short answers are often similar by chance."""


@dataclasses.dataclass(frozen=True)
class Keys:
    """What rows are compared by: one number per row, -1 for none. `alike` [keys keys] says which numbers match."""

    numbers: np.ndarray
    alike: scipy.sparse.csr_array

    @property
    def size(self) -> int:
        """Returns the number of different keys."""
        return len(self.alike.indptr) - 1

    def touched(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Returns the `rows` that have a match among `others`."""
        rows, others = rows[self.numbers[rows] >= 0], others[self.numbers[others] >= 0]
        present = np.bincount(self.numbers[others], minlength=self.size)
        return rows[(self.alike @ present)[self.numbers[rows]] > 0]

    def partner(self, row: int, others: np.ndarray) -> int:
        """Returns the first match of a row that has one."""
        near = self.alike[[self.numbers[row]]].indices
        return int(others[np.isin(self.numbers[others], near)][0])


def equal(values: np.ndarray) -> Keys:
    """Matches rows with the same value; "" matches nothing."""
    names, numbers = np.unique(values, return_inverse=True)
    alike = scipy.sparse.csr_array(scipy.sparse.eye_array(len(names), format="csr"))
    return Keys(np.where(values == "", -1, numbers), alike)


def grouped(pairs: list[tuple[int, int]], rows: int) -> Keys:
    """Matches rows that are connected by any chain of pairs."""
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    graph = scipy.sparse.coo_array((np.ones(len(first)), (first, second)), shape=(rows, rows))
    _, groups = scipy.sparse.csgraph.connected_components(graph, directed=False)
    alone = np.bincount(groups)[groups] == 1
    return equal(np.where(alone, "", groups.astype(str)))


def near_texts(texts: np.ndarray) -> Keys:
    """Matches different texts (normalised) whose token sets have a Jaccard index of at least LEAST_JACCARD."""
    names, numbers = np.unique(texts, return_inverse=True)
    sets = [set(name.split()) for name in names.tolist()]
    column = {token: number for number, token in enumerate(sorted(set().union(*sets)))}
    columns = [column[token] for tokens in sets for token in tokens]
    starts = np.cumsum([0, *map(len, sets)])
    has = scipy.sparse.csr_array((np.ones(len(columns), np.int64), columns, starts), shape=(len(sets), max(1, len(column))))
    both = scipy.sparse.coo_array(has @ has.T)
    one, other = both.coords
    sizes = np.diff(starts)
    long = (sizes[one] >= FEWEST_TOKENS) & (sizes[other] >= FEWEST_TOKENS) & (one != other)
    near = long & (both.data >= LEAST_JACCARD * (sizes[one] + sizes[other] - both.data) - 1e-9)
    alike = scipy.sparse.csr_array((np.ones(near.sum(), np.int64), (one[near], other[near])), shape=both.shape)
    return Keys(np.where(texts == "", -1, numbers), alike)
