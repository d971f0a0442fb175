package parsimony.benchmarks.jmh;

import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import parsimony.core.backend.Parallel;
import parsimony.core.backend.vector.Gemm;

/**
 * Our matrix product against OpenBLAS's, on the sizes of a training step of a small model. The counter {@code gigaflop}
 * is GFLOP/s.
 *
 * <p>OpenBLAS is called through ND4J in the way that is its best: its output is column-major, which it writes without a
 * copy. It has as many threads as ours if {@code OMP_NUM_THREADS} says so, and on a processor newer than itself the right kernels only if {@code OPENBLAS_CORETYPE} does, {@code SkylakeX} for AVX-512. To be told from noise, run both on a machine
 * that does nothing else.
 */
@Lesson("Our matrix product against OpenBLAS's")
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 1,
        jvmArgsAppend = {
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow"
        })
public class GemmBenchmark {
    /** Rows, columns and inner dimension; which factor is transposed: none, A or B. */
    @Param({
        "1024x1024x1024 B",
        "2048x256x256 B",
        "8192x256x256 B",
        "8192x768x256 B",
        "8192x256x768 B",
        "8192x4096x256 B",
        "8192x256x4096 B",
        "8192x256x768 none",
        "256x768x8192 A",
        "64x64x32 B",
        "64x32x64 none"
    })
    public String shape;

    /** How many threads ours runs on. */
    @Param("2")
    public int threads;

    private boolean transposeA;
    private boolean transposeB;
    private int m;
    private int n;
    private int k;
    private float[] a;
    private float[] b;
    private float[] c;
    private INDArray blasA;
    private INDArray blasB;
    private INDArray blasC;
    private Parallel parallel;
    private Gemm gemm;

    /** Fills both factors with the same numbers for both. */
    @Setup
    public void prepare() {
        String[] sizesAndTransposed = shape.split(" ", -1);
        String[] sizes = sizesAndTransposed[0].split("x", -1);
        transposeA = sizesAndTransposed[1].equals("A");
        transposeB = sizesAndTransposed[1].equals("B");
        m = Integer.parseInt(sizes[0]);
        n = Integer.parseInt(sizes[1]);
        k = Integer.parseInt(sizes[2]);
        Random random = new Random(1);
        a = random(m * k, random);
        b = random(k * n, random);
        c = new float[m * n];
        blasA = matrix(a, transposeA, m, k);
        blasB = matrix(b, transposeB, k, n);
        blasC = Nd4j.create(new long[] {m, n}, 'f');
        parallel = new Parallel(threads);
        gemm = new Gemm(parallel);
    }

    private static float[] random(int count, Random random) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextFloat(-1, 1);
        }
        return values;
    }

    private static INDArray matrix(float[] values, boolean transposed, int rows, int columns) {
        return transposed
                ? Nd4j.create(values, new long[] {columns, rows}, 'c').transpose()
                : Nd4j.create(values, new long[] {rows, columns}, 'c');
    }

    /** Ends the threads. */
    @TearDown
    public void close() {
        parallel.close();
    }

    /** Ours. */
    @Benchmark
    public float[] vector(Work work) {
        gemm.multiply(
                transposeA, transposeB, m, n, k, a, 0, transposeA ? m : k, b, 0, transposeB ? k : n, false, c, 0, n);
        work.gigaflop += 2e-9 * m * n * k;
        return c;
    }

    /** OpenBLAS's. */
    @Benchmark
    public INDArray openBlas(Work work) {
        work.gigaflop += 2e-9 * m * n * k;
        return blasA.mmuli(blasB, blasC);
    }

    /** Runs this benchmark. */
    public static void main(String[] arguments) throws RunnerException {
        new Runner(new OptionsBuilder()
                        .include(GemmBenchmark.class.getSimpleName())
                        .build())
                .run();
    }
}
