package parsimony.core.backend.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import parsimony.core.backend.Parallel;

class GemmTest {
    private static final float UNTOUCHED = 12345;

    private static Parallel threads;
    private static Gemm gemm;
    private static Gemm single;

    @BeforeAll
    static void start() {
        threads = new Parallel(3);
        gemm = new Gemm(threads);
        single = new Gemm(new Parallel(1));
    }

    @AfterAll
    static void stop() {
        threads.close();
    }

    /** A matrix somewhere within a larger array that is otherwise filled with a value that no product gives. */
    private static final class Matrix {
        final int rows;
        final int columns;
        final float[] array;
        final int offset;
        final int ld;

        Matrix(int rows, int columns, float[] array, int offset, int ld) {
            this.rows = rows;
            this.columns = columns;
            this.array = array;
            this.offset = offset;
            this.ld = ld;
        }

        static Matrix random(int rows, int columns, Random random) {
            int ld = columns + random.nextInt(4);
            int offset = random.nextInt(5);
            float[] array = new float[offset + rows * ld + random.nextInt(3)];
            Arrays.fill(array, UNTOUCHED);
            Matrix matrix = new Matrix(rows, columns, array, offset, ld);
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < columns; j++) {
                    array[offset + i * ld + j] = random.nextFloat(-1, 1);
                }
            }
            return matrix;
        }

        float at(int row, int column) {
            return array[offset + row * ld + column];
        }

        Matrix copy() {
            return new Matrix(rows, columns, array.clone(), offset, ld);
        }

        RowDecoder decoder() {
            return (row, target, at) -> System.arraycopy(array, offset + row * ld, target, at, columns);
        }
    }

    static Stream<Arguments> sizes() {
        int[] sizes = {1, 2, 3, 5, 7, 11, 12, 13, 31, 32, 33, 63, 65, 100, 257};
        Random random = new Random(7);
        Stream<int[]> cubes = Arrays.stream(sizes).mapToObj(size -> new int[] {size, size, size});
        Stream<int[]> mixed = random.ints(60, 0, sizes.length * sizes.length * sizes.length)
                .mapToObj(i -> new int[] {
                    sizes[i % sizes.length],
                    sizes[i / sizes.length % sizes.length],
                    sizes[i / sizes.length / sizes.length]
                });
        Stream<int[]> blocked = Stream.of(
                new int[] {145, 33, 513},
                new int[] {13, 300, 4200},
                new int[] {3, 4200, 300},
                new int[] {600, 65, 256},
                new int[] {64, 64, 32},
                new int[] {64, 32, 64});
        return Stream.of(cubes, mixed, blocked)
                .flatMap(stream -> stream)
                .map(size -> Arguments.of(size[0], size[1], size[2]));
    }

    @ParameterizedTest
    @MethodSource("sizes")
    void agreesWithPlainLoops(int m, int n, int k) {
        Random random = new Random(31L * m + 17L * n + k);
        for (int variant = 0; variant < 8; variant++) {
            boolean transposeA = (variant & 1) != 0;
            boolean transposeB = (variant & 2) != 0;
            boolean accumulate = (variant & 4) != 0;
            Matrix a = transposeA ? Matrix.random(k, m, random) : Matrix.random(m, k, random);
            Matrix b = transposeB ? Matrix.random(n, k, random) : Matrix.random(k, n, random);
            Matrix before = Matrix.random(m, n, random);

            Matrix c = before.copy();
            multiply(gemm, transposeA, transposeB, m, n, k, a, b, accumulate, c);
            assertProduct(transposeA, transposeB, k, a, b, accumulate, before, c);

            Matrix onOneThread = before.copy();
            multiply(single, transposeA, transposeB, m, n, k, a, b, accumulate, onOneThread);
            assertThat(onOneThread.array).isEqualTo(c.array);

            if (!transposeA) {
                Matrix decoded = before.copy();
                gemm.multiply(
                        transposeB,
                        m,
                        n,
                        k,
                        a.array,
                        a.offset,
                        a.ld,
                        b.decoder(),
                        accumulate,
                        decoded.array,
                        decoded.offset,
                        decoded.ld);
                assertThat(decoded.array).isEqualTo(c.array);
            }
        }
    }

    private static void multiply(
            Gemm gemm,
            boolean transposeA,
            boolean transposeB,
            int m,
            int n,
            int k,
            Matrix a,
            Matrix b,
            boolean accumulate,
            Matrix c) {
        gemm.multiply(
                transposeA,
                transposeB,
                m,
                n,
                k,
                a.array,
                a.offset,
                a.ld,
                b.array,
                b.offset,
                b.ld,
                accumulate,
                c.array,
                c.offset,
                c.ld);
    }

    private static void assertProduct(
            boolean transposeA,
            boolean transposeB,
            int k,
            Matrix a,
            Matrix b,
            boolean accumulate,
            Matrix before,
            Matrix c) {
        float[] expected = before.array.clone();
        double worst = 0;
        for (int i = 0; i < c.rows; i++) {
            for (int j = 0; j < c.columns; j++) {
                double sum = accumulate ? before.at(i, j) : 0;
                for (int p = 0; p < k; p++) {
                    sum += (double) (transposeA ? a.at(p, i) : a.at(i, p)) * (transposeB ? b.at(j, p) : b.at(p, j));
                }
                worst = Math.max(worst, Math.abs(sum - c.at(i, j)));
                expected[c.offset + i * c.ld + j] = c.at(i, j);
            }
        }
        assertThat(worst).isLessThan(1e-6 * (1 + Math.sqrt(k)));
        assertThat(c.array).as("what lies around the matrix").isEqualTo(expected);
    }

    @Test
    void aRowsProductDoesNotDependOnTheBatch() {
        Random random = new Random(3);
        Matrix a = Matrix.random(257, 700, random);
        Matrix b = Matrix.random(130, 700, random);
        Matrix all = Matrix.random(257, 130, random);
        multiply(gemm, false, true, 257, 130, 700, a, b, false, all);
        float[] row = new float[130];
        for (int i = 0; i < 257; i += 37) {
            gemm.multiply(
                    false,
                    true,
                    1,
                    130,
                    700,
                    a.array,
                    a.offset + i * a.ld,
                    a.ld,
                    b.array,
                    b.offset,
                    b.ld,
                    false,
                    row,
                    0,
                    130);
            for (int j = 0; j < 130; j++) {
                assertThat(row[j]).isEqualTo(all.at(i, j));
            }
        }
    }

    @Test
    void anEmptyInnerDimensionGivesZero() {
        float[] c = {1, 2, 3, 4};
        float[] none = {};
        gemm.multiply(false, false, 2, 1, 0, none, 0, 0, none, 0, 1, true, c, 0, 2);
        assertThat(c).containsExactly(1, 2, 3, 4);
        gemm.multiply(false, false, 2, 1, 0, none, 0, 0, none, 0, 1, false, c, 0, 2);
        assertThat(c).containsExactly(0, 2, 0, 4);
    }

    @Test
    void infinityAndNotANumberStayInTheirRows() {
        int size = 33;
        Random random = new Random(5);
        Matrix a = Matrix.random(size, size, random);
        Matrix b = Matrix.random(size, size, random);
        Matrix c = Matrix.random(size, size, random);
        a.array[a.offset + 12 * a.ld] = Float.NaN;
        a.array[a.offset + 32 * a.ld] = Float.POSITIVE_INFINITY;
        multiply(gemm, false, false, size, size, size, a, b, false, c);
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < size; j++) {
                assertThat(Float.isFinite(c.at(i, j))).isEqualTo(i != 12 && i != 32);
            }
        }
    }

    @Test
    void refusesMatricesThatDoNotFit() {
        float[] four = new float[4];
        assertThatIllegalArgumentException()
                .isThrownBy(() -> gemm.multiply(false, false, 2, 2, 2, four, 0, 1, four, 0, 2, false, four, 0, 2))
                .withMessage("matrix A has 2 rows, 2 columns and leading dimension 1");
        assertThatThrownBy(() -> gemm.multiply(false, false, 2, 2, 2, four, 0, 2, four, 1, 2, false, four, 0, 2))
                .isInstanceOf(IndexOutOfBoundsException.class)
                .hasMessage("matrix B of 4 floats from 1 does not lie within an array of 4");
    }
}
