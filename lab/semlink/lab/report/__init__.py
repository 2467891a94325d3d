"""What a sweep found, for people: one page, figures and tables; and any of its rows made again.

write_report(Path("street"), Path("street-report"))
replay(Path("street-report/receipt.json"), "17")
"""

from semlink.lab.report.replay import Replayed, read_receipt, replay
from semlink.lab.report.swept import Swept, read_swept
from semlink.lab.report.write import Written, write_report

__all__ = [
    "Replayed",
    "Swept",
    "Written",
    "read_receipt",
    "read_swept",
    "replay",
    "write_report",
]
