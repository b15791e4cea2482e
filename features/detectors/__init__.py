"""Face detectors and landmarks: from frames to boxes, points and chips. They know arrays, not utterances or caches."""
