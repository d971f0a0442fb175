package parsimony.core.backend.scalar;

import java.util.Arrays;
import java.util.function.IntConsumer;
import parsimony.core.backend.Backend;
import parsimony.core.backend.CompositeMatrix;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/** Every op as the loop that one would write on paper, on one thread; never optimised. Sums are taken in double precision. */
public class ScalarBackend implements Backend {
    @Override
    public String name() {
        return "scalar";
    }

    @Override
    public String description() {
        return "plain loops on one thread";
    }

    @Override
    public int threads() {
        return 1;
    }

    @Override
    public int rowsAlike() {
        return Integer.MAX_VALUE;
    }

    @Override
    public void parallel(int tasks, IntConsumer task) {
        for (int i = 0; i < tasks; i++) {
            task.accept(i);
        }
    }

    @Override
    public PreparedMatrix prepare(WeightStorage storage) {
        return storage.roundsInput()
                ? CompositeMatrix.of(storage, this, this::prepare).orElseThrow()
                : new DecodedRows(storage);
    }

    @Override
    public void multiply(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix c, boolean accumulate) {
        int inner = transposeA ? a.rows() : a.columns();
        checkProduct(a, transposeA, b, transposeB, c);
        for (int row = 0; row < c.rows(); row++) {
            for (int column = 0; column < c.columns(); column++) {
                double sum = accumulate ? c.get(row, column) : 0;
                for (int i = 0; i < inner; i++) {
                    float left = transposeA ? a.get(i, row) : a.get(row, i);
                    float right = transposeB ? b.get(column, i) : b.get(i, column);
                    sum += (double) left * right;
                }
                c.data()[c.offset() + row * c.stride() + column] = (float) sum;
            }
        }
    }

    /**
     * Checks that op(A) · op(B) fits C.
     *
     * @throws IllegalArgumentException if it does not
     */
    protected static void checkProduct(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix c) {
        int m = transposeA ? a.columns() : a.rows();
        int innerA = transposeA ? a.rows() : a.columns();
        int innerB = transposeB ? b.columns() : b.rows();
        int n = transposeB ? b.rows() : b.columns();
        if (innerA != innerB || m != c.rows() || n != c.columns()) {
            throw new IllegalArgumentException("[" + m + ", " + innerA + "] · [" + innerB + ", " + n
                    + "] does not fit [" + c.rows() + ", " + c.columns() + "]");
        }
    }

    @Override
    public void add(Tensor x, Tensor y) {
        addScaled(1, x, y);
    }

    @Override
    public void addScaled(float factor, Tensor x, Tensor y) {
        float[] from = x.array();
        float[] to = y.array();
        for (int i = 0; i < to.length; i++) {
            to[i] += factor * from[i];
        }
    }

    @Override
    public void addBias(Tensor bias, Tensor y) {
        float[] b = bias.array();
        float[] to = y.array();
        for (int i = 0; i < to.length; i++) {
            to[i] += b[i % b.length];
        }
    }

    @Override
    public void addBiasBackward(Tensor dy, Tensor dBias) {
        int columns = dBias.size();
        for (int column = 0; column < columns; column++) {
            double sum = 0;
            for (int row = 0; row < dy.rows(); row++) {
                sum += dy.array()[row * columns + column];
            }
            dBias.array()[column] += (float) sum;
        }
    }

    @Override
    public void scaleColumns(Tensor x, Tensor factors, Tensor y) {
        int columns = factors.size();
        for (int i = 0; i < x.size(); i++) {
            y.array()[i] = x.array()[i] * factors.array()[i % columns];
        }
    }

    @Override
    public void scaleColumnsBackward(Tensor x, Tensor factors, Tensor dy, Tensor dx, Tensor dFactors) {
        int columns = factors.size();
        for (int column = 0; column < columns; column++) {
            double sum = 0;
            for (int i = column; i < dy.size(); i += columns) {
                dx.array()[i] += dy.array()[i] * factors.array()[column];
                sum += dFactors == null ? 0 : (double) dy.array()[i] * x.array()[i];
            }
            if (dFactors != null) {
                dFactors.array()[column] += (float) sum;
            }
        }
    }

    @Override
    public void rmsNorm(Tensor x, Tensor weight, float epsilon, Tensor y) {
        int columns = x.columns();
        for (int start = 0; start < x.size(); start += columns) {
            float inverse = inverseRms(x.array(), start, columns, epsilon);
            for (int i = 0; i < columns; i++) {
                y.array()[start + i] = x.array()[start + i] * inverse * weight.array()[i];
            }
        }
    }

    @Override
    public void rmsNormBackward(Tensor x, Tensor weight, float epsilon, Tensor dy, Tensor dx, Tensor dWeight) {
        int columns = x.columns();
        float[] w = weight.array();
        for (int start = 0; start < x.size(); start += columns) {
            float inverse = inverseRms(x.array(), start, columns, epsilon);
            double projection = 0;
            for (int i = 0; i < columns; i++) {
                projection += (double) dy.array()[start + i] * w[i] * x.array()[start + i];
            }
            double shared = projection * inverse * inverse * inverse / columns;
            for (int i = 0; i < columns; i++) {
                float g = dy.array()[start + i];
                float value = x.array()[start + i];
                dx.array()[start + i] += (float) (g * w[i] * inverse - shared * value);
                if (dWeight != null) {
                    dWeight.array()[i] += g * value * inverse;
                }
            }
        }
    }

    private static float inverseRms(float[] x, int start, int columns, float epsilon) {
        double sum = 0;
        for (int i = start; i < start + columns; i++) {
            sum += (double) x[i] * x[i];
        }
        return (float) (1 / Math.sqrt(sum / columns + epsilon));
    }

    @Override
    public void swiGlu(Tensor gate, Tensor up, Tensor y) {
        for (int i = 0; i < y.size(); i++) {
            float g = gate.array()[i];
            y.array()[i] = (float) (g * sigmoid(g) * up.array()[i]);
        }
    }

    @Override
    public void swiGluBackward(Tensor gate, Tensor up, Tensor dy, Tensor dGate, Tensor dUp) {
        for (int i = 0; i < dy.size(); i++) {
            float g = gate.array()[i];
            double s = sigmoid(g);
            float d = dy.array()[i];
            dUp.array()[i] += (float) (d * g * s);
            dGate.array()[i] += (float) (d * up.array()[i] * s * (1 + g * (1 - s)));
        }
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    @Override
    public void rotate(Tensor x, int heads, Tensor cosines, Tensor sines, boolean interleaved, boolean inverse) {
        int columns = x.columns();
        int headSize = columns / heads;
        int half = headSize / 2;
        float[] data = x.array();
        for (int row = 0; row < x.rows(); row++) {
            for (int head = 0; head < heads; head++) {
                int start = row * columns + head * headSize;
                for (int pair = 0; pair < half; pair++) {
                    float cosine = cosines.array()[row * half + pair];
                    float sine = inverse ? -sines.array()[row * half + pair] : sines.array()[row * half + pair];
                    int first = start + (interleaved ? 2 * pair : pair);
                    int second = interleaved ? first + 1 : first + half;
                    float a = data[first];
                    float b = data[second];
                    data[first] = a * cosine - b * sine;
                    data[second] = a * sine + b * cosine;
                }
            }
        }
    }

    @Override
    public void softmax(Matrix x, float[] logSumExp, int offset) {
        for (int row = 0; row < x.rows(); row++) {
            int start = x.offset() + row * x.stride();
            float max = Float.NEGATIVE_INFINITY;
            for (int i = start; i < start + x.columns(); i++) {
                max = Math.max(max, x.data()[i]);
            }
            double sum = 0;
            for (int i = start; max != Float.NEGATIVE_INFINITY && i < start + x.columns(); i++) {
                sum += Math.exp((double) x.data()[i] - max);
            }
            logSumExp[offset + row] = sum == 0 ? Float.NEGATIVE_INFINITY : (float) (max + Math.log(sum));
            for (int i = start; i < start + x.columns(); i++) {
                x.data()[i] = sum == 0 ? 0 : (float) (Math.exp((double) x.data()[i] - max) / sum);
            }
        }
    }

    @Override
    public void exponential(Matrix x, float[] logSumExp, int offset) {
        for (int row = 0; row < x.rows(); row++) {
            int start = x.offset() + row * x.stride();
            float shift = logSumExp[offset + row];
            for (int i = start; i < start + x.columns(); i++) {
                x.data()[i] = shift == Float.NEGATIVE_INFINITY ? 0 : (float) Math.exp((double) x.data()[i] - shift);
            }
        }
    }

    @Override
    public void onlineSoftmax(Matrix x, float[] max, float[] sum, float[] correction) {
        for (int column = 0; column < x.columns(); column++) {
            float greatest = max[column];
            for (int row = 0; row < x.rows(); row++) {
                greatest = Math.max(greatest, x.get(row, column));
            }
            correction[column] = (float) Math.exp((double) max[column] - greatest);
            max[column] = greatest;
            double total = (double) sum[column] * correction[column];
            for (int row = 0; row < x.rows(); row++) {
                double p = Math.exp((double) x.get(row, column) - greatest);
                x.data()[x.offset() + row * x.stride() + column] = (float) p;
                total += p;
            }
            sum[column] = (float) total;
        }
    }

    @Override
    public void softmaxBackward(Matrix x, float[] logSumExp, Matrix dx, float[] delta) {
        for (int row = 0; row < x.rows(); row++) {
            for (int column = 0; column < x.columns(); column++) {
                double p = Math.exp((double) x.get(row, column) - logSumExp[column]);
                x.data()[x.offset() + row * x.stride() + column] = (float) p;
                dx.data()[dx.offset() + row * dx.stride() + column] =
                        (float) (p * (dx.get(row, column) - delta[column]));
            }
        }
    }

    @Override
    public void crossEntropy(Tensor logits, int[] targets, float gradientScale, float[] losses) {
        int columns = logits.columns();
        float[] data = logits.array();
        for (int row = 0; row < targets.length; row++) {
            int start = row * columns;
            int target = targets[row];
            if (target < 0) {
                losses[row] = 0;
                if (gradientScale != 0) {
                    Arrays.fill(data, start, start + columns, 0);
                }
                continue;
            }
            float max = Float.NEGATIVE_INFINITY;
            for (int i = start; i < start + columns; i++) {
                max = Math.max(max, data[i]);
            }
            double sum = 0;
            for (int i = start; i < start + columns; i++) {
                sum += Math.exp((double) data[i] - max);
            }
            losses[row] = (float) (max + Math.log(sum) - data[start + target]);
            for (int i = start; gradientScale != 0 && i < start + columns; i++) {
                double probability = Math.exp((double) data[i] - max) / sum;
                data[i] = (float) (gradientScale * (probability - (i - start == target ? 1 : 0)));
            }
        }
    }

    @Override
    public void adamW(
            Tensor parameter,
            Tensor gradient,
            float gradientScale,
            Tensor firstMoment,
            Tensor secondMoment,
            AdamWStep step) {
        float[] p = parameter.array();
        float[] m = firstMoment.array();
        float[] v = secondMoment.array();
        float correction1 = (float) (1 / (1 - Math.pow(step.beta1(), (double) step.step())));
        float correction2 = (float) (1 / (1 - Math.pow(step.beta2(), (double) step.step())));
        for (int i = 0; i < p.length; i++) {
            float g = gradient.array()[i] * gradientScale;
            m[i] = step.beta1() * m[i] + (1 - step.beta1()) * g;
            v[i] = step.beta2() * v[i] + (1 - step.beta2()) * g * g;
            float update = m[i] * correction1 / ((float) Math.sqrt(v[i] * correction2) + step.epsilon());
            p[i] -= step.learningRate() * (update + step.weightDecay() * p[i]);
        }
    }

    @Override
    public double sumOfSquares(Tensor x) {
        double sum = 0;
        for (float value : x.array()) {
            sum += (double) value * value;
        }
        return sum;
    }

    @Override
    public void close() {}

    /** A storage multiplied row by row as it is decoded: what any backend can do with any storage. */
    private record DecodedRows(WeightStorage storage) implements PreparedMatrix {
        @Override
        public void multiply(Tensor x, Tensor y) {
            float[] weights = new float[storage.columns()];
            for (int output = 0; output < storage.rows(); output++) {
                storage.decodeRow(output, weights, 0);
                for (int n = 0; n < x.rows(); n++) {
                    double sum = 0;
                    for (int i = 0; i < weights.length; i++) {
                        sum += (double) weights[i] * x.array()[n * weights.length + i];
                    }
                    y.array()[n * storage.rows() + output] = (float) sum;
                }
            }
        }

        @Override
        public void multiplyTransposed(Tensor dy, Tensor dx) {
            double[] sums = new double[dx.size()];
            float[] weights = new float[storage.columns()];
            for (int output = 0; output < storage.rows(); output++) {
                storage.decodeRow(output, weights, 0);
                for (int n = 0; n < dy.rows(); n++) {
                    float g = dy.array()[n * storage.rows() + output];
                    for (int i = 0; i < weights.length; i++) {
                        sums[n * weights.length + i] += (double) g * weights[i];
                    }
                }
            }
            for (int i = 0; i < sums.length; i++) {
                dx.array()[i] += (float) sums[i];
            }
        }

        @Override
        public long extraBytes() {
            return 0;
        }
    }
}
