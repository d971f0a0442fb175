package parsimony.core.io;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import parsimony.core.AtomicFile;
import parsimony.core.tensor.BlockStorage;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.WeightStorage;

/** Streams weights to a file through a buffer of about a megabyte, a batch of rows at a time. */
final class TensorWriter {
    private static final long BUFFER_BYTES = 1 << 20;

    private final FileChannel channel;
    private final Progress progress;
    private final long total;

    /** @param total bytes of the whole file, for {@code progress} */
    TensorWriter(FileChannel channel, Progress progress, long total) {
        this.channel = channel;
        this.progress = progress;
        this.total = total;
    }

    /** Puts one row's bytes at an offset of the buffer. */
    @FunctionalInterface
    private interface RowEncoder {
        void encode(int row, MemorySegment target, long offset);
    }

    /**
     * Writes {@code weights}, row after row, in the format {@code type}; what already is in that format is copied as
     * it is.
     */
    void write(WeightStorage weights, GgufType type) throws IOException {
        int columns = weights.columns();
        long rowBytes = type.rowBytes(columns);
        if (weights instanceof DenseStorage dense && dense.type() == type.dense) {
            writeBytes(dense.data());
        } else if (weights instanceof BlockStorage blocks && blocks.blocks() == type.blocks) {
            writeBytes(blocks.data());
        } else if (weights instanceof PermutedRows permuted
                && permuted.source() instanceof BlockStorage blocks
                && blocks.blocks() == type.blocks) {
            writeRows(weights.rows(), rowBytes, (row, target, offset) -> {
                MemorySegment source = blocks.row(permuted.sourceRow(row));
                MemorySegment.copy(source, 0, target, offset, rowBytes);
            });
        } else {
            float[] values = new float[columns];
            writeRows(weights.rows(), rowBytes, (row, target, offset) -> {
                weights.decodeRow(row, values, 0);
                type.encode(values, target, offset);
            });
        }
    }

    private void writeRows(int rows, long rowBytes, RowEncoder encoder) throws IOException {
        int batch = Math.clamp(BUFFER_BYTES / Math.max(1, rowBytes), 1, Math.max(1, rows));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(batch * rowBytes, 64);
            for (int first = 0; first < rows; first += batch) {
                int count = Math.min(batch, rows - first);
                for (int i = 0; i < count; i++) {
                    encoder.encode(first + i, buffer, i * rowBytes);
                }
                writeBytes(buffer.asSlice(0, count * rowBytes));
            }
        }
    }

    void writeBytes(MemorySegment bytes) throws IOException {
        for (long done = 0; done < bytes.byteSize(); done += BUFFER_BYTES) {
            long count = Math.min(BUFFER_BYTES, bytes.byteSize() - done);
            AtomicFile.writeFully(channel, bytes.asSlice(done, count).asByteBuffer());
            progress.update(channel.position(), total);
        }
    }
}
