package parsimony.attention;

import java.util.List;
import parsimony.core.technique.Technique;

class LinearAttentionTest extends KernelizedContract<LinearAttention.Options> {
    @Override
    protected Technique<LinearAttention.Options> technique() {
        return new LinearAttention();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of();
    }

    @Override
    String spec() {
        return "linear";
    }

    @Override
    FeatureMap features() {
        return new LinearAttention.ShiftedElu();
    }
}
