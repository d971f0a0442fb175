package parsimony.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.SplittableRandom;
import parsimony.benchmarks.result.ResultFile;
import parsimony.core.backend.Backend;
import parsimony.core.backend.Backends;
import parsimony.core.tensor.Matrix;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * What this machine allows at most (Williams, Waterman and Patterson, 2009): no kernel reads memory faster than a loop that does nothing else, and none
 * multiplies floats faster than a large matrix product.
 *
 * @param processor that was measured
 * @param threads that were used
 * @param readGigabytes 10⁹ bytes a second, read and added up
 * @param copyGigabytes 10⁹ bytes a second, copied; each counts once, though it is read and written
 * @param gigaflops 10⁹ operations a second in a product of 1024³ floats by the vector backend
 */
public record Roofline(String processor, int threads, double readGigabytes, double copyGigabytes, double gigaflops) {
    /** Far more than any cache holds. */
    private static final int LONGS = 1 << 25;

    private static final int SIZE = 1024;
    private static final int TASKS_PER_THREAD = 8;
    private static final long TIME = 1_000_000_000;

    private static final JsonMapper MAPPER = JsonMapper.shared();

    /** Measures for some four seconds; the best of what is tried counts. */
    public static Roofline measure(int threads) {
        long[] from = new long[LONGS];
        Arrays.setAll(from, i -> i);
        long[] to = new long[LONGS];
        long[] sums = new long[threads * TASKS_PER_THREAD];
        Matrix a = random(1);
        Matrix b = random(2);
        Matrix c = random(3);
        try (Backend backend = Backends.create(Backends.DEFAULT, threads)) {
            double gigabytes = 1e-9 * Long.BYTES * LONGS;
            double read = gigabytes
                    / fastest(() -> backend.parallel(sums.length, task -> sums[task] = sum(from, task, sums.length)));
            double copied = gigabytes
                    / fastest(() -> backend.parallel(sums.length, task -> {
                        int start = begin(LONGS, task, sums.length);
                        System.arraycopy(from, start, to, start, begin(LONGS, task + 1, sums.length) - start);
                    }));
            double flops = 2e-9 * SIZE * SIZE * SIZE / fastest(() -> backend.multiply(a, false, b, true, c, false));
            return new Roofline(Machine.here().processor(), threads, read, copied, flops);
        }
    }

    /**
     * What was measured before, if that was on this machine with as many threads.
     *
     * @param folder where {@link #write} put it
     */
    public static Optional<Roofline> read(Path folder, int threads) {
        Path file = file(folder);
        if (!Files.isRegularFile(file)) {
            return Optional.empty();
        }
        try {
            Roofline roofline = MAPPER.readValue(Files.readAllBytes(file), Roofline.class);
            return Optional.of(roofline)
                    .filter(it -> it.threads == threads
                            && it.processor.equals(Machine.here().processor()));
        } catch (IOException | JacksonException | NullPointerException _) {
            // It is measured again then.
            return Optional.empty();
        }
    }

    /**
     * Keeps it for later commands.
     *
     * @throws IOException if the disk does not take it
     */
    public void write(Path folder) throws IOException {
        ResultFile.replace(file(folder), ResultFile.json(this) + "\n");
    }

    /** Where it is kept. */
    public static Path file(Path folder) {
        return folder.resolve("roofline.json");
    }

    /**
     * The share that a kernel reaches of what its operations or its bytes allow, whichever is the tighter limit; NaN if both are unknown.
     *
     * @param gigaflops that it does a second, or NaN
     * @param gigabytes that it reads a second, or NaN
     */
    public double share(double gigaflops, double gigabytes) {
        double ofProduct = gigaflops / this.gigaflops;
        double ofMemory = gigabytes / readGigabytes;
        if (Double.isNaN(ofProduct)) {
            return ofMemory;
        }
        return Double.isNaN(ofMemory) ? ofProduct : Math.max(ofProduct, ofMemory);
    }

    private static Matrix random(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] data = new float[SIZE * SIZE];
        for (int i = 0; i < data.length; i++) {
            data[i] = random.nextFloat() - 0.5f;
        }
        return Matrix.of(data, SIZE, SIZE);
    }

    private static int begin(int length, int task, int tasks) {
        return (int) ((long) length * task / tasks);
    }

    /** The part of a task in adding up all numbers: as little as one can do with memory but read it. */
    public static long sum(long[] numbers, int task, int tasks) {
        int end = begin(numbers.length, task + 1, tasks);
        long sum = 0;
        for (int i = begin(numbers.length, task, tasks); i < end; i++) {
            sum += numbers[i];
        }
        return sum;
    }

    /** Seconds of the fastest run within the time. */
    private static double fastest(Runnable work) {
        long end = System.nanoTime() + TIME;
        long best = Long.MAX_VALUE;
        do {
            long started = System.nanoTime();
            work.run();
            best = Math.min(best, System.nanoTime() - started);
        } while (System.nanoTime() < end);
        return best / 1e9;
    }
}
