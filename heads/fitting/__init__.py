"""What every head shares: training rows, inner folds, calibration, thresholds."""
