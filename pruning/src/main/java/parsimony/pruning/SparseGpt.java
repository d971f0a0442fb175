package parsimony.pruning;

import java.util.List;
import java.util.function.IntUnaryOperator;
import parsimony.core.technique.DampedHessian;
import parsimony.core.technique.ErrorCompensation;
import parsimony.core.technique.LayerwiseCompressor;
import parsimony.core.technique.LinearTask;
import parsimony.core.technique.Paper;
import parsimony.core.technique.Statistic;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.SparseGridStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * SparseGPT: goes through the inputs one after the other, sets weights to zero, and lets those still to come make good the error in the outputs (Alg. 1).
 * A weight goes by w² / d², d the diagonal of the Cholesky factor of H⁻¹ (Eq. 5): what losing it costs after the others have been adjusted.
 *
 * <p>Which weights go is chosen once a block of {@code blockSize} inputs, one threshold for all outputs, so that both rows and inputs may differ; with a
 * pattern at every m-th input, from the weights as they are by then. With {@code bits} the weights that stay are rounded in the same pass, and the error
 * of both is made good at once (Section 3.5); as in the authors' code, each output's grid is fitted to its dense weights.
 *
 * <p>Try: {@code pattern=2:4,bits=4} beside {@code sparsegpt:pattern=2:4+gptq:bits=4}, which goes through the weights twice.
 */
@Paper(survey = 25)
public final class SparseGpt extends LayerwiseCompressor<SparseGpt.Options> {
    /** Outputs whose groups of a pattern are chosen together; any number gives the same. */
    private static final int BAND = 16;

    /**
     * @param sparsity share of the weights that go, where there is no pattern
     * @param pattern n of every m inputs that stay, such as 2:4; null for no pattern
     * @param bits of a weight that stays, 2 to 8; null to keep floats
     * @param blockSize inputs between two updates of all that follow
     * @param damping share of the mean of the Hessian's diagonal that is added to it
     * @param type the format of a weight that stays, where there are no bits
     */
    public record Options(
            double sparsity, Pattern pattern, Integer bits, int blockSize, double damping, DataType type) {
        public Options {
            PruningMask.checkOptions(sparsity, type);
            if (bits != null && (bits < 2 || bits > 8)) {
                throw new IllegalArgumentException("bits must be from 2 to 8, or none, not " + bits);
            }
            ErrorCompensation.checkBlockSize(blockSize);
            if (pattern != null && blockSize % pattern.m() != 0) {
                throw new IllegalArgumentException(
                        "blockSize must be a multiple of " + pattern.m() + ", not " + blockSize);
            }
            DampedHessian.checkDamping(damping);
        }
    }

    @Override
    public String name() {
        return "sparsegpt";
    }

    @Override
    public String idea() {
        return "Goes through the inputs in order, sets the weights to zero that cost least, and shifts those "
                + "still to come to make good the error. Zeros need not be stored, and the weights that stay "
                + "take over part of the work of those that went.";
    }

    @Override
    public Options defaults() {
        return new Options(0.5, null, null, 128, 0.01, DataType.BF16);
    }

    @Override
    public List<String> showcase() {
        return List.of(
                "sparsegpt:sparsity=0.5",
                "sparsegpt:pattern=4:8",
                "sparsegpt:pattern=2:4",
                "sparsegpt:sparsity=0.7",
                "sparsegpt:pattern=2:4,bits=4");
    }

    @Override
    protected Statistic statistic(Options options) {
        return Statistic.HESSIAN;
    }

    @Override
    protected WeightStorage compress(LinearTask task, Options options) {
        if (options.pattern != null) {
            options.pattern.requireDivides(task);
        }
        Rounding rounding = options.bits == null ? null : new Rounding(task, options.bits);
        DampedHessian damped = DampedHessian.of(task.statistics().hessian(), options.damping, task);
        damped.clearDead(task.weights(), IntUnaryOperator.identity());
        Tensor inverse = damped.inverseFactor();
        PruningMask mask = new PruningMask(task);
        PruningMask.Score score = (row, column) -> {
            double w = task.weights().array()[row * task.columns() + column];
            double d = inverse.array()[column * task.columns() + column];
            return w * w / (d * d);
        };
        new ErrorCompensation(task.weights(), inverse, task.backend())
                .run(task.columns(), options.blockSize, BAND, new ErrorCompensation.Rule() {
                    @Override
                    public void beginBlock(int first, int end) {
                        if (options.pattern == null) {
                            mask.pruneToThreshold(options.sparsity, first, end, score);
                        }
                    }

                    @Override
                    public void beginColumn(int column, int firstRow, int endRow) {
                        if (options.pattern != null && column % options.pattern.m() == 0) {
                            for (int row = firstRow; row < endRow; row++) {
                                mask.prune(options.pattern, row, column, score);
                            }
                        }
                    }

                    @Override
                    public float replace(int row, int column, float weight) {
                        float kept = mask.isPruned(row, column) ? 0 : weight;
                        return rounding == null ? kept : rounding.replace(row, column, kept);
                    }
                });
        return rounding == null ? mask.store(options.type) : rounding.store(mask);
    }

    /** Rounds to one grid an output. */
    private static final class Rounding {
        private final Grid[] grids;
        private final GridStorage.Builder codes;

        Rounding(LinearTask task, int bits) {
            int columns = task.columns();
            grids = new Grid[task.rows()];
            codes = new GridStorage.Builder(task.rows(), columns, bits, -1, false, task.scaleType());
            for (int row = 0; row < grids.length; row++) {
                grids[row] = Grid.fit(task.weights().array(), row * columns, columns, bits, false, task.scaleType());
                codes.setGrid(row, 0, grids[row]);
            }
        }

        float replace(int row, int column, float weight) {
            int code = grids[row].code(weight);
            codes.setCode(row, column, code);
            return grids[row].value(code);
        }

        WeightStorage store(PruningMask mask) {
            return SparseGridStorage.of(codes.build(), mask.positions());
        }
    }
}
