"""The command ``affex`` with some features of `plain` among its presets; importing this is enough."""

from affex.pipeline.specs import discovery
from plain import Peaks, Tiles

discovery.feature_presets().update(tiles=Tiles(), peaks=Peaks())
