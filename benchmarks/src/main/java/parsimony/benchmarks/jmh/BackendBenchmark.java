package parsimony.benchmarks.jmh;

import java.io.IOException;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
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
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.backend.Backends;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.io.LanguageModel;
import parsimony.core.io.LanguageModel.Embedded;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.BlockFormat;
import parsimony.core.tensor.BlockStorage;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/**
 * Every backend at the same work: a product of the host's matrices, there and back; a prepared matrix × vector and × a batch, whose weights are where the backend wants them; and a
 * whole decode step of the embedded model, from a token to its logits. A backend that does not work here has no numbers.
 */
@Lesson("Every backend at the same work")
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
public class BackendBenchmark {
    private static final int CONTEXT = 64;

    /** What computes. */
    @Param({"scalar", "vector", "nd4j", "opencl"})
    public String backend;

    /** How many threads of the processor compute. */
    @Param("2")
    public int threads;

    private Backend made;

    /** Makes the backend. */
    @Setup
    public void prepare() {
        made = Backends.create(backend, threads);
    }

    /** Ends it. */
    @TearDown
    public void close() {
        made.close();
    }

    /** Two matrices and the place for their product. */
    @State(Scope.Benchmark)
    public static class Factors {
        /** Rows, columns and inner size are the same. */
        @Param({"64", "512"})
        public int size;

        private Matrix a;
        private Matrix b;
        private Matrix c;

        /** Fills the factors. */
        @Setup
        public void prepare() {
            a = tensor(1, size, size).matrix();
            b = tensor(2, size, size).matrix();
            c = Tensor.zeros(size, size).matrix();
        }
    }

    /** A layer's weights, prepared, and its inputs. */
    @State(Scope.Benchmark)
    public static class Layer {
        /** Outputs and inputs of the layer. */
        @Param({"768x256", "4096x4096"})
        public String shape;

        /** How the weights are stored. */
        @Param({"f32", "f16", "q8_0", "q4_0", "int4"})
        public String storage;

        /** Vectors that are multiplied at once. */
        @Param({"1", "64"})
        public int batch;

        private WeightStorage stored;
        private PreparedMatrix weights;
        private Tensor x;
        private Tensor y;

        /** Quantizes and prepares the weights. */
        @Setup
        public void prepare(BackendBenchmark benchmark) {
            String[] sizes = shape.split("x", -1);
            int out = Integer.parseInt(sizes[0]);
            int in = Integer.parseInt(sizes[1]);
            stored = stored(new TensorStorage(tensor(3, out, in)), storage);
            weights = benchmark.made.prepare(stored);
            x = tensor(4, batch, in);
            y = Tensor.zeros(batch, out);
        }

        static WeightStorage stored(WeightStorage weights, String storage) {
            return switch (storage) {
                case "f32" -> DenseStorage.of(DataType.F32, weights);
                case "f16" -> DenseStorage.of(DataType.F16, weights);
                case "q8_0" -> BlockStorage.of(BlockFormat.Q8_0, weights);
                case "q4_0" -> BlockStorage.of(BlockFormat.Q4_0, weights);
                default -> integers(weights.rows(), weights.columns());
            };
        }

        /** 4 bits in groups of 32, each with a scale and a zero point. */
        private static WeightStorage integers(int out, int in) {
            GridStorage.Builder builder = new GridStorage.Builder(out, in, 4, 32, false, DataType.F16);
            SplittableRandom random = new SplittableRandom(6);
            for (int row = 0; row < out; row++) {
                for (int i = 0; i < builder.groups(); i++) {
                    builder.setGrid(row, i, new Grid(4, 0.125f, random.nextInt(16)));
                }
                for (int i = 0; i < in; i++) {
                    builder.setCode(row, i, random.nextInt(16));
                }
            }
            return builder.build();
        }
    }

    /** A model that has read a context. */
    @State(Scope.Benchmark)
    public static class Model {
        /** What is done to the model first. */
        @Param({"dense", "rtn:bits=4,group=32"})
        public String technique;

        private Ops ops;
        private Transformer model;
        private Sequence sequence;

        /** Reads the context. */
        @Setup
        public void prepare(BackendBenchmark benchmark) throws IOException {
            ops = new Ops(benchmark.made);
            Transformer embedded = LanguageModel.embedded(Embedded.TARGET).transformer();
            model = TechniqueSpec.parse(technique).apply(embedded, TechniqueContext.of(benchmark.made));
            sequence = model.newSequence();
            model.read(
                    ops,
                    sequence,
                    new SplittableRandom(5).ints(CONTEXT, 2, 4096).toArray());
        }

        /** Gives the cache's memory back. */
        @TearDown
        public void close() {
            sequence.close();
        }
    }

    private static Tensor tensor(long seed, int... shape) {
        SplittableRandom random = new SplittableRandom(seed);
        Tensor tensor = Tensor.zeros(shape);
        for (int i = 0; i < tensor.size(); i++) {
            tensor.array()[i] = (float) random.nextDouble(-1, 1);
        }
        return tensor;
    }

    /** A product of the host's matrices; gives C. */
    @Benchmark
    public float[] product(Factors factors, Work work) {
        made.multiply(factors.a, false, factors.b, true, factors.c, false);
        work.gigaflop += 2e-9 * factors.size * factors.size * factors.size;
        return factors.c.data();
    }

    /** Inputs of the host × prepared weights; gives the outputs [batch, out] on the host. */
    @Benchmark
    public float[] layer(Layer layer, Work work) {
        layer.weights.multiply(layer.x, layer.y);
        work.countProduct((long) layer.stored.rows() * layer.stored.columns(), layer.stored.bytes(), layer.batch);
        return layer.y.array();
    }

    /** One token after the context, which is forgotten again; gives its logits. */
    @Benchmark
    public float[] decodeStep(Model model, Work work) {
        Tensor logits = model.model.forward(ForwardContext.next(model.ops, model.sequence, 7));
        model.sequence.rollback();
        work.gigabytes += 1e-9 * model.model.bytes();
        return logits.array();
    }

    /** Runs this benchmark. */
    public static void main(String[] arguments) throws RunnerException {
        new Runner(new OptionsBuilder()
                        .include(BackendBenchmark.class.getSimpleName())
                        .build())
                .run();
    }
}
