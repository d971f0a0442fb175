package parsimony.core.backend.opencl;

import java.lang.foreign.MemorySegment;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import parsimony.core.backend.CompositeMatrix;
import parsimony.core.backend.DeviceAttention;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.backend.opencl.DeviceProducts.Operand;
import parsimony.core.backend.opencl.DeviceQueue.LocalFloats;
import parsimony.core.backend.opencl.Kernels.Kernel;
import parsimony.core.backend.vector.VectorBackend;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/**
 * Forward passes and training on a graphics card of any vendor, or on whatever else has an OpenCL 1.2 driver. Weights are sent once, by {@link #prepare}; inside a {@linkplain
 * #pass pass} the activations stay on the device, so that a decode step sends a token's embedding and angles and gets logits back, and a step of training sends tokens and gets losses
 * back: gradients, moments and parameters come home when the pass around the steps ends. Outside of one, only products that are worth the way go there. What the device has no kernel
 * for is the vector backend's: tensors come home for that.
 */
public final class OpenClBackend extends VectorBackend {
    /** Multiply-adds from which on a product of the host's matrices is worth the way to the device and back. */
    private static final long LEAST_WORK = 1 << 22;
    /** Rows, columns and inner size from which on it does enough with each number that it sends. */
    private static final int LEAST_REUSE = 32;

    /** Rows whose gradients of a norm's weight an item adds up. */
    private static final int ROWS_OF_PART = 64;
    /** Numbers whose squares a group adds up, and groups there are at most. */
    private static final int NUMBERS_OF_GROUP = 1 << 11;

    private static final int MOST_GROUPS = 1 << 10;

    private static final int LAUNCHES_MEASURED = 500;
    private static final int ROUND_TRIPS_MEASURED = 50;

    private final DeviceQueue queue;
    private final DeviceMemory memory;
    private final Kernels kernels;
    private final DeviceTensors tensors;
    private final DeviceProducts products;
    private final boolean everything;
    private final List<Prepared> prepared = new ArrayList<>();

    /** The buffers of a matrix beside the matrix itself, which may be gone. */
    private record Prepared(WeakReference<DeviceMatrix> matrix, DeviceMatrix.Weights weights) {}

    /**
     * Takes the device that {@link Device#choose} finds.
     *
     * @param threads of the vector backend
     * @throws parsimony.core.backend.DeviceException if there is no library, no driver or no device; the message says what to install
     */
    public OpenClBackend(int threads) {
        this(threads, limits -> limits, false);
    }

    /**
     * A backend on a device that pretends to have other limits.
     *
     * @param everything whether the device computes all that it has kernels for, worth the way or not
     */
    OpenClBackend(int threads, UnaryOperator<Limits> pretended, boolean everything) {
        this(threads, openQueue(), pretended, everything);
    }

    private OpenClBackend(int threads, DeviceQueue queue, UnaryOperator<Limits> pretended, boolean everything) {
        super(threads);
        this.everything = everything;
        this.queue = queue;
        Limits limits = pretended.apply(queue.device().limits());
        memory = new DeviceMemory(queue, limits);
        memory.setRelief(this::makeRoom);
        kernels = new Kernels(queue, limits);
        tensors = new DeviceTensors(queue, memory);
        products = new DeviceProducts(queue, kernels, tensors);
    }

    private static DeviceQueue openQueue() {
        OpenCl library = OpenCl.load();
        return new DeviceQueue(library, Device.choose(library));
    }

    DeviceQueue queue() {
        return queue;
    }

    DeviceMemory memory() {
        return memory;
    }

    Kernels kernels() {
        return kernels;
    }

    DeviceTensors tensors() {
        return tensors;
    }

    DeviceProducts products() {
        return products;
    }

    @Override
    public String name() {
        return "opencl";
    }

    @Override
    public String description() {
        synchronized (queue) {
            kernels.findAll();
            Device device = queue.device();
            return String.format(
                    Locale.ROOT,
                    "%s, %s, %d compute units, %.1f GB; halves are read by vload_half, without cl_khr_fp16%s; what has no kernel: %s",
                    device.name(),
                    device.gpu() ? "a graphics card" : "no graphics card",
                    device.computeUnits(),
                    device.limits().globalBytes() / 1e9,
                    kernels.reasons().isEmpty() ? "" : "; " + String.join("; ", kernels.reasons()),
                    super.description());
        }
    }

    @Override
    public int rowsAlike() {
        return DeviceMatrix.FEW;
    }

    @Override
    public Optional<String> launchOverhead() {
        synchronized (queue) {
            return kernels.find("nothing", "nothing").map(kernel -> {
                long[] one = {1};
                queue.launch(kernel.handle(), one, one);
                queue.finish();
                long start = System.nanoTime();
                for (int i = 0; i < LAUNCHES_MEASURED; i++) {
                    queue.launch(kernel.handle(), one, one);
                }
                long given = System.nanoTime();
                queue.finish();
                long done = System.nanoTime();
                for (int i = 0; i < ROUND_TRIPS_MEASURED; i++) {
                    queue.launch(kernel.handle(), one, one);
                    queue.finish();
                }
                return String.format(
                        Locale.ROOT,
                        "an empty kernel takes %.1f µs to be given, %.1f µs one after the other, %.1f µs there and back",
                        (given - start) / 1e3 / LAUNCHES_MEASURED,
                        (done - start) / 1e3 / LAUNCHES_MEASURED,
                        (System.nanoTime() - done) / 1e3 / ROUND_TRIPS_MEASURED);
            });
        }
    }

    @Override
    public <T> T pass(Supplier<T> work) {
        return tensors.pass(work);
    }

    @Override
    public Tensor result(int... shape) {
        return tensors.inPass() ? tensors.result(shape) : super.result(shape);
    }

    @Override
    public Tensor zeros(int... shape) {
        if (!tensors.inPass()) {
            return super.zeros(shape);
        }
        Tensor zeros = tensors.result(shape);
        kernel("elementwise", "fill")
                .ifPresentOrElse(
                        kernel -> onDevice(
                                () -> launchEach(kernel, zeros.size(), zeros.size(), 0f, tensors.output(zeros))),
                        () -> Arrays.fill(zeros.array(), 0));
        return zeros;
    }

    @Override
    public Tensor copy(Tensor x) {
        if (!tensors.inPass()) {
            return super.copy(x);
        }
        Tensor copy = tensors.result(x.shape());
        onDevice(() -> queue.copy(tensors.input(x), 0, tensors.output(copy), 0, x.size()));
        return copy;
    }

    @Override
    public void close() {
        synchronized (queue) {
            if (!queue.isClosed()) {
                queue.finish();
                kernels.close();
                memory.close();
                queue.close();
            }
        }
        super.close();
    }

    // ---- Weights ------------------------------------------------------------------------------------------------

    /** Weights in training stay with the host, which changes them in place; all others are sent to the device. */
    @Override
    public PreparedMatrix prepare(WeightStorage storage) {
        return CompositeMatrix.of(storage, this, this::prepare).orElseGet(() -> prepareWhole(storage));
    }

    private PreparedMatrix prepareWhole(WeightStorage storage) {
        if (storage instanceof TensorStorage) {
            return super.prepare(storage);
        }
        synchronized (queue) {
            freeUnreachable();
            DeviceMatrix matrix = new DeviceMatrix(this, storage);
            if (!matrix.hasKernels()) {
                matrix.weights().free(memory);
                return super.prepare(storage);
            }
            prepared.add(new Prepared(new WeakReference<>(matrix), matrix.weights()));
            return matrix;
        }
    }

    private void freeUnreachable() {
        prepared.removeIf(one -> {
            boolean unreachable = one.matrix.refersTo(null);
            if (unreachable) {
                one.weights.free(memory);
            }
            return unreachable;
        });
    }

    /** Takes the weights of models that neither this pass nor the one before it has used; they are sent again when they are. */
    private void makeRoom() {
        freeUnreachable();
        for (Prepared one : prepared) {
            if (one.weights.lastPass() < tensors.passes() - 1) {
                one.weights.free(memory);
            }
        }
    }

    // ---- Ops ----------------------------------------------------------------------------------------------------

    /** Runs an op with the queue to itself, in the thread's pass or in one of its own. */
    void onDevice(Runnable op) {
        if (tensors.inPass()) {
            synchronized (queue) {
                op.run();
            }
        } else {
            synchronized (queue) {
                tensors.alone(op);
            }
        }
    }

    /** The kernel of an op, if the op is to run on the device. */
    private Optional<Kernel> kernel(String file, String name) {
        if (!everything && !tensors.inPass()) {
            return Optional.empty();
        }
        synchronized (queue) {
            return kernels.find(file, name);
        }
    }

    static long roundUp(long count, int multiple) {
        return Math.ceilDiv(count, multiple) * multiple;
    }

    private void launchEach(Kernel kernel, int count, Object... arguments) {
        queue.launch(
                kernel.handle(), new long[] {roundUp(count, kernel.lanes())}, new long[] {kernel.lanes()}, arguments);
    }

    /** One group for each row. */
    private void launchRows(Kernel kernel, int rows, Object... arguments) {
        queue.launch(kernel.handle(), new long[] {kernel.lanes(), rows}, new long[] {kernel.lanes(), 1}, arguments);
    }

    @Override
    public void multiply(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix c, boolean accumulate) {
        checkProduct(a, transposeA, b, transposeB, c);
        int m = c.rows();
        int n = c.columns();
        int inner = transposeA ? a.rows() : a.columns();
        if (!isWorthTheWay(m, n, inner)) {
            super.multiply(a, transposeA, b, transposeB, c, accumulate);
            return;
        }
        onDevice(() -> {
            Buffer left = tensors.borrow((long) m * inner);
            Buffer right = tensors.borrow((long) inner * n);
            Buffer product = tensors.borrow((long) m * n);
            queue.write(a, left);
            queue.write(b, right);
            products.multiply(
                    m,
                    n,
                    inner,
                    Operand.of(left, a.columns(), transposeA),
                    Operand.of(right, b.columns(), transposeB),
                    product,
                    false);
            float[] numbers = new float[m * n];
            queue.read(product, 0, numbers, 0, numbers.length);
            store(numbers, c, accumulate);
        });
    }

    /**
     * What the device has stays there, and parameters in training go there; what else it has not is sent if the product is worth the way. Where a product is computed must not
     * depend on which step of a training is the first since a checkpoint was read, or its bits would.
     */
    @Override
    public void multiply(Tensor a, boolean transposeA, Tensor b, boolean transposeB, Tensor c, boolean accumulate) {
        int m = c.rows();
        int n = c.columns();
        int inner = transposeA ? a.rows() : a.columns();
        boolean there = belongsThere(a) && belongsThere(b);
        if (!tensors.inPass() || c.size() == 0 || inner == 0 || !(there || isWorthTheWay(m, n, inner))) {
            super.multiply(a, transposeA, b, transposeB, c, accumulate);
            return;
        }
        onDevice(() -> products.multiply(
                m,
                n,
                inner,
                Operand.of(tensors.input(a), a.columns(), transposeA),
                Operand.of(tensors.input(b), b.columns(), transposeB),
                accumulate ? tensors.update(c) : tensors.output(c),
                accumulate));
    }

    private boolean belongsThere(Tensor x) {
        return tensors.has(x) || x.isTrainable();
    }

    private boolean isWorthTheWay(int m, int n, int inner) {
        long work = (long) m * n * inner;
        boolean worth = everything || (work >= LEAST_WORK && Math.min(m, Math.min(n, inner)) >= LEAST_REUSE);
        if (work == 0 || !worth) {
            return false;
        }
        synchronized (queue) {
            return kernels.gemm().isPresent();
        }
    }

    private static void store(float[] numbers, Matrix to, boolean add) {
        for (int row = 0; row < to.rows(); row++) {
            int at = to.offset() + row * to.stride();
            for (int i = 0; i < to.columns(); i++) {
                float number = numbers[row * to.columns() + i];
                to.data()[at + i] = add ? to.data()[at + i] + number : number;
            }
        }
    }

    @Override
    public void add(Tensor x, Tensor y) {
        addScaled(1, x, y);
    }

    @Override
    public void addScaled(float factor, Tensor x, Tensor y) {
        kernel("elementwise", "add_scaled")
                .ifPresentOrElse(
                        kernel -> onDevice(() ->
                                launchEach(kernel, y.size(), y.size(), factor, tensors.input(x), tensors.update(y))),
                        () -> super.addScaled(factor, x, y));
    }

    @Override
    public void addBias(Tensor bias, Tensor y) {
        kernel("elementwise", "add_bias")
                .ifPresentOrElse(
                        kernel -> onDevice(() -> launchEach(
                                kernel, y.size(), y.size(), bias.size(), tensors.input(bias), tensors.update(y))),
                        () -> super.addBias(bias, y));
    }

    @Override
    public void scaleColumns(Tensor x, Tensor factors, Tensor y) {
        kernel("elementwise", "scale_columns")
                .ifPresentOrElse(
                        kernel -> onDevice(() -> launchEach(
                                kernel,
                                y.size(),
                                y.size(),
                                factors.size(),
                                tensors.input(x),
                                tensors.input(factors),
                                tensors.output(y))),
                        () -> super.scaleColumns(x, factors, y));
    }

    @Override
    public void rmsNorm(Tensor x, Tensor weight, float epsilon, Tensor y) {
        kernel("rms_norm", "rms_norm")
                .ifPresentOrElse(
                        kernel -> onDevice(() -> launchRows(
                                kernel,
                                x.rows(),
                                x.columns(),
                                epsilon,
                                tensors.input(x),
                                tensors.input(weight),
                                tensors.output(y),
                                new LocalFloats(kernel.lanes()))),
                        () -> super.rmsNorm(x, weight, epsilon, y));
    }

    @Override
    public void rmsNormBackward(Tensor x, Tensor weight, float epsilon, Tensor dy, Tensor dx, Tensor dWeight) {
        Optional<Kernel> found =
                kernel("elementwise", "sum_parts").flatMap(sums -> kernel("rms_norm", "rms_norm_backward"));
        if (found.isEmpty()) {
            super.rmsNormBackward(x, weight, epsilon, dy, dx, dWeight);
            return;
        }
        onDevice(() -> {
            Kernel kernel = found.get();
            int rows = x.rows();
            int columns = x.columns();
            Buffer inverses = tensors.borrow(rows);
            launchRows(
                    kernel,
                    rows,
                    columns,
                    epsilon,
                    tensors.input(x),
                    tensors.input(weight),
                    tensors.input(dy),
                    tensors.update(dx),
                    inverses,
                    new LocalFloats(kernel.lanes()));
            if (dWeight != null && rows > 0) {
                Kernel ofWeight = kernels.find("rms_norm", "rms_norm_weight").orElseThrow();
                int parts = Math.ceilDiv(rows, ROWS_OF_PART);
                Buffer sums = tensors.borrow((long) parts * columns);
                queue.launch(
                        ofWeight.handle(),
                        new long[] {roundUp(columns, ofWeight.lanes()), parts},
                        new long[] {ofWeight.lanes(), 1},
                        rows,
                        columns,
                        ROWS_OF_PART,
                        tensors.input(x),
                        tensors.input(dy),
                        inverses,
                        sums);
                products.addParts(columns, parts, sums, tensors.update(dWeight), true);
            }
        });
    }

    @Override
    public void swiGlu(Tensor gate, Tensor up, Tensor y) {
        kernel("swiglu", "swiglu")
                .ifPresentOrElse(
                        kernel -> onDevice(() -> launchEach(
                                kernel, y.size(), y.size(), tensors.input(gate), tensors.input(up), tensors.output(y))),
                        () -> super.swiGlu(gate, up, y));
    }

    @Override
    public void swiGluBackward(Tensor gate, Tensor up, Tensor dy, Tensor dGate, Tensor dUp) {
        kernel("swiglu", "swiglu_backward")
                .ifPresentOrElse(
                        kernel -> onDevice(() -> launchEach(
                                kernel,
                                dy.size(),
                                dy.size(),
                                tensors.input(gate),
                                tensors.input(up),
                                tensors.input(dy),
                                tensors.update(dGate),
                                tensors.update(dUp))),
                        () -> super.swiGluBackward(gate, up, dy, dGate, dUp));
    }

    @Override
    public void rotate(Tensor x, int heads, Tensor cosines, Tensor sines, boolean interleaved, boolean inverse) {
        kernel("rope", "rope")
                .ifPresentOrElse(
                        kernel -> onDevice(() -> {
                            int headSize = x.columns() / heads;
                            int pairs = x.rows() * heads * (headSize / 2);
                            launchEach(
                                    kernel,
                                    pairs,
                                    pairs,
                                    heads,
                                    headSize,
                                    interleaved ? 1 : 0,
                                    inverse ? -1f : 1f,
                                    tensors.input(cosines),
                                    tensors.input(sines),
                                    tensors.update(x));
                        }),
                        () -> super.rotate(x, heads, cosines, sines, interleaved, inverse));
    }

    /** Scores that attention has on the host stay there: only a backend that is to compute everything sends them. */
    @Override
    public void softmax(Matrix x, float[] logSumExp, int offset) {
        Optional<Kernel> found = everything ? kernel("softmax", "softmax") : Optional.empty();
        if (found.isEmpty()) {
            super.softmax(x, logSumExp, offset);
            return;
        }
        onDevice(() -> {
            Kernel kernel = found.get();
            Buffer scores = tensors.borrow((long) x.rows() * x.columns());
            Buffer sums = tensors.borrow(x.rows());
            queue.write(x, scores);
            launchRows(kernel, x.rows(), x.columns(), scores, sums, new LocalFloats(kernel.lanes()));
            float[] numbers = new float[x.rows() * x.columns()];
            queue.read(scores, 0, numbers, 0, numbers.length);
            store(numbers, x, false);
            queue.read(sums, 0, logSumExp, offset, x.rows());
        });
    }

    // ---- Training -----------------------------------------------------------------------------------------------

    /** The kernel of an op whose main operand the device has, or is to have; any other is not sent for it. */
    private Optional<Kernel> kernel(String file, String name, Tensor operand) {
        return everything || belongsThere(operand) ? kernel(file, name) : Optional.empty();
    }

    private Buffer sent(int[] numbers) {
        Buffer buffer = tensors.borrow(numbers.length);
        queue.write(MemorySegment.ofArray(numbers), buffer, 0);
        return buffer;
    }

    @Override
    public Tensor embed(Tensor table, int[] tokens) {
        Optional<Kernel> kernel = tensors.inPass() ? kernel("embedding", "embed", table) : Optional.empty();
        if (kernel.isEmpty()) {
            return super.embed(table, tokens);
        }
        Tensor y = tensors.result(tokens.length, table.columns());
        onDevice(() -> launchEach(
                kernel.get(), y.size(), y.size(), y.columns(), tensors.input(table), sent(tokens), tensors.output(y)));
        return y;
    }

    @Override
    public void embedBackward(int[] tokens, Tensor dy, Tensor dTable) {
        Optional<Kernel> found = kernel("embedding", "embed_backward", dy);
        if (found.isEmpty() || tokens.length == 0) {
            super.embedBackward(tokens, dy, dTable);
            return;
        }
        int[] places = IntStream.range(0, tokens.length)
                .boxed()
                .sorted(Comparator.comparingInt(place -> tokens[place]))
                .mapToInt(place -> place)
                .toArray();
        int[] begins = IntStream.range(0, places.length)
                .filter(i -> i == 0 || tokens[places[i]] != tokens[places[i - 1]])
                .toArray();
        int[] firsts = Arrays.copyOf(begins, begins.length + 1);
        firsts[begins.length] = places.length;
        onDevice(() -> {
            Kernel kernel = found.get();
            queue.launch(
                    kernel.handle(),
                    new long[] {roundUp(dy.columns(), kernel.lanes()), begins.length},
                    new long[] {kernel.lanes(), 1},
                    dy.columns(),
                    sent(firsts),
                    sent(places),
                    sent(tokens),
                    tensors.input(dy),
                    tensors.update(dTable));
        });
    }

    @Override
    public void crossEntropy(Tensor logits, int[] targets, float gradientScale, float[] losses) {
        Optional<Kernel> found = kernel("cross_entropy", "cross_entropy", logits);
        if (found.isEmpty() || targets.length == 0) {
            super.crossEntropy(logits, targets, gradientScale, losses);
            return;
        }
        onDevice(() -> {
            Kernel kernel = found.get();
            Buffer ofRows = tensors.borrow(targets.length);
            launchRows(
                    kernel,
                    targets.length,
                    logits.columns(),
                    gradientScale,
                    tensors.update(logits),
                    sent(targets),
                    ofRows,
                    new LocalFloats(kernel.lanes()));
            queue.read(ofRows, 0, losses, 0, targets.length);
        });
    }

    @Override
    public void adamW(
            Tensor parameter,
            Tensor gradient,
            float gradientScale,
            Tensor firstMoment,
            Tensor secondMoment,
            AdamWStep step) {
        kernel("adam_w", "adam_w", gradient)
                .ifPresentOrElse(
                        kernel -> onDevice(() -> launchEach(
                                kernel,
                                parameter.size(),
                                parameter.size(),
                                gradientScale,
                                step.learningRate(),
                                step.beta1(),
                                step.beta2(),
                                (float) (1 / (1 - Math.pow(step.beta1(), step.step()))),
                                (float) (1 / (1 - Math.pow(step.beta2(), step.step()))),
                                step.epsilon(),
                                step.weightDecay(),
                                tensors.input(gradient),
                                tensors.update(parameter),
                                tensors.update(firstMoment),
                                tensors.update(secondMoment))),
                        () -> super.adamW(parameter, gradient, gradientScale, firstMoment, secondMoment, step));
    }

    @Override
    public double sumOfSquares(Tensor x) {
        Optional<Kernel> found = kernel("sum_of_squares", "sum_of_squares", x);
        if (found.isEmpty() || x.size() == 0) {
            return super.sumOfSquares(x);
        }
        Kernel kernel = found.get();
        int groups = (int) Math.clamp(Math.ceilDiv(x.size(), NUMBERS_OF_GROUP), 1, MOST_GROUPS);
        float[] sums = new float[groups];
        onDevice(() -> {
            Buffer ofGroups = tensors.borrow(groups);
            queue.launch(
                    kernel.handle(),
                    new long[] {(long) groups * kernel.lanes()},
                    new long[] {kernel.lanes()},
                    x.size(),
                    tensors.input(x),
                    ofGroups,
                    new LocalFloats(kernel.lanes()));
            queue.read(ofGroups, 0, sums, 0, groups);
        });
        double sum = 0;
        for (float part : sums) {
            sum += part;
        }
        return sum;
    }

    // ---- Attention ----------------------------------------------------------------------------------------------

    @Override
    public Optional<DeviceAttention> deviceAttention() {
        if (!tensors.inPass()) {
            return Optional.empty();
        }
        synchronized (queue) {
            return kernels.haveAttention() ? Optional.of(new OpenClAttention(this)) : Optional.empty();
        }
    }
}
