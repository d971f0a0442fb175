package parsimony.quantization;

import java.util.List;
import parsimony.core.technique.LayerwiseCompressor;
import parsimony.core.technique.LinearTask;
import parsimony.core.technique.Paper;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.WeightStorage;

/**
 * Round to nearest: each group of weights gets the evenly spaced grid that just covers it, and each weight the
 * nearest grid point, q = scale · (clamp(round(w / scale) + zeroPoint) − zeroPoint). No calibration, one pass;
 * the baseline that every other method must beat.
 *
 * <p>The grid is that of the RTN baseline in GPTQ's code (Frantar et al., 2023); see {@link Grid} for one deviation.
 *
 * <p>Try: at {@code bits=4} whole rows are nearly free on a small model, at {@code bits=3} groups of 32 win back
 * much of the loss, at {@code bits=2} it collapses; that is where GPTQ begins.
 */
@Paper(
        title = "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
        venue = "CVPR",
        year = 2018,
        link = "https://arxiv.org/abs/1712.05877")
public final class RoundToNearest extends LayerwiseCompressor<RoundToNearest.Options> {
    /**
     * @param bits of one weight, 2 to 8
     * @param group weights of a row that share a scale; −1 for the whole row
     * @param symmetric whether 0 is the middle of the grid, so that no zero points are kept
     */
    public record Options(int bits, int group, boolean symmetric) {
        public Options {
            checkGrid(bits, group);
        }
    }

    static void checkGrid(int bits, int group) {
        if (bits < 2 || bits > 8) {
            throw new IllegalArgumentException("bits must be from 2 to 8, not " + bits);
        }
        if (group != -1 && group < 1) {
            throw new IllegalArgumentException("group must be at least 1, or -1 for whole rows, not " + group);
        }
    }

    @Override
    public String name() {
        return "rtn";
    }

    @Override
    public String idea() {
        return "Each group of weights gets an evenly spaced grid, and each weight goes to the nearest point "
                + "of it. Kept are small whole numbers and a scale for the group, so that a weight takes 4 bits "
                + "instead of 32.";
    }

    @Override
    public Options defaults() {
        return new Options(4, -1, false);
    }

    @Override
    public List<String> showcase() {
        return List.of(
                "rtn:bits=4,group=32",
                "rtn:bits=8",
                "rtn:bits=4",
                "rtn:bits=3",
                "rtn:bits=2",
                "rtn:bits=3,group=32",
                "rtn:bits=2,group=32");
    }

    @Override
    protected WeightStorage compress(LinearTask task, Options options) {
        return NearestRounding.pack(
                task,
                options.bits,
                options.group,
                options.symmetric,
                (weights, offset, count) ->
                        Grid.fit(weights, offset, count, options.bits, options.symmetric, task.scaleType()));
    }
}
