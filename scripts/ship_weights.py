"""Put trained weights into the package: half precision, with the licence and origin of their data.

Run: python scripts/ship_weights.py RUN/lifter.pt lifter
     python scripts/ship_weights.py RUN/keypoints.pt light      (or accurate)
     python scripts/ship_weights.py RUN/person.pt person
"""

import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from lift3d.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lift3d.lifters.lifter import FRAME

WEIGHTS = Path(__file__).parent.parent / "lift3d" / "weights"
LICENCE = "Apache-2.0"
MOCAP = (
    "Motion capture of CMU (free for all uses; the data themselves may not be resold) and MIT-licensed clips. "
    "The data used in this project was obtained from mocap.cs.cmu.edu. The database was created with funding from "
    "NSF EIA-0196217."
)
PEOPLE = (
    "12,347 crops of people. Leeds Sports Pose Extended (Johnson and Everingham, CVPR 2011; photos of Flickr, no "
    "licence stated, asks for citation); Clothing Co-Parsing (Apache-2.0); Free Exercise DB (Unlicense); COCO 2017 "
    "(annotations CC BY 4.0, images under their own Flickr licences). Part of the labels were made by MediaPipe "
    "BlazePose full (Apache-2.0) as a teacher."
)
SHIPPED = {
    "lifter": ("lifter", "lifter_{joints_in}_{arch}.pt", MOCAP),
    "light": ("keypoints", "keypoints_light.pt", PEOPLE),
    "accurate": ("keypoints", "keypoints_accurate.pt", PEOPLE),
    "person": ("person", "person_light.pt", PEOPLE),
}


def main() -> None:
    """Write the shipped checkpoint."""
    path, name = sys.argv[1:]
    kind, file, data = SHIPPED[name]
    trained = load_checkpoint(path, kind)
    state = {key: value.half() if value.is_floating_point() else value for key, value in trained.state.items()}
    description = {**trained.description, "licence": LICENCE, "data": data}
    if any(key.startswith(FRAME) for key in state):
        state, description["frame_sha256"] = without_frame(state)
    target = WEIGHTS / file.format(**description)
    save_checkpoint(target, Checkpoint(kind, description, state), overwrite=True)
    print(f"wrote {target}, {target.stat().st_size / 1e6:.1f} MB")


def without_frame(state: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """A temporal lifter without the mlp that it asks, which ships anyway, and that one's SHA-256."""
    path = WEIGHTS / "lifter_coco17_mlp.pt"
    frame = {FRAME + key: value for key, value in load_checkpoint(path, "lifter").state.items()}
    if not all(torch.equal(state[key], value) for key, value in frame.items()):
        raise SystemExit(f"the lifter was not trained from {path}; ship its mlp first")
    return {key: value for key, value in state.items() if key not in frame}, sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
