"""Many transmissions, a row for each.

    plan = make_plan({"photos": "photos/", "schemes": ["gesco", "avif"], "seeds": 3})
    table = sweep(plan, Path("results"))

The table that comes back is the plan's, one row per transmission; the folder holds it as a
Parquet dataset. A sweep that was stopped goes on where it was.
"""

from semlink.lab.sweep.plan import Plan, make_plan, read_plan
from semlink.lab.sweep.runner import Watcher, Where, sweep

__all__ = ["Plan", "Watcher", "Where", "make_plan", "read_plan", "sweep"]
