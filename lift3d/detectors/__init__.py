"""From pictures to 2D keypoints: networks of our own, their training, and detectors of others behind one interface."""
