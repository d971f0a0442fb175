package parsimony.core.backend.opencl;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import parsimony.core.backend.DeviceException;

/**
 * The kernels, each compiled when it is first asked for. One that a device's limits do not allow is replaced by a smaller or plainer one, and one that
 * does not compile by nothing, so that its op runs on the host; either is told once on standard error, with the reason. Callers hold the queue's monitor.
 */
final class Kernels implements AutoCloseable {
    /** Work items of a group where a kernel does not ask for another number: two waves of most cards. */
    private static final int LANES = 64;
    /** The same for a processor, whose groups are loops and whose items are at best a vector's lanes. */
    private static final int LANES_OF_PROCESSOR = 16;

    /** Inner size of the tiles of a product. */
    private static final int GEMM_DEPTH = 16;
    /** Neighbours of a column that a work item computes, as gemm.cl has it. */
    private static final int GEMM_HEIGHT = 4;
    /** Neighbours of a row that a work item computes. */
    private static final int GEMM_WIDTH = 4;
    /** The same for a processor, whose vectors are an item's own. */
    private static final int GEMM_WIDTH_OF_PROCESSOR = 16;

    /** The tiles of a product, best first. */
    private static final List<GemmTile> GEMM_TILES =
            List.of(new GemmTile(64, 64, 1), new GemmTile(32, 32, 1), new GemmTile(16, 16, 1));
    /** For a card and matrices with tiles for all of its units: each number that is read serves most. */
    private static final GemmTile LARGE_TILE = new GemmTile(128, 128, 2);
    /** For a card and products of few columns, as those with the values of a head are. */
    private static final GemmTile NARROW_TILE = new GemmTile(128, 32, 1);

    /** Keys of the tiles of attention, best first. */
    private static final int[] ATTENTION_TILES = {32, 16, 8};

    private static final int MOST_SLOTS = 4;

    /** The kernels that add up numbers of a group. */
    private static final Set<String> REDUCING = Set.of(
            "matvec_f32",
            "matvec_f16",
            "matvec_q8_0",
            "matvec_q4_0",
            "matvec_grid",
            "rms_norm",
            "softmax",
            "cross_entropy",
            "sum_of_squares");

    private final DeviceQueue queue;
    private final Limits limits;
    private final Map<String, Optional<MemorySegment>> programs = new HashMap<>();
    private final Map<String, Optional<Kernel>> kernels = new HashMap<>();
    private final Map<Integer, Optional<Integer>> attentionTiles = new HashMap<>();
    private final Set<String> reasons = new LinkedHashSet<>();
    private final int wanted;
    private Gemm gemm;
    private Optional<Gemm> largeGemm;
    private Optional<Gemm> narrowGemm;

    Kernels(DeviceQueue queue, Limits limits) {
        this.queue = queue;
        this.limits = limits;
        wanted = queue.device().gpu() ? LANES : LANES_OF_PROCESSOR;
    }

    /**
     * A compiled kernel.
     *
     * @param most work items that a group of it may have
     * @param lanes a power of two that is no more than that
     */
    record Kernel(MemorySegment handle, long most, int lanes) {}

    /**
     * The kernel of a product.
     *
     * @param tileRows rows that a group computes; 1 for the plain kernel
     * @param tileColumns columns that a group computes
     * @param itemsAcross items of a group side by side
     * @param itemsDown items of a group below one another
     */
    record Gemm(Kernel kernel, int tileRows, int tileColumns, int itemsAcross, int itemsDown) {}

    /**
     * What a group computes.
     *
     * @param parts pieces, in each direction, of what an item computes
     */
    private record GemmTile(int rows, int columns, int parts) {
        int across(int width) {
            return columns / (width * parts);
        }

        int down() {
            return rows / (GEMM_HEIGHT * parts);
        }

        long items(int width) {
            return (long) across(width) * down();
        }

        long bytes(int width) {
            return (long) GEMM_DEPTH * (rows + GEMM_HEIGHT + columns + width) * Float.BYTES;
        }

        String options(int width) {
            return "-DTILE_ROWS=" + rows + " -DTILE_COLUMNS=" + columns + " -DDEPTH=" + GEMM_DEPTH + " -DWIDTH=" + width
                    + " -DROW_PARTS=" + parts + " -DCOLUMN_PARTS=" + parts;
        }
    }

    /**
     * The kernel of attention.
     *
     * @param lanes keys of a tile; 0 for the plain kernel
     * @param slots queries of a group
     */
    record Attention(Kernel kernel, int lanes, int slots) {}

    /** What was replaced, and why. */
    List<String> reasons() {
        return List.copyOf(reasons);
    }

    /** A kernel of a file that needs nothing of the device but a compiler; nothing if that fails. */
    Optional<Kernel> find(String file, String name) {
        return find(file, name, "");
    }

    /** @param options of the compiler */
    Optional<Kernel> find(String file, String name, String options) {
        return kernels.computeIfAbsent(
                file + ":" + name + options,
                key -> program(file, options).map(program -> {
                    MemorySegment handle = queue.library().createKernel(program, name);
                    long most = Math.min(
                            limits.workGroupSize(),
                            queue.library().kernelNumber(handle, queue.device().id(), OpenCl.KERNEL_WORK_GROUP_SIZE));
                    int lanes = lanes(most);
                    if (lanes < wanted) {
                        replaced(file + " runs in groups of " + lanes + " instead of " + wanted
                                + ", the most that the device allows");
                    }
                    return new Kernel(handle, most, lanes);
                }));
    }

    /** The largest power of two that a group may have, and that has a float of local memory for each item. */
    private int lanes(long most) {
        long lanes = Math.min(wanted, Math.min(most, limits.localBytes() / Float.BYTES));
        return (int) Long.highestOneBit(Math.max(1, lanes));
    }

    private Optional<MemorySegment> program(String file, String options) {
        return programs.computeIfAbsent(file + options, key -> {
            String source = (REDUCING.contains(file) ? source("reduction") : "") + source(file);
            try {
                return Optional.of(queue.library()
                        .buildProgram(queue.context(), queue.device().id(), source, "-cl-std=CL1.2 " + options));
            } catch (DeviceException e) {
                replaced(file + " does not compile here (" + e.getMessage()
                        + "), so a plainer kernel or the processor does its work");
                return Optional.empty();
            }
        });
    }

    private static String source(String file) {
        try (InputStream in = Kernels.class.getResourceAsStream(file + ".cl")) {
            return new String(in.readAllBytes(), StandardCharsets.US_ASCII);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void replaced(String reason) {
        if (reasons.add(reason)) {
            System.err.println("opencl: " + reason);
        }
    }

    /** Products by tiles that fit the device and suit a result of {@code m} × {@code n}. */
    Optional<Gemm> gemm(int m, int n) {
        Optional<Gemm> square = gemm();
        if (square.isEmpty()
                || square.get().tileRows() < GEMM_TILES.getFirst().rows()
                || !queue.device().gpu()) {
            return square;
        }
        if (n <= NARROW_TILE.columns()) {
            narrowGemm = narrowGemm == null ? compiled(NARROW_TILE) : narrowGemm;
            return narrowGemm.or(() -> square);
        }
        if (Math.min(m, n) >= LARGE_TILE.columns()) {
            largeGemm = largeGemm == null ? compiled(LARGE_TILE) : largeGemm;
            return largeGemm.or(() -> square);
        }
        return square;
    }

    /** The product, by the largest square tiles that fit. */
    Optional<Gemm> gemm() {
        if (gemm == null) {
            gemm = findGemm();
        }
        return Optional.ofNullable(gemm);
    }

    private Gemm findGemm() {
        for (GemmTile tile : GEMM_TILES) {
            Optional<Gemm> found = compiled(tile);
            if (found.isPresent()) {
                return found.get();
            }
        }
        return find("gemm_plain", "gemm")
                .map(kernel -> new Gemm(kernel, 1, kernel.lanes(), kernel.lanes(), 1))
                .orElse(null);
    }

    /** The product by these tiles, if the device allows them. */
    private Optional<Gemm> compiled(GemmTile tile) {
        int width = queue.device().gpu() ? GEMM_WIDTH : GEMM_WIDTH_OF_PROCESSOR;
        String without = "gemm does without tiles of " + tile.rows();
        long items = tile.items(width);
        if (items > limits.workGroupSize()) {
            replaced(without + ", whose groups have " + items + " items, more than the " + limits.workGroupSize()
                    + " of the device");
            return Optional.empty();
        }
        if (tile.bytes(width) > limits.localBytes()) {
            replaced(without + ", which take " + tile.bytes(width) + " bytes of local memory, more than the "
                    + limits.localBytes() + " of the device");
            return Optional.empty();
        }
        Optional<Kernel> kernel = find("gemm", "gemm", tile.options(width));
        if (kernel.isPresent() && kernel.get().most() < items) {
            replaced(without + ", whose groups have " + items + " items, more than the "
                    + kernel.get().most() + " that the compiled kernel allows");
            return Optional.empty();
        }
        return kernel.map(found -> new Gemm(found, tile.rows(), tile.columns(), tile.across(width), tile.down()));
    }

    /**
     * Attention for heads of this size.
     *
     * @param rows queries that are there; tiles do not depend on it, so that the bits of a query do not
     */
    Optional<Attention> attention(int headSize, int rows) {
        Optional<Kernel> tiled = attentionTiles
                .computeIfAbsent(headSize, this::attentionTile)
                .flatMap(lanes -> find("attention", "attend"));
        if (tiled.isEmpty()) {
            return find("attention_plain", "attend").map(kernel -> new Attention(kernel, 0, 1));
        }
        int lanes = attentionTiles.get(headSize).orElseThrow();
        int slots = 1;
        while (2 * slots <= Math.min(MOST_SLOTS, rows) && fits(tiled.get(), lanes, 2 * slots, headSize)) {
            slots *= 2;
        }
        return Optional.of(new Attention(tiled.get(), lanes, slots));
    }

    /** Whether there are kernels of attention at all: those that write and those that learn. */
    boolean haveAttention() {
        boolean writes = find("attention", "attend").isPresent()
                || find("attention_plain", "attend").isPresent();
        return writes
                && gemm().isPresent()
                && find("softmax", "softmax_causal").isPresent()
                && find("softmax", "softmax_causal_backward").isPresent();
    }

    private Optional<Integer> attentionTile(int headSize) {
        Optional<Kernel> kernel = find("attention", "attend");
        if (kernel.isEmpty()) {
            return Optional.empty();
        }
        for (int lanes : ATTENTION_TILES) {
            if (fits(kernel.get(), lanes, 1, headSize)) {
                return Optional.of(lanes);
            }
            replaced("attention over heads of " + headSize + " does without tiles of " + lanes + " keys, which take "
                    + attentionBytes(lanes, 1, headSize) + " bytes of local memory and " + lanes
                    + " items a group, where the device has " + limits.localBytes() + " and "
                    + kernel.get().most());
        }
        return Optional.empty();
    }

    private boolean fits(Kernel kernel, int lanes, int slots, int headSize) {
        return (long) lanes * slots <= kernel.most() && attentionBytes(lanes, slots, headSize) <= limits.localBytes();
    }

    private static long attentionBytes(int lanes, int slots, int headSize) {
        return (lanes * (2L * headSize + 1) + slots * (2L * headSize + lanes)) * Float.BYTES;
    }

    /** Compiles all kernels that any model may need, to know what has to be replaced. */
    void findAll() {
        gemm();
        List<String> files = new ArrayList<>(REDUCING);
        files.remove("matvec_grid");
        files.sort(null);
        files.forEach(file -> find(file, file.startsWith("matvec") ? "matvec" : file));
        find("matvec_grid", "matvec", "-DBITS=4 -DGROUP=32 -DHALF_SCALES");
        find("elementwise", "add_scaled");
        find("rope", "rope");
        find("swiglu", "swiglu");
        find("adam_w", "adam_w");
        find("embedding", "embed");
        attention(128, 1);
    }

    @Override
    public void close() {
        kernels.values()
                .forEach(found -> found.ifPresent(kernel -> queue.library().releaseKernel(kernel.handle())));
        programs.values().forEach(found -> found.ifPresent(queue.library()::releaseProgram));
        kernels.clear();
        programs.clear();
    }
}
