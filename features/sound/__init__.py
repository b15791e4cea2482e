"""What features of sound share: frames, spectra and derivatives."""
