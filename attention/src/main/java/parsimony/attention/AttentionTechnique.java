package parsimony.attention;

import parsimony.core.model.AttentionDesign;
import parsimony.core.model.Block;
import parsimony.core.model.LlamaBlock;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueException;

/** A technique that exchanges a part of each block's attention and leaves the weights alone. */
abstract class AttentionTechnique<O extends Record> implements Technique<O> {
    /**
     * Another design for one block.
     *
     * @param block the block's place in the stack
     */
    abstract AttentionDesign design(
            AttentionDesign before, TransformerConfig shape, O options, int block, TechniqueContext context);

    @Override
    public Transformer apply(Transformer model, O options, TechniqueContext context) {
        Transformer result = model.copy();
        for (int i = 0; i < result.blocks().size(); i++) {
            LlamaBlock block = llama(name(), result.blocks().get(i));
            block.setAttention(design(block.attention(), model.config(), options, i, context));
        }
        return result;
    }

    /** The block, if it is one whose attention is known. */
    static LlamaBlock llama(String technique, Block block) {
        if (block instanceof LlamaBlock llama) {
            return llama;
        }
        throw new TechniqueException(technique + " knows the attention of Llama's blocks, not of "
                + block.getClass().getSimpleName());
    }

    @Override
    public Suite suite() {
        return Suite.ATTENTION;
    }

    /** Checks an option that counts something. */
    static void positive(int value, String name) {
        if (value < 1) {
            throw new IllegalArgumentException(name + " must be at least 1, not " + value);
        }
    }
}
