package parsimony.core.io;

import java.lang.foreign.MemorySegment;
import parsimony.core.tensor.BlockFormat;
import parsimony.core.tensor.BlockStorage;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.WeightStorage;

/** The number formats of GGUF tensors that can be computed with; all but the K formats can be written. */
public enum GgufType {
    F32(0, 0, DataType.F32, null),
    F16(1, 1, DataType.F16, null),
    BF16(30, 32, DataType.BF16, null),
    Q8_0(8, 7, null, BlockFormat.Q8_0),
    Q4_0(2, 2, null, BlockFormat.Q4_0),
    Q4_1(3, 3, null, BlockFormat.Q4_1),
    Q4_K(12, 15, null, BlockFormat.Q4_K),
    Q5_K(13, 17, null, BlockFormat.Q5_K),
    Q6_K(14, 18, null, BlockFormat.Q6_K);

    /** The number of this format in a tensor's description. */
    final int id;

    /** The number of a file that is mostly in this format, for {@code general.file_type}. */
    final int fileType;

    /** The format of single numbers, or null. */
    final DataType dense;

    /** The format of blocks, or null. */
    final BlockFormat blocks;

    GgufType(int id, int fileType, DataType dense, BlockFormat blocks) {
        this.id = id;
        this.fileType = fileType;
        this.dense = dense;
        this.blocks = blocks;
    }

    /** The type of that number, or null if it is not supported. */
    static GgufType of(int id) {
        for (GgufType type : values()) {
            if (type.id == id) {
                return type;
            }
        }
        return null;
    }

    /** Whether matrices can be written in this format. */
    public boolean canWrite() {
        return blocks == null || blocks.canEncode();
    }

    int blockWeights() {
        return blocks == null ? 1 : blocks.weights();
    }

    int blockBytes() {
        return blocks == null ? dense.bytes() : blocks.bytes();
    }

    /** Bytes of a row of {@code columns} numbers, a multiple of the block. */
    long rowBytes(long columns) {
        return columns / blockWeights() * blockBytes();
    }

    WeightStorage storage(int rows, int columns, MemorySegment data) {
        return blocks == null
                ? new DenseStorage(dense, rows, columns, data)
                : new BlockStorage(blocks, rows, columns, data);
    }

    /** Puts a row of numbers at an offset of {@code target}. */
    void encode(float[] row, MemorySegment target, long offset) {
        if (blocks == null) {
            dense.write(row, 0, row.length, target, offset);
            return;
        }
        for (int first = 0; first < row.length; first += blocks.weights()) {
            blocks.encode(row, first, target, offset + rowBytes(first));
        }
    }
}
