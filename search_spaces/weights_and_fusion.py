"""How much should each task count, with which fusion, and with how many tokens for the bridge?

    ser search weights_and_fusion --trials 40
Searches weights and fusion together, since weights that suit one fusion may not suit another. Transcripts and augmented
views cost an order of magnitude more, so only `weights` and `tasks` vary them.
"""

from search_spaces import fusion
from search_spaces.space import Simplex, Space

SPACE = Space(
    name="weights_and_fusion",
    question="Which task weights and which fusion (bridge and co-attention: reconstructions) are best for emotion?",
    ranges={"tasks": Simplex(("emotion", "dimensions", "gender", "contrast")), **fusion.SPACE.ranges},
)
