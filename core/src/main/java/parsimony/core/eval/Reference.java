package parsimony.core.eval;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.Tensor;

/**
 * The model that others are compared with. What its last block gives for a text is kept from the first evaluation on, if it is not too large, so that comparing
 * many models with it costs one pass of its own and not many. Its weights must not change meanwhile.
 */
public final class Reference {
    /** Numbers that are kept at most: 256 MB. */
    private static final long MOST_KEPT = 64L << 20;

    private final Transformer model;
    private Evaluator evaluator;
    private HeldOutText text;
    private final List<Tensor> kept = new ArrayList<>();

    public Reference(Transformer model) {
        this.model = model;
    }

    /** The model itself. */
    public Transformer model() {
        return model;
    }

    /** What {@code compute} gives for a forward pass of an evaluation, computed or remembered; passes come in order. */
    Tensor states(Evaluator byEvaluator, HeldOutText ofText, int pass, Supplier<Tensor> compute) {
        if (ofText.tokens() * model.config().hiddenSize() > MOST_KEPT) {
            return compute.get();
        }
        if (evaluator != byEvaluator || !ofText.equals(text)) {
            kept.clear();
            evaluator = byEvaluator;
            text = ofText;
        }
        if (pass == kept.size()) {
            kept.add(compute.get());
        }
        return kept.get(pass);
    }
}
