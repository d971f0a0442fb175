package parsimony.core.backend.opencl;

import java.util.ArrayList;
import java.util.List;
import parsimony.core.backend.DeviceAttention;
import parsimony.core.backend.opencl.DeviceQueue.LocalFloats;
import parsimony.core.tensor.Tensor;

/** Attention by attention.cl, or by attention_plain.cl where the device's limits do not allow that. */
final class OpenClAttention implements DeviceAttention {
    private final OpenClBackend backend;

    OpenClAttention(OpenClBackend backend) {
        this.backend = backend;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof OpenClAttention attention && attention.backend == backend;
    }

    @Override
    public int hashCode() {
        return System.identityHashCode(backend);
    }

    @Override
    public Tensor allocate(int rows, int columns) {
        return backend.tensors().lasting(rows, columns);
    }

    @Override
    public void release(Tensor allocated) {
        backend.tensors().release(allocated);
    }

    @Override
    public void copyRows(Tensor from, int row, int count, Tensor to, int toRow) {
        long columns = from.columns();
        backend.onDevice(() -> backend.queue()
                .copy(
                        backend.tensors().input(from),
                        row * columns,
                        backend.tensors().update(to),
                        toRow * columns,
                        count * columns));
    }

    @Override
    public void readRows(Tensor allocated, int row, int count, float[] target) {
        long columns = allocated.columns();
        backend.onDevice(() -> backend.queue()
                .read(backend.tensors().input(allocated), row * columns, target, 0, (int) (count * columns)));
    }

    @Override
    public void attend(Heads heads, Rows rows, Tensor queries, Tensor keys, Tensor values, Tensor output) {
        backend.onDevice(() -> {
            Kernels.Attention attention =
                    backend.kernels().attention(heads.headSize(), rows.count()).orElseThrow();
            Tensor branches = rows.branches();
            List<Object> arguments = new ArrayList<>(List.of(
                    backend.tensors().input(queries),
                    rows.first(),
                    rows.count(),
                    heads.heads(),
                    heads.keyValueHeads(),
                    heads.headSize(),
                    heads.scale(),
                    backend.tensors().input(keys),
                    backend.tensors().input(values),
                    rows.firstKey(),
                    rows.keys(),
                    rows.seenByFirst(),
                    branches == null ? rows.keys() : rows.keys() - branches.columns()));
            arguments.add(branches == null ? null : backend.tensors().input(branches));
            arguments.add(backend.tensors().update(output));
            int lanes = attention.lanes();
            int slots = attention.slots();
            if (lanes > 0) {
                int size = heads.headSize();
                for (int floats :
                        new int[] {lanes * (size + 1), lanes * size, slots * size, slots * size, slots * lanes}) {
                    arguments.add(new LocalFloats(floats));
                }
            }
            backend.queue()
                    .launch(
                            attention.kernel().handle(),
                            new long[] {Math.max(1, lanes), OpenClBackend.roundUp(rows.count(), slots), heads.heads()},
                            new long[] {Math.max(1, lanes), slots, 1},
                            arguments.toArray());
        });
    }
}
