"""Face detectors and landmarks: from frames to boxes, points and chips. They work on arrays only."""
