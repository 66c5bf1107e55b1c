"""Put a trained lifter into the package: half precision, with the licence and origin of its data.

Run: python scripts/ship_lifter.py RUN/lifter.pt
"""

import sys

from lift3d.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lift3d.lifters.lifter import SHIPPED

LICENCE = "Apache-2.0"
DATA = (
    "Motion capture of CMU (free for all uses; the data themselves may not be resold) and MIT-licensed clips. "
    "The data used in this project was obtained from mocap.cs.cmu.edu. The database was created with funding from "
    "NSF EIA-0196217."
)


def main() -> None:
    """Write the shipped checkpoint."""
    trained = load_checkpoint(sys.argv[1], "lifter")
    state = {name: value.half() if value.is_floating_point() else value for name, value in trained.state.items()}
    description = {**trained.description, "licence": LICENCE, "data": DATA}
    SHIPPED.parent.mkdir(exist_ok=True)
    save_checkpoint(SHIPPED, Checkpoint("lifter", description, state), overwrite=True)
    print(f"wrote {SHIPPED}, {SHIPPED.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
