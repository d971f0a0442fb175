package parsimony.benchmarks.jmh;

import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
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
import parsimony.benchmarks.peers.OpenBlasProduct;
import parsimony.core.backend.Backend;
import parsimony.core.backend.Backends;
import parsimony.core.tensor.Matrix;

/**
 * How fast is a product of f32 matrices? The column {@code gigaflops} is the answer: 2 · m · n · k operations per product, in 10⁹ per second. {@code
 * openBlas} is ND4J's BLAS with nothing copied; {@code backend} goes through the interface that the model uses, on {@code float[]}.
 *
 * <pre>parsimony jmh MatrixProduct -p shape=1024x1024x1024 -p backend=vector</pre>
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class MatrixProduct {
    /** Rows of A, columns of B, and what they share. */
    @State(Scope.Benchmark)
    public static class Shape {
        @Param({"1024x1024x1024", "2048x256x256", "2048x768x256", "2048x256x768", "2048x4096x256"})
        String shape;

        @Param("0")
        int threads;

        int m;
        int n;
        int k;

        @Setup
        public void parse() {
            String[] sizes = shape.split("x", -1);
            m = Integer.parseInt(sizes[0]);
            n = Integer.parseInt(sizes[1]);
            k = Integer.parseInt(sizes[2]);
        }

        int threads() {
            return threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
        }
    }

    /** Operands on the heap. */
    @State(Scope.Benchmark)
    public static class Ours {
        @Param({"vector", "nd4j"})
        String backend;

        Backend implementation;
        Matrix a;
        Matrix b;
        Matrix c;

        @Setup
        public void create(Shape shape) {
            implementation = Backends.create(backend, shape.threads());
            a = random(shape.m, shape.k);
            b = random(shape.k, shape.n);
            c = random(shape.m, shape.n);
        }

        @TearDown
        public void close() {
            implementation.close();
        }

        private static Matrix random(int rows, int columns) {
            SplittableRandom random = new SplittableRandom(1);
            float[] data = new float[rows * columns];
            for (int i = 0; i < data.length; i++) {
                data[i] = (float) random.nextDouble(-1, 1);
            }
            return Matrix.of(data, rows, columns);
        }
    }

    /** Operands in native memory. */
    @State(Scope.Benchmark)
    public static class Theirs {
        OpenBlasProduct product;

        @Setup
        public void create(Shape shape) {
            product = new OpenBlasProduct(shape.m, shape.n, shape.k, shape.threads());
        }
    }

    /** Operations done, which JMH divides by the time. */
    @AuxCounters(AuxCounters.Type.OPERATIONS)
    @State(Scope.Thread)
    public static class Operations {
        public double gigaflops;

        void count(Shape shape) {
            gigaflops += 2e-9 * shape.m * shape.n * shape.k;
        }
    }

    @Benchmark
    public Matrix backend(Shape shape, Ours ours, Operations operations) {
        ours.implementation.multiply(ours.a, false, ours.b, false, ours.c, false);
        operations.count(shape);
        return ours.c;
    }

    @Benchmark
    public Object openBlas(Shape shape, Theirs theirs, Operations operations) {
        operations.count(shape);
        return theirs.product.multiply();
    }
}
