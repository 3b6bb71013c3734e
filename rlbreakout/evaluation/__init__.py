"""How well agents play: scores of whole games (`evaluate`), videos (`record`, `write_video`), and plots of trainings.

The curves are in rlbreakout.evaluation.plots, which needs matplotlib.
"""

from rlbreakout.evaluation.evaluate import Evaluation, evaluate, evaluate_once
from rlbreakout.evaluation.video import record, side_by_side, write_video

__all__ = ["Evaluation", "evaluate", "evaluate_once", "record", "side_by_side", "write_video"]
