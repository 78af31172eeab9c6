"""Order the path to a product's category from the widest to the most specific one. Pure."""

from collections.abc import Sequence
from itertools import pairwise

from worker.tiktok.reading.answers import Category


def order_path(chain: Sequence[Category]) -> Sequence[Category]:
    """Order the steps by `parent_id`, root first. Steps that are no single chain keep their order."""
    if all(before.id == step.parent_id for before, step in pairwise(chain)):
        return chain
    by_parent = {str(step.parent_id): step for step in chain if step.parent_id is not None}
    names = {str(step.id) for step in chain}
    roots = [step for step in chain if step.parent_id is None or str(step.parent_id) not in names]
    if len(roots) != 1 or len(names) != len(chain):
        return chain
    path, step = list[Category](), roots[0]
    while len(path) < len(chain):
        path.append(step)
        following = by_parent.get(str(step.id))
        if following is None:
            break
        step = following
    return path if len(path) == len(chain) else chain


def leaf(path: Sequence[Category]) -> Category:
    """Give the most specific step: the one that is marked as a leaf, else the last."""
    return next((step for step in path if step.is_leaf), path[-1])
