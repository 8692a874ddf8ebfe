"""How much should each task count, with which fusion and, for the bridge, how many tokens?

    ser search weights_and_fusion --trials 40
Weights and fusion in one search, since a weighting that serves one fusion need not serve another. Transcripts and augmented
views, whose cost is another order, are left to `weights` and `tasks`.
"""

from search_spaces import fusion
from search_spaces.space import Simplex, Space

SPACE = Space(
    name="weights_and_fusion",
    question="Which weights of the tasks, under which fusion (bridge and co-attention: reconstructions), serve emotion best?",
    ranges={"tasks": Simplex(("emotion", "dimensions", "gender", "contrast")), **fusion.SPACE.ranges},
)
