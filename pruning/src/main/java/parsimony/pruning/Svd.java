package parsimony.pruning;

import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.EigenDecomposition_F64;
import parsimony.core.technique.LayerwiseCompressor;
import parsimony.core.technique.LinearTask;
import parsimony.core.technique.Paper;
import parsimony.core.technique.Statistic;
import parsimony.core.technique.TechniqueException;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.LowRankStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/**
 * Truncated singular value decomposition: a matrix becomes the product of two thin ones. Plain, it is the matrix of that rank nearest to W (Eckart and
 * Young, 1936); weighted, the one whose outputs on the calibration text are nearest, min ‖XWᵀ − XQᵀ‖, which SVD-LLM finds through the Cholesky factor of
 * H = XᵀX. The baseline of the low-rank family.
 *
 * <p>Both need no more than the r first left singular vectors U of W, or of W·H^½, which are eigenvectors of W·Wᵀ, or of W·H·Wᵀ: the best Q is U·(Uᵀ·W),
 * so that H need be neither damped nor inverted. Time grows with the third power of the outputs.
 *
 * <p>Weights of language models are nearly of full rank, so that this loses more than pruning or quantizing to the same size. Try: {@code
 * svd:ratio=0.2,weighted=false} beside {@code svd:ratio=0.2}.
 */
@Paper(
        title = "SVD-LLM: Truncation-aware Singular Value Decomposition for Large Language Model Compression",
        venue = "ICLR",
        year = 2025,
        link = "https://arxiv.org/abs/2403.07378")
public final class Svd extends LayerwiseCompressor<Svd.Options> {
    /**
     * @param ratio share of a matrix's numbers that is saved, where no rank is given
     * @param rank of the product; null to follow from the ratio
     * @param weighted whether inputs count as much as the calibration text has of them
     * @param type the format of a number of the two thin matrices, and of a matrix that a rank is too high for to save anything
     */
    public record Options(double ratio, Integer rank, boolean weighted, DataType type) {
        public Options {
            if (!(ratio >= 0 && ratio < 1)) {
                throw new IllegalArgumentException("ratio must be at least 0 and less than 1, not " + ratio);
            }
            if (rank != null && rank < 1) {
                throw new IllegalArgumentException("rank must be at least 1, or none, not " + rank);
            }
            if (type == null) {
                throw new IllegalArgumentException("type must be f32, bf16 or f16");
            }
        }
    }

    @Override
    public String name() {
        return "svd";
    }

    @Override
    public String idea() {
        return "A matrix is replaced by the product of two thin ones that gives nearly the same outputs. "
                + "Where few directions carry most of what a matrix does, the two together hold fewer numbers "
                + "and take fewer operations than the one.";
    }

    @Override
    public Options defaults() {
        return new Options(0.2, null, true, DataType.BF16);
    }

    @Override
    public List<String> showcase() {
        return List.of("svd:ratio=0.2");
    }

    @Override
    protected Statistic statistic(Options options) {
        return options.weighted ? Statistic.HESSIAN : Statistic.NONE;
    }

    @Override
    protected WeightStorage compress(LinearTask task, Options options) {
        long rows = task.rows();
        long columns = task.columns();
        long rank = options.rank != null
                ? options.rank
                : Math.max(1, (long) ((1 - options.ratio) * rows * columns / (rows + columns)));
        if (rank * (rows + columns) >= rows * columns) {
            return DenseStorage.of(options.type, new TensorStorage(task.weights()));
        }
        DMatrixRMaj weights = matrix(task.weights());
        DMatrixRMaj directions = leftSingularVectors(weights, task, options, (int) rank);
        DMatrixRMaj right = new DMatrixRMaj((int) rank, (int) columns);
        CommonOps_DDRM.multTransA(directions, weights, right);
        return new LowRankStorage(storage(directions, options.type), storage(right, options.type));
    }

    /** [out, rank] */
    private static DMatrixRMaj leftSingularVectors(DMatrixRMaj weights, LinearTask task, Options options, int rank) {
        DMatrixRMaj left = weights;
        if (options.weighted) {
            left = new DMatrixRMaj(weights.numRows, weights.numCols);
            CommonOps_DDRM.mult(weights, matrix(task.statistics().hessian()), left);
        }
        int rows = weights.numRows;
        DMatrixRMaj products = new DMatrixRMaj(rows, rows);
        CommonOps_DDRM.multTransB(left, weights, products);
        symmetrize(products);
        EigenDecomposition_F64<DMatrixRMaj> eigen = DecompositionFactory_DDRM.eig(rows, true, true);
        if (!eigen.decompose(products)) {
            throw new TechniqueException("the singular vectors of " + task.name() + " cannot be computed");
        }
        int[] largest = IntStream.range(0, rows)
                .boxed()
                .sorted(Comparator.comparing((Integer i) -> -eigen.getEigenvalue(i).real))
                .limit(rank)
                .mapToInt(Integer::intValue)
                .toArray();
        DMatrixRMaj vectors = new DMatrixRMaj(rows, rank);
        for (int i = 0; i < rank; i++) {
            CommonOps_DDRM.insert(eigen.getEigenVector(largest[i]), vectors, 0, i);
        }
        return vectors;
    }

    /** Makes good what rounding did to the symmetry. */
    private static void symmetrize(DMatrixRMaj matrix) {
        for (int i = 0; i < matrix.numRows; i++) {
            for (int j = 0; j < i; j++) {
                double mean = (matrix.get(i, j) + matrix.get(j, i)) / 2;
                matrix.set(i, j, mean);
                matrix.set(j, i, mean);
            }
        }
    }

    private static DMatrixRMaj matrix(Tensor tensor) {
        DMatrixRMaj matrix = new DMatrixRMaj(tensor.rows(), tensor.columns());
        for (int i = 0; i < tensor.size(); i++) {
            matrix.data[i] = tensor.array()[i];
        }
        return matrix;
    }

    private static WeightStorage storage(DMatrixRMaj matrix, DataType type) {
        Tensor tensor = Tensor.zeros(matrix.numRows, matrix.numCols);
        for (int i = 0; i < tensor.size(); i++) {
            tensor.array()[i] = (float) matrix.data[i];
        }
        return DenseStorage.of(type, new TensorStorage(tensor));
    }
}
