package parsimony.lora;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import parsimony.core.autograd.Ops;
import parsimony.core.autograd.Tape;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Linear;
import parsimony.core.tensor.LowRankStorage;
import parsimony.core.tensor.SumStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.Tensor.GradientSlot;
import parsimony.core.tensor.WeightStorage;

/** y + scaling · B A x: the change of LoRA (Hu et al., 2022, Eq. 3). */
final class LowRankAdapter implements TunedAdapter {
    private final Tensor a;
    private final Tensor b;
    private final float scaling;
    private final double dropout;
    private final long seed;

    /**
     * @param a [rank, in]
     * @param b [out, rank]
     * @param dropout probability that a number of the input is left out in training; those that stay grow by as much
     * @param seed of what is left out
     */
    LowRankAdapter(Tensor a, Tensor b, float scaling, double dropout, long seed) {
        this.a = a;
        this.b = b;
        this.scaling = scaling;
        this.dropout = dropout;
        this.seed = seed;
    }

    /** A change of nothing: A uniform within ±1 / √in, which is He's initialisation with a = √5 as the authors' code has it, and B zero. */
    static LowRankAdapter begin(Linear linear, int rank, float scaling, double dropout, SplittableRandom random) {
        Tensor a = Tensor.zeros(rank, linear.inputs()).setTrainable(true);
        double bound = 1 / Math.sqrt(linear.inputs());
        for (int i = 0; i < a.size(); i++) {
            a.array()[i] = (float) random.nextDouble(-bound, bound);
        }
        Tensor b = Tensor.zeros(linear.outputs(), rank).setTrainable(true);
        return new LowRankAdapter(a, b, scaling, dropout, random.nextLong());
    }

    @Override
    public Tensor output(ForwardContext context, Tensor x, Tensor y) {
        Ops ops = context.ops();
        return ops.addScaled(y, scaling, ops.multiply(ops.multiply(thinned(context, x), a), b));
    }

    /**
     * The input with some numbers left out, while a tape is open. Which ones depends on the text alone, so that training that is taken up again leaves out the same.
     */
    private Tensor thinned(ForwardContext context, Tensor x) {
        if (dropout == 0 || !Tape.isOpen()) {
            return x;
        }
        SplittableRandom random = new SplittableRandom(seed ^ Arrays.hashCode(context.tokens()) * 0x9E3779B97F4A7C15L);
        float grown = (float) (1 / (1 - dropout));
        float[] kept = new float[x.size()];
        for (int i = 0; i < kept.length; i++) {
            kept[i] = random.nextDouble() < dropout ? 0 : grown;
        }
        Tensor y = x.zerosLike();
        for (int i = 0; i < kept.length; i++) {
            y.array()[i] = x.array()[i] * kept[i];
        }
        GradientSlot dx = x.gradientSlot();
        Ops.onBackward(y, List.of(Tensor.of(kept, kept.length)), List.of(), dy -> {
            float[] sums = dx.forAdding(Tensor::zeros).array();
            for (int i = 0; i < kept.length; i++) {
                sums[i] += dy.array()[i] * kept[i];
            }
        });
        return y;
    }

    /** Dense weights take the change in; others keep it beside them, at its low rank. */
    @Override
    public WeightStorage merged(WeightStorage frozen) {
        Tensor scaled = b.copy();
        for (int i = 0; i < scaled.size(); i++) {
            scaled.array()[i] *= scaling;
        }
        WeightStorage change = new LowRankStorage(TunedAdapter.dense(scaled), TunedAdapter.dense(a));
        WeightStorage sum = new SumStorage(frozen, change);
        return TunedAdapter.isDense(frozen) ? TunedAdapter.dense(sum.decode()) : sum;
    }

    @Override
    public Map<String, Tensor> tensors() {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        tensors.put("lora_A.weight", a);
        tensors.put("lora_B.weight", b);
        return tensors;
    }
}
