package parsimony.core.technique;

import java.util.List;
import parsimony.core.autograd.Ops;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.InputGroup;
import parsimony.core.tensor.Tensor;

/** Input groups outside a model, for tests that compare a technique's choice with that of its paper's code. */
public final class InputGroups {
    private InputGroups() {}

    /**
     * A group of the first block whose tensor was {@code inputs} [n, in].
     *
     * @param group whose part of the block needs to know nothing of the tokens
     */
    public static InputGroupTask task(InputGroup group, Tensor inputs, TechniqueContext context) {
        InputStatistics statistics = new InputStatistics(Statistic.INPUTS, context.backend());
        statistics.add(inputs);
        ForwardContext text = new ForwardContext(new Ops(context.backend()), null, null, List.of());
        return new InputGroupTask(group, statistics, List.of(text), 0, context);
    }
}
