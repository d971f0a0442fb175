package parsimony.core.tensor;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Memory that Linux is asked to make of pages of 2 MB: of small ones a model needs hundreds of thousands, the first touch of each costs, and so does finding it again
 * when a matrix is read from its beginning. Java's own arenas besides write zeros to all of it on one thread; here the system does so, a page at a time, for whichever
 * thread comes first.
 *
 * <p>Matrices share stretches of pages, or else the ends of each would lie on small ones. A stretch is given back once nobody holds any part of it.
 */
final class HugePages {
    /** Fewer bytes are left to Java. */
    static final long FEWEST_BYTES = 1 << 18;

    private static final long PAGE = 2 << 20;
    /** Address space that is taken at a time; memory is taken once it is touched. */
    private static final long STRETCH = 32 * PAGE;

    // From Linux's mman.h; these numbers are the same on x86-64 and AArch64.
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_PRIVATE_ANONYMOUS = 0x22;
    private static final long MAP_FAILED = -1;
    private static final int MADV_HUGEPAGE = 14;

    private static final boolean AVAILABLE = System.getProperty("os.name").equals("Linux");
    private static final MethodHandle MMAP =
            handle("mmap", FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
    private static final MethodHandle MADVISE =
            handle("madvise", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
    private static final MethodHandle MUNMAP = handle("munmap", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));

    /** What is given out from now on; null before the first time. */
    private static MemorySegment stretch;

    private static long used;

    private HugePages() {}

    private static MethodHandle handle(String function, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        return AVAILABLE ? linker.downcallHandle(linker.defaultLookup().findOrThrow(function), descriptor) : null;
    }

    /** Zeroed memory; null where the system is not Linux or has none left. */
    static synchronized MemorySegment allocate(long bytes, long alignment) {
        if (bytes > STRETCH / 2) {
            return map(bytes);
        }
        long start = roundUp(used, alignment);
        if (stretch == null || start + bytes > stretch.byteSize()) {
            stretch = map(STRETCH);
            start = 0;
        }
        used = start + bytes;
        return stretch == null ? null : stretch.asSlice(start, bytes);
    }

    /** Zeroed memory from the beginning of a large page on. */
    private static MemorySegment map(long bytes) {
        if (!AVAILABLE) {
            return null;
        }
        try {
            // Large pages begin at multiples of their size.
            MemorySegment pages = (MemorySegment)
                    MMAP.invokeExact(MemorySegment.NULL, bytes + PAGE, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0L);
            if (pages.address() == MAP_FAILED) {
                return null;
            }
            MemorySegment all = pages.reinterpret(bytes + PAGE, Arena.ofAuto(), HugePages::free);
            MemorySegment aligned = all.asSlice(roundUp(all.address(), PAGE) - all.address(), bytes);
            // Where the system has no large pages it says so here, and small ones do as well.
            int _ = (int) MADVISE.invokeExact(aligned, bytes, MADV_HUGEPAGE);
            return aligned;
        } catch (Throwable e) {
            throw new AssertionError("a call of the C library does not throw", e);
        }
    }

    private static long roundUp(long number, long multiple) {
        return (number + multiple - 1) / multiple * multiple;
    }

    private static void free(MemorySegment pages) {
        try {
            int _ = (int) MUNMAP.invokeExact(pages, pages.byteSize());
        } catch (Throwable e) {
            throw new AssertionError("a call of the C library does not throw", e);
        }
    }
}
