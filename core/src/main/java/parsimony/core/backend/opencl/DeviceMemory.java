package parsimony.core.backend.opencl;

import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import parsimony.core.backend.DeviceException;

/**
 * The device's memory: every buffer is counted and owned by whoever allocated it until it is freed. Activations, which come and go with every op, are
 * borrowed: their sizes are rounded up by at most a quarter, and a buffer that is given back is kept for the next one of its size. Commands run in order, so a
 * buffer may be given back while a kernel that reads it is still to run. Callers hold the queue's monitor.
 */
final class DeviceMemory implements AutoCloseable {
    private static final long SMALLEST_LOAN = 1 << 10;

    private final DeviceQueue queue;
    private final Limits limits;
    private final Set<Buffer> all = Collections.newSetFromMap(new IdentityHashMap<>());
    private final Map<Long, Deque<Buffer>> idle = new HashMap<>();
    private Runnable relief = () -> {};
    private long used;
    private long peak;

    DeviceMemory(DeviceQueue queue, Limits limits) {
        this.queue = queue;
        this.limits = limits;
    }

    /** Sets what frees memory that could be had again, called before an allocation fails. */
    void setRelief(Runnable relief) {
        this.relief = relief;
    }

    /** Bytes of all buffers, idle ones too. */
    long used() {
        return used;
    }

    /** The most there have been. */
    long peak() {
        return peak;
    }

    /**
     * A buffer of this size, at least 1 byte, for the caller to free.
     *
     * @throws DeviceException if the device has not enough memory
     */
    Buffer allocate(long bytes) {
        long size = Math.max(1, bytes);
        if (size > limits.allocationBytes()) {
            throw new DeviceException(String.format(
                    Locale.ROOT,
                    "%s gives at most %s in one piece, and %s are needed",
                    queue.device().name(),
                    text(limits.allocationBytes()),
                    text(size)));
        }
        if (used + size > limits.globalBytes()) {
            freeIdle();
        }
        if (used + size > limits.globalBytes()) {
            relief.run();
        }
        if (used + size > limits.globalBytes()) {
            throw new DeviceException(String.format(
                    Locale.ROOT,
                    "%s has too little memory: %s are needed beside the %s in use, and it has %s in all; a smaller or more compressed"
                            + " model may fit",
                    queue.device().name(),
                    text(size),
                    text(used),
                    text(limits.globalBytes())));
        }
        Buffer buffer = new Buffer(queue.library().createBuffer(queue.context(), size), size);
        all.add(buffer);
        used += size;
        peak = Math.max(peak, used);
        return buffer;
    }

    void free(Buffer buffer) {
        if (all.remove(buffer)) {
            queue.library().releaseBuffer(buffer.handle());
            used -= buffer.bytes();
        }
    }

    /** A buffer of at least this size, to be given back. */
    Buffer borrow(long bytes) {
        long step = Math.max(SMALLEST_LOAN, Long.highestOneBit(bytes) / 4);
        long size = Math.max(bytes, Math.min(Math.ceilDiv(Math.max(1, bytes), step) * step, limits.allocationBytes()));
        Deque<Buffer> fitting = idle.get(size);
        if (fitting != null && !fitting.isEmpty()) {
            return fitting.pop();
        }
        return allocate(size);
    }

    void giveBack(Buffer buffer) {
        if (all.contains(buffer)) {
            idle.computeIfAbsent(buffer.bytes(), size -> new ArrayDeque<>()).push(buffer);
        }
    }

    private void freeIdle() {
        for (Deque<Buffer> buffers : idle.values()) {
            buffers.forEach(this::free);
            buffers.clear();
        }
    }

    private static String text(long bytes) {
        return bytes < 10_000_000
                ? String.format(Locale.ROOT, "%,d bytes", bytes)
                : String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
    }

    /** Frees everything, whoever holds it. */
    @Override
    public void close() {
        for (Buffer buffer : all) {
            queue.library().releaseBuffer(buffer.handle());
        }
        all.clear();
        idle.clear();
        used = 0;
    }
}
