package parsimony.core.model;

import java.util.List;
import java.util.Map;
import parsimony.core.tensor.Tensor;

/** One layer of the stack. A block decides what it computes and what it remembers; it need not be attention and feed-forward. */
public interface Block {
    /**
     * @param index the block's place in the stack, under which a sequence keeps its state
     * @param x [rows, hidden]
     * @return [rows, hidden]
     */
    Tensor forward(ForwardContext context, int index, Tensor x);

    /** An empty state for a new sequence. */
    SequenceState newState();

    /** The layer's matrices, in the order in which data flows through them. */
    List<Linear> linears();

    /** The same matrices, gathered by what they read. */
    List<InputGroup> inputGroups();

    /** The layer's vectors, such as norm weights, under their names in a checkpoint. */
    Map<String, Tensor> vectors();

    /** A block that shares this one's weights until one of the two is changed. */
    Block copy();
}
