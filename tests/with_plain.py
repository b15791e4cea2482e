"""The command ``affex`` with some features of `plain` among its presets; importing this is enough."""

from plain import Peaks, Tiles

from affex.pipeline.specs import discovery

discovery.feature_presets().update(tiles=Tiles(), peaks=Peaks())
