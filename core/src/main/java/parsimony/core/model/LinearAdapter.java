package parsimony.core.model;

import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * A small change of a frozen {@link Linear}, kept apart from its weights, that can be trained and exchanged at run time: the seam of LoRA and its family. The
 * frozen matrix is multiplied once, whatever the adapter does before and after.
 */
public interface LinearAdapter {
    /**
     * What the frozen matrix reads in place of {@code x}.
     *
     * @param x [n, in]
     * @return [n, in]
     */
    default Tensor input(ForwardContext context, Tensor x) {
        return x;
    }

    /**
     * What the layer gives.
     *
     * @param x what the layer read [n, in]
     * @param y what the frozen matrix gave [n, out]
     * @return [n, out]
     */
    default Tensor output(ForwardContext context, Tensor x, Tensor y) {
        return y;
    }

    /**
     * Weights that give without this adapter what the layer gives with it.
     *
     * @param frozen [out, in], left as they are
     */
    WeightStorage merged(WeightStorage frozen);
}
