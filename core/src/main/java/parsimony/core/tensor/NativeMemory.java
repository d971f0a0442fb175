package parsimony.core.tensor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.nio.channels.FileChannel;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Memory outside the Java heap, which lives as long as someone holds a segment of it, and which is counted: weights live here, so a measurement of
 * memory must see it.
 */
public final class NativeMemory {
    /** Wide enough for any vector register and a cache line. */
    private static final long ALIGNMENT = 64;

    private static final Cleaner CLEANER = Cleaner.create();
    private static final Count ALLOCATED = new Count();
    private static final Count MAPPED = new Count();

    private NativeMemory() {}

    /** Zeroed memory. */
    public static MemorySegment allocate(long bytes) {
        MemorySegment memory = bytes < HugePages.FEWEST_BYTES ? null : HugePages.allocate(bytes, ALIGNMENT);
        if (memory == null) {
            memory = Arena.ofAuto().allocate(bytes, ALIGNMENT);
        }
        ALLOCATED.add(memory);
        return memory;
    }

    /** A part of a file, mapped for reading. */
    public static MemorySegment map(FileChannel file, long offset, long bytes) throws IOException {
        Arena arena = Arena.ofAuto();
        MemorySegment segment = file.map(FileChannel.MapMode.READ_ONLY, offset, bytes, arena);
        MAPPED.add(segment);
        return segment;
    }

    /** What {@link #allocate} gave and someone still holds. */
    public static Count allocated() {
        return ALLOCATED;
    }

    /** What {@link #map} gave and someone still holds. */
    public static Count mapped() {
        return MAPPED;
    }

    /** A number of bytes and the largest it has been. */
    public static final class Count {
        private final AtomicLong current = new AtomicLong();
        private final AtomicLong peak = new AtomicLong();

        private Count() {}

        private void add(MemorySegment segment) {
            long bytes = segment.byteSize();
            peak.accumulateAndGet(current.addAndGet(bytes), Math::max);
            // The scope is reachable exactly as long as a segment of it is.
            CLEANER.register(segment.scope(), () -> current.addAndGet(-bytes));
        }

        public long current() {
            return current.get();
        }

        /** The largest count since the last {@link #resetPeak}. */
        public long peak() {
            return peak.get();
        }

        public void resetPeak() {
            peak.set(current.get());
        }
    }
}
