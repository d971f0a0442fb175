package parsimony.core.model;

class NaiveAttentionTest extends AttentionKernelContract {
    @Override
    protected AttentionKernel kernel() {
        return new NaiveAttention();
    }
}
