"""Everything that a sweep measures of a transmission.

    evaluator = Evaluator(["psnr_db", "sent_miou", "segmenter_frechet_distance"])
    rows = [evaluator.row(result) for result in results]
    over_set("sent_miou", rows), set_interval("sent_miou", rows, photos)

`METRICS` says of every name what it is, its unit, which way is better and what it needs.
"""

from semlink.lab.metrics.accounting import accounting
from semlink.lab.metrics.evaluator import Evaluator
from semlink.lab.metrics.intervals import Interval, interval, set_interval
from semlink.lab.metrics.sets import over_set
from semlink.lab.metrics.table import METRICS, Better, Metric, Over, Row, check_names, columns_of

__all__ = [
    "METRICS",
    "Better",
    "Evaluator",
    "Interval",
    "Metric",
    "Over",
    "Row",
    "accounting",
    "check_names",
    "columns_of",
    "interval",
    "over_set",
    "set_interval",
]
