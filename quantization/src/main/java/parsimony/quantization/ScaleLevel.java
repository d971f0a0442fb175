package parsimony.quantization;

import parsimony.core.tensor.ConstantStorage;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.NestedGridStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/**
 * The scales or the zero points of a matrix [groups, rows] on their way to be kept: as floats, or quantized in bands of rows that share a scale and a zero
 * point of their own. Different bands may be filled by different threads.
 */
final class ScaleLevel {
    private final int groups;
    private final int rows;
    /** null for floats. */
    private final Integer bits;

    private final int band;
    private final DataType type;
    private final boolean whole;
    private final float[] values;
    private final byte[] codes;
    private final float[] scales;
    private final float[] zeroPoints;

    /** @param bits of a number; null to keep it as {@code type} */
    ScaleLevel(int groups, int rows, Integer bits, int band, DataType type) {
        this(groups, rows, bits, Math.min(band, rows), type, false);
    }

    /** Whole numbers from 0 to 2^bits − 1. */
    static ScaleLevel ofCodes(int groups, int rows, int bits) {
        return new ScaleLevel(groups, rows, bits, rows, null, true);
    }

    private ScaleLevel(int groups, int rows, Integer bits, int band, DataType type, boolean whole) {
        this.groups = groups;
        this.rows = rows;
        this.bits = bits;
        this.band = band;
        this.type = type;
        this.whole = whole;
        values = new float[groups * rows];
        codes = new byte[groups * rows];
        scales = new float[Math.ceilDiv(rows, band) * groups];
        zeroPoints = new float[scales.length];
    }

    /** Takes the numbers of one group in the rows from {@code firstRow} on, a band, and rounds them to what can be kept. */
    void set(int group, int firstRow, float[] numbers) {
        Line line = null;
        if (bits != null && !whole) {
            line = Line.covering(numbers, -1, bits).rounded(type);
            scales[firstRow / band * groups + group] = line.scale;
            zeroPoints[firstRow / band * groups + group] = line.zeroPoint;
        }
        for (int i = 0; i < numbers.length; i++) {
            int position = group * rows + firstRow + i;
            if (line != null) {
                int code = line.code(numbers[i], bits);
                codes[position] = (byte) code;
                values[position] = line.value(code);
            } else if (whole) {
                codes[position] = (byte) numbers[i];
                values[position] = numbers[i];
            } else {
                values[position] = type.round(numbers[i]);
            }
        }
    }

    float get(int group, int row) {
        return values[group * rows + row];
    }

    WeightStorage storage() {
        if (bits == null) {
            return dense(values, groups, rows);
        }
        if (whole) {
            return NestedGridStorage.of(
                    rows, bits, rows, codes, ConstantStorage.of(1, groups, 1), ConstantStorage.of(1, groups, 0));
        }
        int bands = Math.ceilDiv(rows, band);
        return NestedGridStorage.of(
                rows, bits, band, codes, dense(scales, bands, groups), dense(zeroPoints, bands, groups));
    }

    private WeightStorage dense(float[] numbers, int rows, int columns) {
        return DenseStorage.of(type, new TensorStorage(Tensor.of(numbers, rows, columns)));
    }

    /** A grid scale · (code − zeroPoint), the zero point a fraction. */
    record Line(float scale, float zeroPoint) {
        /** Numbers that differ by no more than this part of the largest are one number, as far as 16 bits can tell. */
        private static final float ALIKE = 1f / 512;

        /** The grid that covers all numbers but {@code numbers[skipped]}, −1 for none; one that hits them if they are alike. */
        static Line covering(float[] numbers, int skipped, int bits) {
            float minimum = Float.POSITIVE_INFINITY;
            float maximum = Float.NEGATIVE_INFINITY;
            for (int i = 0; i < numbers.length; i++) {
                if (i != skipped) {
                    minimum = Math.min(minimum, numbers[i]);
                    maximum = Math.max(maximum, numbers[i]);
                }
            }
            return between(minimum, maximum, bits);
        }

        /** The grid that covers all numbers and zero, its zero point a code. */
        static Line containingZero(float[] numbers, int bits) {
            float minimum = 0;
            float maximum = 0;
            for (float number : numbers) {
                minimum = Math.min(minimum, number);
                maximum = Math.max(maximum, number);
            }
            Line line = between(minimum, maximum, bits);
            return new Line(line.scale, (float) Math.rint(line.zeroPoint));
        }

        private static Line between(float minimum, float maximum, int bits) {
            float largest = Math.max(Math.abs(minimum), Math.abs(maximum));
            if (maximum - minimum > ALIKE * largest) {
                float scale = (maximum - minimum) / ((1 << bits) - 1);
                return new Line(scale, -minimum / scale);
            }
            return new Line(largest == 0 ? 1 : largest, minimum < 0 ? 1 : 0);
        }

        int code(float x, int bits) {
            return (int) Math.clamp(Math.rint(x / scale + zeroPoint), 0.0, (1 << bits) - 1);
        }

        float value(int code) {
            return scale * (code - zeroPoint);
        }

        Line rounded(DataType type) {
            return new Line(type.roundPositive(scale), type.round(zeroPoint));
        }
    }
}
