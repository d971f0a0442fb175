package parsimony.benchmarks.suite;

import java.lang.management.ManagementFactory;
import parsimony.core.tensor.NativeMemory;

/**
 * Watches how much memory is held above what was held before. The heap is collected again and again meanwhile, so that garbage does not count, but
 * no more than a tenth of the time is spent on that: a peak that lasts for less than ten collections may be missed. No speed may be measured under a
 * probe.
 */
final class MemoryProbe implements AutoCloseable {
    /**
     * @param heap bytes on the Java heap
     * @param arenas bytes of native memory that was allocated
     * @param mapped bytes of files mapped into memory
     */
    record PeakMemory(long heap, long arenas, long mapped) {
        long total() {
            return heap + arenas + mapped;
        }
    }

    private static final long SHORTEST_PAUSE_MILLISECONDS = 30;
    private static final int PAUSES_A_COLLECTION = 9;

    private final long heapBefore;
    private final long allocatedBefore;
    private final long mappedBefore;
    private final Thread watcher;
    private volatile boolean stopped;
    private volatile long heapPeak;

    MemoryProbe() {
        heapBefore = liveHeap();
        heapPeak = heapBefore;
        NativeMemory.allocated().resetPeak();
        NativeMemory.mapped().resetPeak();
        allocatedBefore = NativeMemory.allocated().current();
        mappedBefore = NativeMemory.mapped().current();
        watcher = Thread.ofPlatform().daemon().name("memory-probe").start(this::watch);
    }

    private void watch() {
        while (!stopped) {
            long started = System.nanoTime();
            heapPeak = Math.max(heapPeak, liveHeap());
            long milliseconds = (System.nanoTime() - started) / 1_000_000;
            try {
                Thread.sleep(Math.max(SHORTEST_PAUSE_MILLISECONDS, PAUSES_A_COLLECTION * milliseconds));
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private static long liveHeap() {
        System.gc();
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }

    /** The most that was held at once of each kind since the probe was made, beyond what was held then. */
    PeakMemory peak() {
        return new PeakMemory(
                Math.max(heapPeak, liveHeap()) - heapBefore,
                NativeMemory.allocated().peak() - allocatedBefore,
                NativeMemory.mapped().peak() - mappedBefore);
    }

    @Override
    public void close() {
        stopped = true;
        watcher.interrupt();
        try {
            watcher.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
