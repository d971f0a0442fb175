package parsimony.core.backend.opencl;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import parsimony.core.backend.DeviceException;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.backend.opencl.DeviceProducts.Operand;
import parsimony.core.backend.opencl.Kernels.Kernel;
import parsimony.core.tensor.BlockFormat;
import parsimony.core.tensor.BlockStorage;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * Weights on the device, packed as they are stored where a kernel reads that form, as 32-bit floats otherwise. They are sent when they are prepared, and again only if they had
 * to make room for others in between.
 */
final class DeviceMatrix implements PreparedMatrix {
    /** Inputs up to which each is multiplied for itself, with the bits that it gets alone; from then on weights are worth unpacking. */
    static final int FEW = 8;

    /** What goes to the device at once where weights are decoded first. */
    private static final int FLOATS_AT_ONCE = 1 << 20;

    private final OpenClBackend backend;
    private final WeightStorage storage;
    private final String file;
    private final String options;
    private final Weights weights;

    /**
     * The buffers of a matrix, which are freed when no one holds the matrix any more.
     *
     * @param extra the kernels' last arguments
     */
    static final class Weights {
        private List<Buffer> buffers = List.of();
        private Object[] extra = {};
        private long lastPass;

        boolean isResident() {
            return !buffers.isEmpty();
        }

        /** The number of the pass that used them last. */
        long lastPass() {
            return lastPass;
        }

        void free(DeviceMemory memory) {
            buffers.forEach(memory::free);
            buffers = List.of();
        }
    }

    DeviceMatrix(OpenClBackend backend, WeightStorage storage) {
        this.backend = backend;
        this.storage = storage;
        file = file(storage);
        options = switch (storage) {
            case GridStorage grid ->
                "-DBITS=" + grid.bits() + " -DGROUP=" + grid.groupSize()
                        + (grid.scaleType() == DataType.F16 ? " -DHALF_SCALES" : "");
            case DenseStorage dense when dense.type() == DataType.BF16 -> "-DBFLOAT";
            default -> "";
        };
        weights = new Weights();
        synchronized (backend.queue()) {
            send();
        }
    }

    /** The kernels that read a form, or those of 32-bit floats, to which all others are decoded. */
    static String file(WeightStorage storage) {
        return switch (storage) {
            case DenseStorage dense when dense.type().bytes() == 2 -> "matvec_f16";
            case BlockStorage blocks when blocks.blocks() == BlockFormat.Q8_0 -> "matvec_q8_0";
            case BlockStorage blocks when blocks.blocks() == BlockFormat.Q4_0 -> "matvec_q4_0";
            case GridStorage _ -> "matvec_grid";
            default -> "matvec_f32";
        };
    }

    String file() {
        return file;
    }

    Weights weights() {
        return weights;
    }

    /** Whether all kernels that this form needs run on the device. */
    boolean hasKernels() {
        synchronized (backend.queue()) {
            Kernels kernels = backend.kernels();
            return kernels.gemm().isPresent()
                    && kernels.find(file, "matvec", options).isPresent()
                    && (isPlain() || kernels.find(file, "decode", options).isPresent());
        }
    }

    private boolean isPlain() {
        return file.equals("matvec_f32");
    }

    private void send() {
        List<Buffer> sent = new ArrayList<>();
        try {
            send(sent);
        } catch (DeviceException e) {
            sent.forEach(backend.memory()::free);
            throw e;
        }
        weights.buffers = sent;
        weights.lastPass = backend.tensors().passes();
    }

    private void send(List<Buffer> sent) {
        switch (storage) {
            case DenseStorage dense -> sent.add(sent(dense.data(), 0));
            case BlockStorage blocks when !isPlain() -> sent.add(sent(blocks.data(), 0));
            case GridStorage grid -> {
                // The kernel may read the byte after the last code.
                sent.add(sent(grid.codes(), 1));
                sent.add(sentScales(grid));
                Buffer zeroPoints = grid.symmetric() ? null : sent(grid.zeroPoints(), 1);
                if (zeroPoints != null) {
                    sent.add(zeroPoints);
                }
                int rowBytes = (int) (grid.codes().byteSize() / grid.rows());
                weights.extra = new Object[] {rowBytes, grid.groups(), sent.get(1), zeroPoints};
            }
            default -> sent.add(decoded());
        }
    }

    private Buffer sent(MemorySegment bytes, int more) {
        Buffer buffer = backend.memory().allocate(bytes.byteSize() + more);
        backend.queue().write(bytes, buffer, 0);
        return buffer;
    }

    private Buffer sentScales(GridStorage grid) {
        if (grid.scaleType() == DataType.F16) {
            return sent(grid.scales(), 0);
        }
        float[] scales = new float[grid.rows() * grid.groups()];
        grid.scaleType().read(grid.scales(), 0, scales.length, scales, 0);
        return sent(MemorySegment.ofArray(scales), 0);
    }

    private Buffer decoded() {
        int columns = storage.columns();
        Buffer buffer = backend.memory().allocate((long) storage.rows() * columns * Float.BYTES);
        int rowsAtOnce = Math.clamp(FLOATS_AT_ONCE / Math.max(1, columns), 1, storage.rows());
        float[] piece = new float[rowsAtOnce * columns];
        for (int first = 0; first < storage.rows(); first += rowsAtOnce) {
            int count = Math.min(rowsAtOnce, storage.rows() - first);
            for (int i = 0; i < count; i++) {
                storage.decodeRow(first + i, piece, i * columns);
            }
            MemorySegment numbers = MemorySegment.ofArray(piece).asSlice(0, (long) count * columns * Float.BYTES);
            backend.queue().write(numbers, buffer, (long) first * columns * Float.BYTES);
        }
        return buffer;
    }

    private Buffer resident() {
        if (!weights.isResident()) {
            send();
        }
        weights.lastPass = backend.tensors().passes();
        return weights.buffers.getFirst();
    }

    @Override
    public void multiply(Tensor x, Tensor y) {
        int inputs = x.rows();
        if (inputs <= FEW) {
            multiplyInPieces(x, y, inputs);
            return;
        }
        backend.onDevice(() -> {
            Buffer from = backend.tensors().input(x);
            Buffer to = backend.tensors().output(y);
            withFloats(floats -> backend.products()
                    .multiply(
                            inputs,
                            storage.rows(),
                            columns(),
                            Operand.of(from, columns(), false),
                            Operand.of(floats, columns(), true),
                            to,
                            false));
        });
    }

    /** Each input is multiplied for itself, however many there are. */
    @Override
    public void multiplyInPieces(Tensor x, Tensor y, int rowsAtOnce) {
        int inputs = x.rows();
        if (inputs == 0) {
            return;
        }
        backend.onDevice(() -> {
            Buffer from = backend.tensors().input(x);
            Buffer to = backend.tensors().output(y);
            Buffer packed = resident();
            Kernel kernel = backend.kernels().find(file, "matvec", options).orElseThrow();
            backend.queue()
                    .launch(
                            kernel.handle(),
                            new long[] {(long) storage.rows() * kernel.lanes(), inputs},
                            new long[] {kernel.lanes(), 1},
                            withExtra(columns(), packed, from, to, new DeviceQueue.LocalFloats(kernel.lanes())));
        });
    }

    @Override
    public void multiplyTransposed(Tensor dy, Tensor dx) {
        backend.onDevice(() -> {
            Buffer from = backend.tensors().input(dy);
            Buffer to = backend.tensors().update(dx);
            withFloats(floats -> backend.products()
                    .multiply(
                            dy.rows(),
                            columns(),
                            storage.rows(),
                            Operand.of(from, storage.rows(), false),
                            Operand.of(floats, columns(), false),
                            to,
                            true));
        });
    }

    private int columns() {
        return storage.columns();
    }

    private interface Use {
        void of(Buffer floats);
    }

    /** Lets a product have the weights as 32-bit floats [out, in]. */
    private void withFloats(Use use) {
        Buffer packed = resident();
        if (isPlain()) {
            use.of(packed);
            return;
        }
        Buffer floats = backend.memory().borrow((long) storage.rows() * columns() * Float.BYTES);
        Kernel kernel = backend.kernels().find(file, "decode", options).orElseThrow();
        backend.queue()
                .launch(
                        kernel.handle(),
                        new long[] {OpenClBackend.roundUp(columns(), kernel.lanes()), storage.rows()},
                        new long[] {kernel.lanes(), 1},
                        withExtra(columns(), packed, floats));
        use.of(floats);
        backend.memory().giveBack(floats);
    }

    private Object[] withExtra(Object... arguments) {
        List<Object> all = new ArrayList<>(List.of(arguments));
        for (Object last : weights.extra) {
            all.add(last);
        }
        return all.toArray();
    }

    @Override
    public long extraBytes() {
        return weights.buffers.stream().mapToLong(Buffer::bytes).sum();
    }
}
