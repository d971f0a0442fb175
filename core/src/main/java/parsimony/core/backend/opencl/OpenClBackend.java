package parsimony.core.backend.opencl;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import parsimony.core.backend.CompositeMatrix;
import parsimony.core.backend.DeviceAttention;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.backend.opencl.DeviceQueue.LocalFloats;
import parsimony.core.backend.opencl.Kernels.Gemm;
import parsimony.core.backend.opencl.Kernels.Kernel;
import parsimony.core.backend.vector.VectorBackend;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/**
 * Forward passes on a graphics card of any vendor, or on whatever else has an OpenCL 1.2 driver. Weights are sent once, by {@link #prepare}; inside a {@linkplain #pass pass} the
 * activations stay on the device, so that a decode step sends a token's embedding and angles and gets logits back. Outside of one, only products that are
 * worth the way go there. Gradients, and what the device has no kernel for, are the vector backend's: tensors come home for that.
 */
public final class OpenClBackend extends VectorBackend {
    /** Multiply-adds from which on a product of the host's matrices is worth the way to the device and back. */
    private static final long LEAST_WORK = 1 << 22;
    /** Rows, columns and inner size from which on it does enough with each number that it sends. */
    private static final int LEAST_REUSE = 32;

    private static final int LAUNCHES_MEASURED = 500;
    private static final int ROUND_TRIPS_MEASURED = 50;

    private final DeviceQueue queue;
    private final DeviceMemory memory;
    private final Kernels kernels;
    private final DeviceTensors tensors;
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
                    "%s, %s, %d compute units, %.1f GB; halves are read by vload_half, without cl_khr_fp16%s; gradients and the rest: %s",
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
    public Tensor pass(Supplier<Tensor> work) {
        return tensors.pass(work);
    }

    @Override
    public Tensor result(int... shape) {
        return tensors.inPass() ? tensors.result(shape) : super.result(shape);
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

    /** C = A · B or C += A · B; strides as in gemm.cl. */
    void gemm(
            int m,
            int n,
            int inner,
            Buffer a,
            int aRow,
            int aColumn,
            Buffer b,
            int bRow,
            int bColumn,
            Buffer c,
            boolean accumulate) {
        Gemm gemm = kernels.gemm().orElseThrow();
        boolean tiled = gemm.tile() > 1;
        long[] global = tiled
                ? new long[] {
                    Math.ceilDiv(n, gemm.tile()) * (long) gemm.columns(),
                    Math.ceilDiv(m, gemm.tile()) * (long) gemm.rows()
                }
                : new long[] {roundUp(n, gemm.columns()), m};
        queue.launch(
                gemm.kernel().handle(),
                global,
                new long[] {gemm.columns(), gemm.rows()},
                m,
                n,
                inner,
                a,
                aRow,
                aColumn,
                b,
                bRow,
                bColumn,
                c,
                accumulate ? 1 : 0);
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
            int aColumns = a.columns();
            int bColumns = b.columns();
            gemm(
                    m,
                    n,
                    inner,
                    left,
                    transposeA ? 1 : aColumns,
                    transposeA ? aColumns : 1,
                    right,
                    transposeB ? 1 : bColumns,
                    transposeB ? bColumns : 1,
                    product,
                    false);
            float[] numbers = new float[m * n];
            queue.read(product, 0, numbers, 0, numbers.length);
            store(numbers, c, accumulate);
        });
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
    public void swiGlu(Tensor gate, Tensor up, Tensor y) {
        kernel("swiglu", "swiglu")
                .ifPresentOrElse(
                        kernel -> onDevice(() -> launchEach(
                                kernel, y.size(), y.size(), tensors.input(gate), tensors.input(up), tensors.output(y))),
                        () -> super.swiGlu(gate, up, y));
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
