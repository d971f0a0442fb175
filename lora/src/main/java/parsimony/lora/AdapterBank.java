package parsimony.lora;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import parsimony.core.autograd.Tape;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.ForwardContext.Span;
import parsimony.core.model.Linear;
import parsimony.core.model.LinearAdapter;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Paper;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;
import parsimony.core.train.FineTuner;

/**
 * Many adapters on one base in one batch: the frozen matrices are multiplied once for all sequences, and each sequence gets the change of its own adapter
 * (S-LoRA, Sheng et al., 2023, Section 4). {@link ForwardContext#withAdapters} says which sequence uses which.
 *
 * <p>What that paper adds to serve thousands of them, a memory pool shared with the caches and kernels that gather adapters of different ranks, is left out. Adapters that are learned prefixes are not
 * served so: they would differ by sequence in the attention.
 */
@Paper(survey = 260)
public final class AdapterBank {
    private AdapterBank() {}

    /**
     * A copy of a model on which several adapters lie side by side, none of which is used unless a forward pass asks for it.
     *
     * @param folders of the adapters, numbered from 0 on in this order
     */
    public static Transformer attach(Transformer base, List<Path> folders) throws IOException {
        List<Transformer> adapted = new ArrayList<>();
        for (Path folder : folders) {
            Transformer one = FineTuner.attach(base, folder);
            if (!one.isMergeable()) {
                throw new IOException(folder + " holds a learned prefix, which cannot lie beside other adapters");
            }
            adapted.add(one);
        }
        Transformer result = base.frozen();
        List<Linear> linears = result.linears();
        for (int i = 0; i < linears.size(); i++) {
            int index = i;
            List<LinearAdapter> adapters = new ArrayList<>();
            adapted.forEach(model -> adapters.add(model.linears().get(index).adapter()));
            linears.get(i).setAdapter(new Switch(adapters));
        }
        return result;
    }

    /** Gives each sequence its own adapter of one matrix; an entry may be null. */
    private record Switch(List<LinearAdapter> adapters) implements LinearAdapter {
        @Override
        public Tensor input(ForwardContext context, Tensor x) {
            return bySequence(context, x, x, (adapter, ofX, _) -> adapter.input(context, ofX));
        }

        @Override
        public Tensor output(ForwardContext context, Tensor x, Tensor y) {
            return bySequence(context, x, y, (adapter, ofX, ofY) -> adapter.output(context, ofX, ofY));
        }

        /** {@code start} with the rows of every sequence that has an adapter replaced by what that gives. */
        private Tensor bySequence(ForwardContext context, Tensor x, Tensor start, Change change) {
            if (Tape.isOpen()) {
                throw new IllegalStateException("adapters are trained one at a time");
            }
            Tensor result = start;
            for (Span span : context.spans()) {
                LinearAdapter adapter = span.adapter() < 0 ? null : adapters.get(span.adapter());
                if (adapter == null) {
                    continue;
                }
                if (result == start) {
                    result = start.copy();
                }
                Tensor changed = change.of(adapter, rows(x, span), rows(start, span));
                System.arraycopy(changed.array(), 0, result.array(), span.firstRow() * start.columns(), changed.size());
            }
            return result;
        }

        private static Tensor rows(Tensor x, Span span) {
            int columns = x.columns();
            int from = span.firstRow() * columns;
            return Tensor.of(Arrays.copyOfRange(x.array(), from, from + span.rows() * columns), span.rows(), columns);
        }

        @Override
        public WeightStorage merged(WeightStorage frozen) {
            throw new IllegalStateException("several adapters cannot be merged into one matrix: choose one");
        }

        /** What an adapter does with the rows of one sequence. */
        private interface Change {
            Tensor of(LinearAdapter adapter, Tensor x, Tensor y);
        }
    }
}
