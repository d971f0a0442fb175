package parsimony.core.io;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.WeightStorage;

/** Streams weights to a file through a buffer of about a megabyte, a batch of rows at a time. */
final class TensorWriter {
    private static final long BUFFER_BYTES = 1 << 20;

    private final FileChannel channel;

    TensorWriter(FileChannel channel) {
        this.channel = channel;
    }

    /** Puts one row's bytes at an offset of the buffer. */
    @FunctionalInterface
    interface RowEncoder {
        void encode(int row, MemorySegment target, long offset);
    }

    /** Writes {@code weights}, row after row, as numbers of {@code type}. */
    void write(WeightStorage weights, DataType type) throws IOException {
        if (weights instanceof DenseStorage dense && dense.type() == type) {
            writeBytes(dense.data());
            return;
        }
        int columns = weights.columns();
        float[] values = new float[columns];
        write(weights.rows(), (long) columns * type.bytes(), (row, target, offset) -> {
            weights.decodeRow(row, values, 0);
            type.write(values, 0, columns, target, offset);
        });
    }

    void write(int rows, long rowBytes, RowEncoder encoder) throws IOException {
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
        }
    }
}
