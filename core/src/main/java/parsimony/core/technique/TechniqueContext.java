package parsimony.core.technique;

import java.util.List;
import parsimony.core.backend.Backend;
import parsimony.core.tensor.DataType;

/**
 * What a technique is given beside the model and its options.
 *
 * @param backend runs the model and the heavy products
 * @param calibration token ids of the calibration texts; may be empty
 * @param seed of every random choice
 * @param scaleType how scales are kept: F16 in a compressed model, F32 to see the algorithm without that rounding
 * @param progress is told how far the work has come
 */
public record TechniqueContext(
        Backend backend, List<int[]> calibration, long seed, DataType scaleType, Progress progress) {
    /** Seed 0, scales in F16, no calibration text, nobody told. */
    public static TechniqueContext of(Backend backend) {
        return new TechniqueContext(backend, List.of(), 0, DataType.F16, Progress.NONE);
    }

    public TechniqueContext withCalibration(List<int[]> calibration) {
        return new TechniqueContext(backend, List.copyOf(calibration), seed, scaleType, progress);
    }

    public TechniqueContext withSeed(long seed) {
        return new TechniqueContext(backend, calibration, seed, scaleType, progress);
    }

    public TechniqueContext withScaleType(DataType scaleType) {
        return new TechniqueContext(backend, calibration, seed, scaleType, progress);
    }

    public TechniqueContext withProgress(Progress progress) {
        return new TechniqueContext(backend, calibration, seed, scaleType, progress);
    }
}
