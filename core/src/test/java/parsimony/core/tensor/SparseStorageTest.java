package parsimony.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class SparseStorageTest {
    private static Tensor pruned(int rows, int columns, double sparsity) {
        SplittableRandom random = new SplittableRandom(rows * 31L + columns);
        Tensor tensor = Tensor.zeros(rows, columns);
        for (int i = 0; i < tensor.size(); i++) {
            tensor.array()[i] = random.nextDouble() < sparsity ? 0 : DataType.BF16.round((float) random.nextGaussian());
        }
        return tensor;
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 0", "3, 7, 0.5", "5, 8, 0.5", "4, 257, 0.9", "9, 64, 0", "6, 33, 1"})
    void holdsEveryWeightInBothForms(int rows, int columns, double sparsity) {
        Tensor weights = pruned(rows, columns, sparsity);
        for (SparseStorage.Positions positions : SparseStorage.Positions.values()) {
            SparseStorage storage = SparseStorage.of(DataType.BF16, weights, positions);
            assertThat(storage.decode().array()).containsExactly(weights.array());
            assertThat(storage.isSparse()).isTrue();
            int kept = storage.count();
            long where = positions == SparseStorage.Positions.BITMASK ? rows * ((columns + 7) / 8) : 2L * kept;
            assertThat(storage.bytes()).isEqualTo(2L * kept + where + 4L * (rows + 1));
        }
    }

    @Test
    void takesTheShorterForm() {
        assertThat(SparseStorage.of(DataType.F32, pruned(20, 256, 0.5)).positions())
                .isEqualTo(SparseStorage.Positions.BITMASK);
        assertThat(SparseStorage.of(DataType.F32, pruned(20, 256, 0.97)).positions())
                .isEqualTo(SparseStorage.Positions.NUMBERS);
    }

    @ParameterizedTest
    @EnumSource(SparseStorage.Positions.class)
    void refusesPartsThatDoNotFit(SparseStorage.Positions positions) {
        SparseStorage whole = SparseStorage.of(DataType.F16, pruned(3, 20, 0.5), positions);
        assertRefused(whole, whole.rowStarts().asSlice(4), whole.where(), whole.values());
        assertRefused(whole, whole.rowStarts(), whole.where().asSlice(1), whole.values());
        assertRefused(whole, whole.rowStarts(), whole.where(), whole.values().asSlice(2));
        for (int row = 0; row <= 3; row++) {
            assertRefused(whole, changed(whole.rowStarts(), 4L * row, (byte) 99), whole.where(), whole.values());
            assertRefused(whole, changed(whole.rowStarts(), 4L * row + 3, (byte) 0x80), whole.where(), whole.values());
        }
        boolean bitmask = positions == SparseStorage.Positions.BITMASK;
        byte first = whole.where().get(ValueLayout.JAVA_BYTE, 0);
        assertRefused(
                whole,
                whole.rowStarts(),
                changed(whole.where(), 0, (byte) (first ^ (bitmask ? 1 : 0x80))),
                whole.values());
        // Behind the twentieth input.
        assertRefused(whole, whole.rowStarts(), changed(whole.where(), bitmask ? 2 : 1, (byte) 0xf0), whole.values());
    }

    private static void assertRefused(
            SparseStorage like, MemorySegment rowStarts, MemorySegment where, MemorySegment values) {
        assertThatThrownBy(() -> new SparseStorage(
                        like.rows(), like.columns(), like.type(), like.positions(), rowStarts, where, values))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageNotContaining("\n");
    }

    private static MemorySegment changed(MemorySegment segment, long at, byte value) {
        MemorySegment copy = MemorySegment.ofArray(segment.toArray(ValueLayout.JAVA_BYTE));
        copy.set(ValueLayout.JAVA_BYTE, at, value);
        return copy;
    }

    @ParameterizedTest
    @CsvSource({"4, 8, true", "3, 7, false", "8, -1, false", "2, 20, true"})
    void aGridWithoutItsZerosDecodesToTheSame(int bits, int group, boolean symmetric) {
        int rows = 5;
        int columns = 20;
        SplittableRandom random = new SplittableRandom(bits);
        GridStorage.Builder builder = new GridStorage.Builder(rows, columns, bits, group, symmetric, DataType.F16);
        BitSet zeros = new BitSet();
        for (int row = 0; row < rows; row++) {
            for (int g = 0; g < builder.groups(); g++) {
                builder.setGrid(row, g, new Grid(bits, 0.25f, symmetric ? 1 << (bits - 1) : random.nextInt(1 << bits)));
            }
        }
        GridStorage grids = builder.build();
        for (int row = 0; row < rows; row++) {
            for (int i = 0; i < columns; i++) {
                boolean zero = random.nextBoolean();
                zeros.set(row * columns + i, zero);
                builder.setCode(row, i, zero ? grids.zeroPoint(row, builder.groupOf(i)) : random.nextInt(1 << bits));
            }
        }
        GridStorage grid = builder.build();
        SparseGridStorage sparse = SparseGridStorage.of(grid, zeros);
        assertThat(sparse.decode().array()).containsExactly(grid.decode().array());
        assertThat(sparse.isSparse()).isTrue();
        byte[] expected = new byte[columns];
        byte[] actual = new byte[columns];
        for (int row = 0; row < rows; row++) {
            grid.readCodes(row, expected, 0);
            sparse.readCodes(row, actual, 0);
            assertThat(actual).containsExactly(expected);
            for (int g = 0; g < grid.groups(); g++) {
                assertThat(sparse.scale(row, g)).isEqualTo(grid.scale(row, g));
                assertThat(sparse.offset(row, g)).isEqualTo(grid.offset(row, g));
            }
        }
        long codes = ((long) (rows * columns - zeros.cardinality()) * bits + 7) / 8;
        assertThat(sparse.codes().byteSize()).isEqualTo(codes);
        assertThatThrownBy(() -> new SparseGridStorage(
                        rows,
                        columns,
                        bits,
                        grid.groupSize(),
                        DataType.F16,
                        sparse.rowStarts(),
                        changed(sparse.mask(), 2, (byte) 0x1f),
                        sparse.codes(),
                        sparse.scales(),
                        sparse.zeroPoints()))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
