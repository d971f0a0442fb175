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
 * Memory that Linux is asked to make of pages of 2 MB: of small ones a model needs hundreds of thousands, and the first touch of each costs. Java's own arenas
 * besides write zeros to all of it on one thread; here the system does so, a page at a time, for whichever thread comes first.
 */
final class HugePages {
    /** Fewer bytes are left to Java. */
    static final long FEWEST_BYTES = 1 << 20;

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

    private HugePages() {}

    private static MethodHandle handle(String function, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        return AVAILABLE ? linker.downcallHandle(linker.defaultLookup().findOrThrow(function), descriptor) : null;
    }

    /** Zeroed memory that lives as long as the arena; null where the system is not Linux or has none left. */
    static MemorySegment allocate(long bytes, Arena arena) {
        if (!AVAILABLE) {
            return null;
        }
        try {
            MemorySegment pages = (MemorySegment)
                    MMAP.invokeExact(MemorySegment.NULL, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0L);
            if (pages.address() == MAP_FAILED) {
                return null;
            }
            // Where the system has no large pages it says so here, and small ones do as well.
            int _ = (int) MADVISE.invokeExact(pages, bytes, MADV_HUGEPAGE);
            return pages.reinterpret(bytes, arena, HugePages::free);
        } catch (Throwable e) {
            throw new AssertionError("a call of the C library does not throw", e);
        }
    }

    private static void free(MemorySegment pages) {
        try {
            int _ = (int) MUNMAP.invokeExact(pages, pages.byteSize());
        } catch (Throwable e) {
            throw new AssertionError("a call of the C library does not throw", e);
        }
    }
}
