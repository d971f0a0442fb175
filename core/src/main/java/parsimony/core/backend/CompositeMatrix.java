package parsimony.core.backend;

import java.util.Optional;
import java.util.function.Function;
import parsimony.core.tensor.ColumnsStorage;
import parsimony.core.tensor.LowRankStorage;
import parsimony.core.tensor.RotatedStorage;
import parsimony.core.tensor.Rotation;
import parsimony.core.tensor.RoundedInputStorage;
import parsimony.core.tensor.ScaledInputStorage;
import parsimony.core.tensor.SumStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * Products with matrices that are made of others: each part is multiplied by the kernel that a backend has for it, so that
 * a new way to put matrices together needs no kernel of its own.
 */
public abstract sealed class CompositeMatrix implements PreparedMatrix {
    /**
     * What multiplies by {@code storage}, or nothing if it is not made of others.
     *
     * @param prepare makes the parts' prepared forms, {@link Backend#prepare} as a rule
     */
    public static Optional<PreparedMatrix> of(
            WeightStorage storage, Backend backend, Function<WeightStorage, PreparedMatrix> prepare) {
        return Optional.ofNullable(
                switch (storage) {
                    case SumStorage(WeightStorage first, WeightStorage second) ->
                        new Sum(prepare.apply(first), prepare.apply(second), backend);
                    case ColumnsStorage columns -> new Columns(columns, prepare.apply(columns.values()));
                    case LowRankStorage product ->
                        new LowRank(
                                product.rank(), prepare.apply(product.left()), prepare.apply(product.right()), backend);
                    case ScaledInputStorage scaled -> new ScaledInput(scaled, prepare.apply(scaled.weights()));
                    case RotatedStorage rotated -> new Rotated(rotated, prepare.apply(rotated.weights()), backend);
                    case RoundedInputStorage rounded -> new RoundedInput(rounded, prepare.apply(rounded.weights()));
                    default -> null;
                });
    }

    /** y = x · firstᵀ + x · secondᵀ. */
    private static final class Sum extends CompositeMatrix {
        private final PreparedMatrix first;
        private final PreparedMatrix second;
        private final Backend backend;

        Sum(PreparedMatrix first, PreparedMatrix second, Backend backend) {
            this.first = first;
            this.second = second;
            this.backend = backend;
        }

        @Override
        public void multiply(Tensor x, Tensor y) {
            first.multiply(x, y);
            Tensor added = backend.result(y.shape());
            second.multiply(x, added);
            backend.add(added, y);
        }

        @Override
        public void multiplyTransposed(Tensor dy, Tensor dx) {
            first.multiplyTransposed(dy, dx);
            second.multiplyTransposed(dy, dx);
        }

        @Override
        public long extraBytes() {
            return first.extraBytes() + second.extraBytes();
        }
    }

    /** Gathers the inputs that have weights. */
    private static final class Columns extends CompositeMatrix {
        private final ColumnsStorage storage;
        private final PreparedMatrix values;

        Columns(ColumnsStorage storage, PreparedMatrix values) {
            this.storage = storage;
            this.values = values;
        }

        @Override
        public void multiply(Tensor x, Tensor y) {
            int kept = storage.values().columns();
            Tensor gathered = Tensor.zeros(x.rows(), kept);
            for (int n = 0; n < x.rows(); n++) {
                for (int i = 0; i < kept; i++) {
                    gathered.array()[n * kept + i] = x.array()[n * x.columns() + storage.index(i)];
                }
            }
            values.multiply(gathered, y);
        }

        @Override
        public void multiplyTransposed(Tensor dy, Tensor dx) {
            int kept = storage.values().columns();
            Tensor gathered = Tensor.zeros(dy.rows(), kept);
            values.multiplyTransposed(dy, gathered);
            for (int n = 0; n < dy.rows(); n++) {
                for (int i = 0; i < kept; i++) {
                    dx.array()[n * dx.columns() + storage.index(i)] += gathered.array()[n * kept + i];
                }
            }
        }

        @Override
        public long extraBytes() {
            return values.extraBytes();
        }
    }

    /** y = (x · rightᵀ) · leftᵀ: two thin products in place of a large one. */
    private static final class LowRank extends CompositeMatrix {
        private final int rank;
        private final PreparedMatrix left;
        private final PreparedMatrix right;
        private final Backend backend;

        LowRank(int rank, PreparedMatrix left, PreparedMatrix right, Backend backend) {
            this.rank = rank;
            this.left = left;
            this.right = right;
            this.backend = backend;
        }

        @Override
        public void multiply(Tensor x, Tensor y) {
            Tensor middle = backend.result(x.rows(), rank);
            right.multiply(x, middle);
            left.multiply(middle, y);
        }

        @Override
        public void multiplyTransposed(Tensor dy, Tensor dx) {
            Tensor middle = Tensor.zeros(dy.rows(), rank);
            left.multiplyTransposed(dy, middle);
            right.multiplyTransposed(middle, dx);
        }

        @Override
        public long extraBytes() {
            return left.extraBytes() + right.extraBytes();
        }
    }

    private static final class ScaledInput extends CompositeMatrix {
        private final float[] scales;
        private final PreparedMatrix weights;

        ScaledInput(ScaledInputStorage storage, PreparedMatrix weights) {
            scales = storage.scales().decode().array();
            this.weights = weights;
        }

        @Override
        public void multiply(Tensor x, Tensor y) {
            Tensor scaled = x.zerosLike();
            addScaled(x, scaled);
            weights.multiply(scaled, y);
        }

        @Override
        public void multiplyTransposed(Tensor dy, Tensor dx) {
            Tensor before = dx.zerosLike();
            weights.multiplyTransposed(dy, before);
            addScaled(before, dx);
        }

        private void addScaled(Tensor from, Tensor to) {
            float[] numbers = from.array();
            for (int start = 0; start < numbers.length; start += scales.length) {
                for (int i = 0; i < scales.length; i++) {
                    to.array()[start + i] += scales[i] * numbers[start + i];
                }
            }
        }

        @Override
        public long extraBytes() {
            return 4L * scales.length + weights.extraBytes();
        }
    }

    /** y = Uᵀ · (Ŵ · (V · x)), row by row. */
    private static final class Rotated extends CompositeMatrix {
        /** Rows that are turned by one product. */
        private static final int ROWS = 16;

        private final Rotation inputs;
        private final Rotation outputs;
        private final PreparedMatrix weights;
        private final Backend backend;

        Rotated(RotatedStorage storage, PreparedMatrix weights, Backend backend) {
            inputs = storage.inputRotation();
            outputs = storage.outputRotation();
            this.weights = weights;
            this.backend = backend;
        }

        @Override
        public void multiply(Tensor x, Tensor y) {
            Tensor turned = x.copy();
            turn(inputs, turned, false);
            weights.multiply(turned, y);
            turn(outputs, y, true);
        }

        @Override
        public void multiplyTransposed(Tensor dy, Tensor dx) {
            Tensor turned = dy.copy();
            turn(outputs, turned, false);
            Tensor before = dx.zerosLike();
            weights.multiplyTransposed(turned, before);
            turn(inputs, before, true);
            backend.add(before, dx);
        }

        private void turn(Rotation rotation, Tensor x, boolean back) {
            backend.parallel(Math.ceilDiv(x.rows(), ROWS), task -> {
                int first = task * ROWS;
                int count = Math.min(ROWS, x.rows() - first);
                if (back) {
                    rotation.applyTransposed(x.array(), first * x.columns(), count, backend::multiply);
                } else {
                    rotation.apply(x.array(), first * x.columns(), count, backend::multiply);
                }
            });
        }

        @Override
        public long extraBytes() {
            return inputs.bytes() + outputs.bytes() + weights.extraBytes();
        }
    }

    /** The gradient takes rounding for the identity (the straight-through estimator of Bengio et al., 2013). */
    private static final class RoundedInput extends CompositeMatrix {
        private final RoundedInputStorage storage;
        private final PreparedMatrix weights;

        RoundedInput(RoundedInputStorage storage, PreparedMatrix weights) {
            this.storage = storage;
            this.weights = weights;
        }

        @Override
        public void multiply(Tensor x, Tensor y) {
            weights.multiply(storage.round(x), y);
        }

        @Override
        public void multiplyTransposed(Tensor dy, Tensor dx) {
            weights.multiplyTransposed(dy, dx);
        }

        @Override
        public long extraBytes() {
            return weights.extraBytes();
        }
    }
}
