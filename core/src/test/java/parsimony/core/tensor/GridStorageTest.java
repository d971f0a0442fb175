package parsimony.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class GridStorageTest {
    @ParameterizedTest
    @CsvSource({
        "2, -1, 1",
        "3, -1, 1",
        "4, 16, 3",
        "5, 7, 6",
        "6, 1, 37",
        "7, 37, 1",
        "8, 10, 4",
        "3, 100, 1",
        "2, 5, 8",
    })
    void keepsEveryCodeScaleAndZeroPoint(int bits, int group, int groups) {
        int rows = 5;
        int columns = 37;
        SplittableRandom random = new SplittableRandom(bits);
        for (boolean symmetric : new boolean[] {false, true}) {
            GridStorage.Builder builder = new GridStorage.Builder(rows, columns, bits, group, symmetric, DataType.F32);
            int[][] codes = new int[rows][columns];
            Grid[][] grids = new Grid[rows][groups];
            for (int row = 0; row < rows; row++) {
                for (int g = 0; g < groups; g++) {
                    int zeroPoint = symmetric ? 1 << (bits - 1) : random.nextInt(1 << bits);
                    grids[row][g] = new Grid(bits, random.nextFloat(), zeroPoint);
                    builder.setGrid(row, g, grids[row][g]);
                }
                for (int column = 0; column < columns; column++) {
                    codes[row][column] = random.nextInt(1 << bits);
                    builder.setCode(row, column, codes[row][column]);
                }
            }
            GridStorage storage = builder.build();

            assertThat(storage.groups()).isEqualTo(groups);
            assertThat(storage.symmetric()).isEqualTo(symmetric);
            byte[] read = new byte[columns + 2];
            float[] decoded = new float[columns + 2];
            for (int row = 0; row < rows; row++) {
                storage.readCodes(row, read, 2);
                storage.decodeRow(row, decoded, 2);
                for (int column = 0; column < columns; column++) {
                    int g = column / storage.groupSize();
                    assertThat(Byte.toUnsignedInt(read[column + 2])).isEqualTo(codes[row][column]);
                    assertThat(storage.scale(row, g)).isEqualTo(grids[row][g].scale());
                    assertThat(storage.zeroPoint(row, g)).isEqualTo(grids[row][g].zeroPoint());
                    assertThat(storage.offset(row, g)).isEqualTo(-grids[row][g].scale() * grids[row][g].zeroPoint());
                    assertThat(decoded[column + 2]).isEqualTo(grids[row][g].value(codes[row][column]));
                }
            }
            long rowBytes = ((long) columns * bits + 7) / 8;
            int zeroBytes = symmetric ? 0 : (rows * groups * bits + 7) / 8;
            assertThat(storage.bytes()).isEqualTo(rows * rowBytes + 4L * rows * groups + zeroBytes);
        }
    }

    @Test
    void packsFromTheLowestBitOn() {
        GridStorage.Builder builder = new GridStorage.Builder(1, 3, 3, -1, false, DataType.F16);
        builder.setGrid(0, 0, new Grid(3, 0.5f, 6));
        int[] codes = {5, 2, 7};
        for (int i = 0; i < 3; i++) {
            builder.setCode(0, i, codes[i]);
        }
        GridStorage storage = builder.build();
        assertThat(storage.codes().toArray(ValueLayout.JAVA_BYTE)).containsExactly(0b11_010_101, 0b1);
        assertThat(storage.zeroPoints().toArray(ValueLayout.JAVA_BYTE)).containsExactly(6);
        assertThat(storage.decode().array()).containsExactly(-0.5f, -2f, 0.5f);
        assertThat(storage.format()).isEqualTo("int3");
        assertThat(new GridStorage.Builder(1, 3, 3, 2, true, DataType.F16)
                        .build()
                        .format())
                .isEqualTo("int3 g2");
    }

    @Test
    void refusesAScaleThatWouldBeRounded() {
        GridStorage.Builder builder = new GridStorage.Builder(1, 3, 4, -1, false, DataType.F16);
        assertThatThrownBy(() -> builder.setGrid(0, 0, new Grid(4, 0.1f, 3)))
                .isInstanceOf(IllegalArgumentException.class);
        GridStorage.Builder symmetric = new GridStorage.Builder(1, 3, 4, -1, true, DataType.F16);
        assertThatThrownBy(() -> symmetric.setGrid(0, 0, new Grid(4, 0.5f, 3)))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void refusesSegmentsOfAnotherSize() {
        GridStorage.Builder builder = new GridStorage.Builder(2, 3, 4, -1, true, DataType.F16);
        builder.setGrid(0, 0, new Grid(4, 1, 8));
        GridStorage good = builder.build();
        assertThatThrownBy(() ->
                        new GridStorage(2, 3, 4, 3, DataType.F16, good.codes().asSlice(1), good.scales(), null))
                .hasMessage("codes take 4 bytes, not 3");
        assertThatThrownBy(() -> new GridStorage(2, 3, 9, 3, DataType.F16, good.codes(), good.scales(), null))
                .hasMessage("a code has 2 to 8 bits, not 9");
        assertThatThrownBy(() -> new GridStorage(2, 3, 4, 4, DataType.F16, good.codes(), good.scales(), null))
                .hasMessage("groups of 4 do not fit a matrix of 2 × 3");
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 8})
    void aGridCoversItsGroupAndZero(int bits) {
        float[] weights = {9, -0.3f, 0.75f, 0.1f, 9};
        Grid asymmetric = Grid.fit(weights, 1, 3, bits, false, DataType.F32);
        assertThat(asymmetric.scale()).isEqualTo(1.05f / ((1 << bits) - 1));
        assertThat(asymmetric.round(0)).isEqualTo(0);
        Grid symmetric = Grid.fit(weights, 1, 3, bits, true, DataType.F32);
        assertThat(symmetric.scale()).isEqualTo(1.5f / ((1 << bits) - 1));
        assertThat(symmetric.zeroPoint()).isEqualTo(1 << (bits - 1));
        for (float weight : new float[] {-0.3f, 0.75f, 0.1f}) {
            assertThat(Math.abs(asymmetric.round(weight) - weight)).isLessThanOrEqualTo(asymmetric.scale());
            assertThat(Math.abs(symmetric.round(weight) - weight)).isLessThanOrEqualTo(symmetric.scale());
        }
        assertThat(Grid.fit(new float[] {2, 4}, 0, 2, bits, false, DataType.F32).round(0))
                .isEqualTo(0);
        // Both sides, also where no weight is negative: the largest is clipped by half a step at most.
        assertThat(Grid.fit(new float[] {2, 4}, 0, 2, bits, true, DataType.F32).value((1 << bits) - 1))
                .isGreaterThanOrEqualTo(4 * (1 - 1f / ((1 << bits) - 1)) - 1e-6f);
    }

    @Test
    void aGridMayBeginAtZeroWithoutReachingItsWeights() {
        float[][] ends = {{-0.5f, 1}, {1, 2.5f}, {-2.5f, -1}};
        int[] zeroPoints = {5, 0, 15};
        for (int i = 0; i < ends.length; i++) {
            Grid grid = Grid.between(ends[i][0], ends[i][1], 4, DataType.F32);
            assertThat(grid.scale()).isCloseTo(0.1f, within(1e-8f));
            assertThat(grid.zeroPoint()).isEqualTo(zeroPoints[i]);
        }
    }

    @Test
    void aGridWithEndsMidwayBetweenCodesReachesOutwards() {
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 1000; i++) {
            float end = random.nextFloat();
            Grid grid = Grid.between(-end, end, 3, DataType.F32);
            assertThat(grid.zeroPoint()).isEqualTo(4);
            assertThat(grid.code(-end)).isEqualTo(0);
            assertThat(grid.code(end)).isEqualTo(7);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 8})
    void aGridOfAMagnitudeEndsThere(int bits) {
        Grid grid = Grid.ofMagnitude(3, bits, DataType.F32);
        assertThat(grid.round(3)).isEqualTo(3);
        assertThat(grid.round(-3)).isEqualTo(-3);
        assertThat(grid.code(0)).isEqualTo(1 << (bits - 1));
        for (DataType type : DataType.values()) {
            assertThat(Grid.ofMagnitude(0, bits, type).round(0)).isZero();
            assertThat(Grid.ofMagnitude(Float.MAX_VALUE, bits, type).scale()).isFinite();
        }
    }

    @Test
    void halvesGoToTheEvenNumber() {
        Grid grid = new Grid(4, 1, 8);
        assertThat(grid.round(0.5f)).isEqualTo(0);
        assertThat(grid.round(1.5f)).isEqualTo(2);
        assertThat(grid.round(-2.5f)).isEqualTo(-2);
        assertThat(grid.round(100)).isEqualTo(7);
        assertThat(grid.round(-100)).isEqualTo(-8);
    }

    @ParameterizedTest
    @EnumSource(DataType.class)
    void surviveHostileGroups(DataType type) {
        float[][] groups = {
            {0, 0, 0},
            {Float.MIN_VALUE, 0, 0},
            {Float.MAX_VALUE, -Float.MAX_VALUE, 1},
            {1e-8f, -1e-9f, 0},
            {1e6f, 0, -1}
        };
        for (float[] group : groups) {
            for (boolean symmetric : new boolean[] {false, true}) {
                Grid grid = Grid.fit(group, 0, 3, 4, symmetric, type);
                assertThat(grid.scale()).isPositive().isFinite().isEqualTo(type.round(grid.scale()));
                assertThat(grid.zeroPoint()).isBetween(0, 15);
                for (float weight : group) {
                    assertThat(grid.code(weight)).isBetween(0, 15);
                    assertThat(grid.round(0)).isEqualTo(0);
                }
            }
        }
        Grid zeros = Grid.fit(new float[3], 0, 3, 4, false, DataType.F32);
        assertThat(zeros.scale()).isEqualTo(2f / 15);
    }
}
