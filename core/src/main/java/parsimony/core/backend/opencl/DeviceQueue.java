package parsimony.core.backend.opencl;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;
import parsimony.core.tensor.Matrix;

/**
 * A device's commands, which run in the order in which they are given, and what travels between it and the host. Whoever gives commands holds the
 * queue's monitor.
 */
final class DeviceQueue implements AutoCloseable {
    /** What goes through the staging memory at once; large weights go in pieces. */
    private static final int LARGEST_PIECE = 1 << 22;

    private static final int MOST_DIMENSIONS = 3;

    private final OpenCl library;
    private final Device device;
    private final MemorySegment context;
    private final MemorySegment queue;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment argument = arena.allocate(JAVA_LONG);
    private final MemorySegment global = arena.allocate(JAVA_LONG, MOST_DIMENSIONS);
    private final MemorySegment local = arena.allocate(JAVA_LONG, MOST_DIMENSIONS);
    private final AtomicLong bytesUp = new AtomicLong();
    private final AtomicLong bytesDown = new AtomicLong();

    private final MemorySegment staging = arena.allocate(LARGEST_PIECE, JAVA_LONG.byteSize());
    private long launches;
    private boolean closed;

    DeviceQueue(OpenCl library, Device device) {
        this.library = library;
        this.device = device;
        context = library.createContext(device.id());
        queue = library.createCommandQueue(context, device.id());
    }

    OpenCl library() {
        return library;
    }

    Device device() {
        return device;
    }

    MemorySegment context() {
        return context;
    }

    /** Kernels that were started. */
    long launches() {
        return launches;
    }

    /** Bytes that travelled to the device. */
    long bytesUp() {
        return bytesUp.get();
    }

    /** Bytes that travelled to the host. */
    long bytesDown() {
        return bytesDown.get();
    }

    /** Local memory as a kernel's argument. */
    record LocalFloats(int count) {}

    /**
     * Starts a kernel.
     *
     * @param globalSize work items of each dimension, multiples of {@code localSize}
     * @param localSize work items of a group in each dimension
     * @param arguments a {@link Buffer}, an int, a float, {@link LocalFloats}, or null for no memory
     */
    void launch(MemorySegment kernel, long[] globalSize, long[] localSize, Object... arguments) {
        for (int i = 0; i < arguments.length; i++) {
            setArgument(kernel, i, arguments[i]);
        }
        for (int i = 0; i < globalSize.length; i++) {
            global.setAtIndex(JAVA_LONG, i, globalSize[i]);
            local.setAtIndex(JAVA_LONG, i, localSize[i]);
        }
        library.enqueueKernel(queue, kernel, globalSize.length, global, local);
        launches++;
    }

    private void setArgument(MemorySegment kernel, int index, Object value) {
        switch (value) {
            case null -> {
                argument.set(ADDRESS, 0, MemorySegment.NULL);
                library.setKernelArg(kernel, index, ADDRESS.byteSize(), argument);
            }
            case Buffer buffer -> {
                argument.set(ADDRESS, 0, buffer.handle());
                library.setKernelArg(kernel, index, ADDRESS.byteSize(), argument);
            }
            case Integer number -> {
                argument.set(JAVA_INT, 0, number);
                library.setKernelArg(kernel, index, JAVA_INT.byteSize(), argument);
            }
            case Float number -> {
                argument.set(JAVA_FLOAT, 0, number);
                library.setKernelArg(kernel, index, JAVA_FLOAT.byteSize(), argument);
            }
            case LocalFloats(int count) -> library.setKernelArg(kernel, index, (long) count * Float.BYTES, null);
            default -> throw new IllegalArgumentException("a kernel takes no " + value.getClass());
        }
    }

    /** Copies floats to the beginning of a buffer. */
    void write(float[] from, Buffer to) {
        write(MemorySegment.ofArray(from), to, 0);
    }

    /** Copies a view to the beginning of a buffer, row after row without gaps. */
    void write(Matrix from, Buffer to) {
        int columns = from.columns();
        if (from.rows() == 0 || columns == 0) {
            return;
        }
        if (from.stride() == columns) {
            MemorySegment numbers = MemorySegment.ofArray(from.data());
            write(
                    numbers.asSlice((long) from.offset() * Float.BYTES, (long) from.rows() * columns * Float.BYTES),
                    to,
                    0);
            return;
        }
        int rowsAtOnce = LARGEST_PIECE / Float.BYTES / columns;
        if (rowsAtOnce == 0) {
            for (int row = 0; row < from.rows(); row++) {
                MemorySegment numbers = MemorySegment.ofArray(from.data());
                long first = (long) (from.offset() + row * from.stride()) * Float.BYTES;
                write(numbers.asSlice(first, (long) columns * Float.BYTES), to, (long) row * columns * Float.BYTES);
            }
            return;
        }
        for (int first = 0; first < from.rows(); first += rowsAtOnce) {
            int count = Math.min(rowsAtOnce, from.rows() - first);
            long bytes = (long) count * columns * Float.BYTES;
            for (int row = 0; row < count; row++) {
                int at = from.offset() + (first + row) * from.stride();
                MemorySegment.copy(from.data(), at, staging, JAVA_FLOAT, (long) row * columns * Float.BYTES, columns);
            }
            send(to, (long) first * columns * Float.BYTES, bytes);
        }
    }

    /** Copies bytes of any memory to a buffer from {@code offset} on. */
    void write(MemorySegment from, Buffer to, long offset) {
        for (long at = 0; at < from.byteSize(); at += LARGEST_PIECE) {
            long bytes = Math.min(LARGEST_PIECE, from.byteSize() - at);
            MemorySegment.copy(from, at, staging, 0, bytes);
            send(to, offset + at, bytes);
        }
    }

    private void send(Buffer to, long offset, long bytes) {
        library.write(queue, to.handle(), offset, bytes, staging);
        bytesUp.addAndGet(bytes);
    }

    /** Copies floats from {@code firstFloat} of a buffer on. */
    void read(Buffer from, long firstFloat, float[] to, int offset, int count) {
        int most = LARGEST_PIECE / Float.BYTES;
        for (int at = 0; at < count; at += most) {
            int floats = Math.min(most, count - at);
            long bytes = (long) floats * Float.BYTES;
            library.read(queue, from.handle(), (firstFloat + at) * Float.BYTES, bytes, staging);
            MemorySegment.copy(staging, JAVA_FLOAT, 0, to, offset + at, floats);
            bytesDown.addAndGet(bytes);
        }
    }

    /** Copies floats on the device. */
    void copy(Buffer from, long firstFloat, Buffer to, long toFloat, long count) {
        if (count > 0) {
            library.copy(
                    queue,
                    from.handle(),
                    firstFloat * Float.BYTES,
                    to.handle(),
                    toFloat * Float.BYTES,
                    count * Float.BYTES);
        }
    }

    void finish() {
        library.finish(queue);
    }

    boolean isClosed() {
        return closed;
    }

    /** Waits for what runs and gives everything back. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        library.finish(queue);
        library.releaseCommandQueue(queue);
        library.releaseContext(context);
        arena.close();
    }
}
