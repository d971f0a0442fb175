package parsimony.core.technique;

import java.util.ArrayList;
import java.util.List;
import parsimony.core.backend.Backend;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;

/**
 * What calibration saw of a layer's inputs. Whoever asks for a {@link Statistic} that was not collected gets an
 * exception; the numbers of each input can be had from {@link Statistic#INPUTS} too.
 */
public final class InputStatistics {
    private final Statistic statistic;
    private final Backend backend;
    private long rows;
    private double[] perInput;
    private Tensor products;
    private final List<Tensor> inputs = new ArrayList<>();

    InputStatistics(Statistic statistic, Backend backend) {
        this.statistic = statistic;
        this.backend = backend;
    }

    /** Takes in rows [n, in]. */
    void add(Tensor x) {
        rows += x.rows();
        switch (statistic) {
            case NONE -> {}
            case ABSOLUTE_MAXIMUM, MEAN_ABSOLUTE, SQUARED_NORM -> {
                if (perInput == null) {
                    perInput = new double[x.columns()];
                }
                addPerInput(statistic, x.matrix(), perInput);
            }
            case HESSIAN -> {
                if (products == null) {
                    products = Tensor.zeros(x.columns(), x.columns());
                }
                backend.multiply(x.matrix(), true, x.matrix(), false, products.matrix(), true);
            }
            case INPUTS -> inputs.add(x);
        }
    }

    private static void addPerInput(Statistic statistic, Matrix x, double[] perInput) {
        for (int row = 0; row < x.rows(); row++) {
            for (int i = 0; i < perInput.length; i++) {
                double value = x.get(row, i);
                switch (statistic) {
                    case ABSOLUTE_MAXIMUM -> perInput[i] = Math.max(perInput[i], Math.abs(value));
                    case MEAN_ABSOLUTE -> perInput[i] += Math.abs(value);
                    default -> perInput[i] += value * value;
                }
            }
        }
    }

    /** Tokens that were seen; 0 if the layer was never run. */
    public long rows() {
        return rows;
    }

    /** max |x| [in]. */
    public double[] absoluteMaximum() {
        return perInput(Statistic.ABSOLUTE_MAXIMUM);
    }

    /** mean |x| [in]. */
    public double[] meanAbsolute() {
        double[] means = perInput(Statistic.MEAN_ABSOLUTE);
        for (int i = 0; i < means.length; i++) {
            means[i] /= rows;
        }
        return means;
    }

    /** Σ x² [in]. */
    public double[] squaredNorm() {
        return perInput(Statistic.SQUARED_NORM);
    }

    private double[] perInput(Statistic wanted) {
        if (statistic != Statistic.INPUTS || rows == 0) {
            return collected(wanted).perInput.clone();
        }
        double[] result = new double[inputs.getFirst().columns()];
        inputs.forEach(part -> addPerInput(wanted, part.matrix(), result));
        return result;
    }

    /** 2 Σ x xᵀ [in, in], a copy that may be changed. */
    public Tensor hessian() {
        Tensor hessian = collected(Statistic.HESSIAN).products.copy();
        backend.add(hessian.copy(), hessian);
        return hessian;
    }

    /** All inputs [n, in]. */
    public Tensor inputs() {
        collected(Statistic.INPUTS);
        int columns = inputs.getFirst().columns();
        Tensor all = Tensor.zeros(Math.toIntExact(rows), columns);
        int offset = 0;
        for (Tensor part : inputs) {
            System.arraycopy(part.array(), 0, all.array(), offset, part.size());
            offset += part.size();
        }
        return all;
    }

    /** Every second, third … input, so that there are not many more than {@code count} [n, in]. */
    public Tensor sampledInputs(int count) {
        collected(Statistic.INPUTS);
        int step = Math.toIntExact(Math.max(1, rows / count));
        int columns = inputs.getFirst().columns();
        Tensor sample = Tensor.zeros(Math.toIntExact(Math.ceilDiv(rows, step)), columns);
        int row = 0;
        int taken = 0;
        for (Tensor part : inputs) {
            for (int i = 0; i < part.rows(); i++, row++) {
                if (row % step == 0) {
                    System.arraycopy(part.array(), i * columns, sample.array(), taken++ * columns, columns);
                }
            }
        }
        return sample;
    }

    private InputStatistics collected(Statistic wanted) {
        if (wanted != statistic || rows == 0) {
            throw new IllegalStateException(wanted + " was asked for, " + statistic + " of " + rows + " rows is here");
        }
        return this;
    }

    /** The inputs of each text on its own. */
    List<Tensor> inputParts() {
        collected(Statistic.INPUTS);
        return List.copyOf(inputs);
    }

    /** Turns all into what would have been seen if each input had been divided by a number of its own [in]. */
    void divide(float[] divisors) {
        for (int i = 0; perInput != null && i < perInput.length; i++) {
            perInput[i] /= statistic == Statistic.SQUARED_NORM ? (double) divisors[i] * divisors[i] : divisors[i];
        }
        for (int i = 0; products != null && i < products.size(); i++) {
            products.array()[i] /= divisors[i / divisors.length] * divisors[i % divisors.length];
        }
        inputs.replaceAll(part -> {
            Tensor divided = part.copy();
            backend.parallel(divided.rows(), row -> {
                for (int i = 0; i < divisors.length; i++) {
                    divided.array()[row * divisors.length + i] /= divisors[i];
                }
            });
            return divided;
        });
    }

    /** Bytes held. */
    long bytes() {
        long bytes = perInput == null ? 0 : 8L * perInput.length;
        bytes += products == null ? 0 : 4L * products.size();
        return bytes + inputs.stream().mapToLong(x -> 4L * x.size()).sum();
    }
}
